//! What the feed says, notice by notice.

use tokio::time::Instant;

use super::list::ListRun;
use super::{ClientGone, Driver, Told};
use crate::json::Document;
use crate::operations::Handle;
use crate::protocol::Notice;
use crate::retry::later;
use crate::store::SnapshotOrigin;
use crate::value::{Error, ErrorKind};
use crate::watch::keep::Filing;
use crate::watch::machine::Failure;
use crate::watch::request::Refused;

type Documents = Handle<serde_json::Value>;

impl Driver {
    /// Returns the id that a change means, and whether that is a guess. Its `text` may be an address that ends in the id, or an
    /// id with slashes.
    fn named(&self, id: String, text: Option<String>) -> (String, bool) {
        let Some(text) = text else {
            return (id, false);
        };
        let is_known =
            |id: &String| self.scope.only.as_ref() == Some(id) || self.core.machine().knows(id);
        if is_known(&text) {
            return (text, false);
        }
        let is_address = text.starts_with('/') || text.contains("://");
        let is_guess = !is_address && !is_known(&id);
        (id, is_guess)
    }

    fn is_watched(&self, id: &str) -> bool {
        let is_watched = self.scope.only.as_ref().is_none_or(|only| only == id);
        if !is_watched {
            self.core.machine().is_alive();
        }
        is_watched
    }

    fn handle_of(&self, documents: &Documents, id: &str) -> Documents {
        match self.scope.only {
            Some(_) => documents.clone(),
            None => documents.item(id),
        }
    }

    /// Tells the machine of all resources, as of a list.
    fn told_whole(
        &mut self,
        states: Vec<(String, Document)>,
        origin: SnapshotOrigin,
    ) -> Result<(), ClientGone> {
        let documents = self.documents()?;
        let Ok(target) = documents.target() else {
            return Ok(());
        };
        let items = states
            .into_iter()
            .map(|(id, state)| self.told_item(&target, target.url.path(), id, &state, origin));
        let run = ListRun::of_feed(items.collect());
        (self.list, self.list_tag) = (Some(run), None);
        self.core.machine().whole_begins();
        Ok(())
    }

    /// Leaves the feed because of what it says.
    fn breaks(&mut self, failure: Failure, why: &str) {
        let error = Error::new(
            ErrorKind::Status,
            format!("{}: {why}", self.scope.collection.path()),
        );
        self.fails(Refused { failure, error });
    }

    /// Tells the machine what the feed says.
    pub(super) async fn told(
        &mut self,
        notice: Notice,
        origin: SnapshotOrigin,
    ) -> Result<(), ClientGone> {
        match notice {
            Notice::Put {
                id,
                text,
                validator,
                body,
            } => {
                let (id, is_guess) = self.named(id, text);
                if !self.is_watched(&id) {
                    return Ok(());
                }
                let documents = self.documents()?;
                let Ok(target) = documents.target() else {
                    return Ok(());
                };
                let validator = match (validator, &body) {
                    (None, Some(body)) => self.version_in(&target, body),
                    (validator, _) => validator,
                };
                // A state that cannot be read is asked for, which tells why.
                let snapshot =
                    body.and_then(|body| Self::snapshot(&target, &body, validator.clone(), origin));
                let document = snapshot.as_ref().map(|snapshot| &snapshot.document);
                let version = (validator.is_some() || document.is_some())
                    .then(|| self.version(validator.as_ref(), document));
                if let Some(keeper) = self.keeper {
                    let handle = self.handle_of(&documents, &id);
                    let version = version.filter(|_| validator.is_some());
                    let filing = keeper.told(&handle, version, snapshot.as_ref()).await;
                    if self.is_for_snapshots && filing != Filing::MarkUnsure {
                        self.core.machine().is_alive();
                        return Ok(());
                    }
                }
                self.list_tag = None;
                self.remember(&id, validator.as_ref());
                let state = snapshot.map(|snapshot| Told::State(Box::new(snapshot)));
                let mut machine = self.core.machine();
                if is_guess {
                    machine.guesses(&id);
                }
                machine.changed(id, version, state);
            }
            Notice::Gone {
                id,
                text,
                validator,
            } => {
                let (id, is_guess) = self.named(id, text);
                if !self.is_watched(&id) {
                    return Ok(());
                }
                if let Some(keeper) = self.keeper {
                    let handle = self.handle_of(&self.documents()?, &id);
                    keeper.told_gone(&handle).await;
                }
                self.list_tag = None;
                let version = validator
                    .as_ref()
                    .map(|validator| self.version(Some(validator), None));
                let mut machine = self.core.machine();
                if is_guess {
                    machine.guesses(&id);
                }
                machine.removed(id, version);
            }
            Notice::Whole(states) => self.told_whole(states, origin)?,
            Notice::Something => self.core.machine().something_changed(),
            Notice::Position(position) => self.core.machine().reached(position),
            // Its bytes were a sign of life already.
            Notice::Alive => {}
            Notice::TooOld => {
                self.leave();
                self.core.machine().lost_place();
            }
            Notice::Failed => {
                self.breaks(Failure::Temporary(None), "the feed has reported a failure");
            }
            Notice::Forbidden => {
                self.breaks(Failure::Final, "the client may not follow the feed");
            }
            Notice::Unauthorized => {
                let documents = self.documents()?;
                let exchange = &documents.shared.exchange;
                let deadline = later(Instant::now(), exchange.limits.time);
                // A failure shows at the next request.
                let _ = exchange.renew(deadline).await;
                drop(documents);
                self.breaks(
                    Failure::Unauthorized,
                    "the feed has withdrawn the credentials",
                );
            }
        }
        Ok(())
    }
}
