//! Carries out what the machine decides. It runs only while the watch is polled.

mod body;
mod list;
mod look;
mod notices;
mod source;

use std::collections::HashMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;
use url::{Origin, Url};

use super::keep::Keeper;
use super::machine::{Action, Failure, Look, Machine, Version};
use super::request::Refused;
use crate::exchange::Watch as _;
use crate::operations::{Handle, ResourceData, WeakHandle};
use crate::protocol::{Feed, FoundVersion, Validator};
use crate::store::{SnapshotOrigin, StoredSnapshot};
use crate::support::hints::Hint;
use crate::value::{Error, WatchEvent, WatchSeen, observer};
use crate::write::request::reading;
use crate::write::request::target::Target;
use http::HeaderMap;
use ifmatch_merge::json::Document;
use list::ListRun;
use source::Source;

/// The documents of a watch, as far as the machine has to do with them.
pub(super) type Documents = WeakHandle<serde_json::Value>;
pub(super) type WatchMachine = Machine<String, Told, String>;

/// What is told of a resource.
#[derive(Debug)]
pub(super) enum Told {
    State(Box<StoredSnapshot>),
    Problem(Box<Error>),
}

/// The machine, which the watch and its driver share.
#[derive(Clone)]
pub(super) struct Core(Arc<Mutex<WatchMachine>>);

impl Core {
    pub(super) fn new(machine: WatchMachine) -> Self {
        Self(Arc::new(Mutex::new(machine)))
    }

    pub(super) fn machine(&self) -> MutexGuard<'_, WatchMachine> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is watched.
#[derive(Clone)]
pub(super) struct Scope {
    /// The address to which the paths of the feed are relative.
    pub(super) collection: Url,
    /// The id of the resource, if only one is watched.
    pub(super) only: Option<String>,
}

/// The part of a watch that sends requests. It keeps no client alive.
pub(super) struct Driver {
    pub(super) documents: Documents,
    pub(super) scope: Scope,
    pub(super) feed: Feed,
    pub(super) core: Core,
    /// Decides what may replace a cached snapshot. `None` if snapshots are left alone.
    pub(super) keeper: Option<Keeper>,
    /// Whether only cached snapshots matter, so that other resources are not read.
    pub(super) is_for_snapshots: bool,
    /// Other origins on which the feed may lie.
    pub(super) elsewhere: Vec<Origin>,
    hints: Receiver<Hint>,
    started: Instant,
    source: Option<Source>,
    list: Option<ListRun>,
    /// The entity tag of the last list, if it was one page and nothing else has told of a change since. The collection may be
    /// as it was listed again, and the consumer may not know.
    list_tag: Option<Validator>,
    /// The validators of states that were told, for conditional reads.
    validators: HashMap<String, Validator>,
    has_told_fallback: bool,
    /// Why the watch ends.
    ending: Option<Error>,
}

/// How many validators are kept. Without one, a read transfers the body.
const MOST_VALIDATORS: usize = 1_000;

/// The client is gone, so the watch ends.
pub(super) struct ClientGone;

impl Driver {
    pub(super) fn new(
        documents: &Handle<serde_json::Value>,
        scope: Scope,
        feed: Feed,
        core: Core,
    ) -> Self {
        Self {
            hints: documents.shared.hints.listen(),
            documents: documents.downgrade(),
            scope,
            feed,
            core,
            keeper: None,
            is_for_snapshots: false,
            elsewhere: Vec::new(),
            started: Instant::now(),
            source: None,
            list: None,
            list_tag: None,
            validators: HashMap::new(),
            has_told_fallback: false,
            ending: None,
        }
    }

    /// Follows the feed until the watch ends. Returns the error that has ended it.
    pub(super) async fn run(mut self) -> Option<Error> {
        loop {
            let now = self.started.elapsed();
            let action = self.core.machine().next(now, fastrand::f64());
            self.tell_fallback();
            let done = match action {
                Action::Stop => break,
                Action::Rest => {
                    rest().await;
                    Ok(())
                }
                Action::Wait(time) => self.wait(time).await,
                Action::List { anew } => self.list(anew).await,
                Action::Look(id) => self.look(id).await,
                Action::Open(from) => self.open(from).await,
                Action::Read(until) => self.read(until).await,
            };
            if let Err(ClientGone) = done {
                break;
            }
        }
        self.ending
    }

    fn documents(&self) -> Result<Handle<serde_json::Value>, ClientGone> {
        self.documents.upgrade().ok_or(ClientGone)
    }

    /// Waits, and takes hints meanwhile.
    async fn wait(&mut self, time: Duration) -> Result<(), ClientGone> {
        // Nothing is held while it waits.
        self.leave();
        let until = crate::retry::later(Instant::now(), time);
        loop {
            let wants_behind = self.core.machine().wants_behind();
            let hint = tokio::select! {
                () = tokio::time::sleep_until(until) => return Ok(()),
                hint = self.hints.recv() => Some(hint),
                () = rest(), if wants_behind => None,
            };
            if let Some(hint) = hint {
                self.hinted(hint)?;
            }
            // What was hinted at, or waits behind what was ready, is read at once. If that fails, the wait goes on.
            let mut last = None;
            loop {
                let wanted = self.core.machine().wanted();
                let Some(id) = wanted.filter(|id| last.as_ref() != Some(id)) else {
                    break;
                };
                last = Some(id.clone());
                self.look(id).await?;
            }
        }
    }

    /// Takes a hint of the application.
    fn hinted(&mut self, hint: Result<Hint, RecvError>) -> Result<(), ClientGone> {
        match hint {
            Ok(hint) if hint.collection != self.scope.collection.as_str() => {}
            Ok(hint)
                if self
                    .scope
                    .only
                    .as_ref()
                    .is_some_and(|only| *only != hint.id) => {}
            Ok(hint) => {
                self.list_tag = None;
                self.core.machine().hinted(hint.id);
            }
            Err(RecvError::Lagged(_)) => self.core.machine().something_changed(),
            Err(RecvError::Closed) => return Err(ClientGone),
        }
        Ok(())
    }

    /// Notes a failure that ends the watch.
    fn ends_with(&mut self, error: Error) {
        if self.ending.is_none() {
            self.ending = Some(error);
        }
    }

    /// Tells the machine that the feed has failed.
    fn fails(&mut self, refused: Refused) {
        self.source = None;
        #[cfg(feature = "tracing")]
        tracing::debug!(error = %refused.error, "a feed failed");
        let error = Some(refused.error.kind());
        self.tell(WatchEvent::Disconnected { error });
        self.core.machine().failed(refused.failure);
        self.keep_error(refused);
    }

    fn list_fails(&mut self, refused: Refused) {
        self.list = None;
        #[cfg(feature = "tracing")]
        tracing::debug!(error = %refused.error, "a list of a watch failed");
        let error = Some(refused.error.kind());
        self.tell(WatchEvent::Disconnected { error });
        self.core.machine().list_failed(refused.failure);
        self.keep_error(refused);
    }

    /// Keeps the error if the watch ends with it.
    fn keep_error(&mut self, refused: Refused) {
        if self.core.machine().has_ended() {
            self.ends_with(refused.error);
        }
    }

    fn tell_fallback(&mut self) {
        if !self.has_told_fallback && self.core.machine().has_fallen_back() {
            self.has_told_fallback = true;
            self.leave();
            self.tell(WatchEvent::FellBack);
        }
    }

    fn tell(&self, event: WatchEvent) {
        if let Ok(documents) = self.documents() {
            tell(&documents, event);
        }
    }

    /// Returns the version of a state.
    fn version(&self, validator: Option<&Validator>, document: Option<&Document>) -> Version {
        let text = document.map(Document::as_str);
        Version::of(validator, text, self.feed.counts_up)
    }

    /// Returns the snapshot of a state that an item of a list, or an event, shows. `None` if it shows no document.
    fn snapshot(
        target: &Target,
        body: &Document,
        validator: Option<Validator>,
        origin: SnapshotOrigin,
    ) -> Option<StoredSnapshot> {
        let depth = target.shared.exchange.limits.depth;
        let is_whole = validator.is_some();
        let unwrapped = target.envelope().unwrap_item(body, is_whole, depth)?;
        let snapshot = reading::snapshot(unwrapped, validator, HeaderMap::new(), origin);
        Some(snapshot)
    }

    /// Returns the version that the document itself contains, if it is a document of the API.
    fn version_in(&self, target: &Target, body: &Document) -> Option<Validator> {
        if self.feed.tells_states() {
            return None;
        }
        let now = std::time::SystemTime::now();
        match target.versioning.of_read(&HeaderMap::new(), body, now) {
            FoundVersion::Version(validator) => Some(validator),
            _ => None,
        }
    }

    fn remember(&mut self, id: &str, validator: Option<&Validator>) {
        match validator {
            Some(validator) => {
                if self.validators.len() >= MOST_VALIDATORS && !self.validators.contains_key(id) {
                    self.validators.clear();
                }
                self.validators.insert(id.to_owned(), validator.clone());
            }
            None => drop(self.validators.remove(id)),
        }
    }
}

/// Tells the observer what has happened to a watch.
pub(super) fn tell<T: ResourceData>(documents: &Handle<T>, event: WatchEvent) {
    if let Ok(target) = documents.target() {
        let seen = WatchSeen::new(target.template(), event);
        observer::watch(target.shared.observer.as_deref(), &seen);
    }
}

/// Lets the consumer in. It polls again when it asks for the next change.
pub(super) async fn rest() {
    let mut has_rested = false;
    poll_fn(|_| {
        if std::mem::replace(&mut has_rested, true) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    })
    .await;
}

/// Returns the address of a path of the feed, which is relative to the collection.
fn address(target: &Target, collection: &Url, path: &str) -> Result<Url, Refused> {
    if path.is_empty() {
        return Ok(target.url.clone());
    }
    let config = |error: crate::address::PathError| Refused {
        failure: Failure::Final,
        error: error.into(),
    };
    let mut url = crate::address::link(collection, path).map_err(config)?;
    if url.query().is_none() {
        url.set_query(target.url.query());
    }
    Ok(url)
}

/// Returns the look of an error.
fn look_of(refused: Refused) -> Look<Told> {
    let problem = Told::Problem(Box::new(refused.error));
    match refused.failure {
        Failure::TooOld => Look::Absent,
        Failure::Temporary(_) | Failure::Unauthorized => Look::Failed(problem),
        Failure::Final => Look::Problem(problem),
    }
}
