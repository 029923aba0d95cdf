//! `outbox`: sends the queued writes, once or for as long as the program runs.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::backoff::Backoff;
use super::chain::{self, ChainRun, Stop};
use super::group::Group;
use super::owner::owner;
use super::view::no_journal;
use super::writer;
use crate::journal::{ChainKey, IntentId, Journal, Standing, StepRole};
use crate::lease::Isolation;
use crate::operations::{Handle, ResourceData};
use crate::retry::later;
use crate::value::{Error, ErrorKind};
use crate::write::request::target::Shared;

/// How many resources are written to at once.
const AT_ONCE: usize = 8;
/// After this many resources in a row whose server did not respond, a drain ends. One of them alone may be the reason.
const MOST_UNREACHABLE: u32 = 3;
/// How often the journals of processes that have ended are looked for.
const ADOPT_EVERY: Duration = Duration::from_secs(30);

/// Sends queued writes, returned by [`Client::outbox`](crate::Client::outbox).
///
/// Writes to one resource are sent in their order, those of one process before those of another, and those to different
/// resources side by side. A write that is refused or conflicts stops only the later writes to its own resource. It is then
/// listed by [`conflicts`](crate::Collection::conflicts). A write that got no response, an overloaded server or expired
/// credentials is tried again later. Nothing expires.
///
/// A queued write needs the strategy and the format of its handle. Name the handles with [`of`](Self::of) when the program
/// starts. A handle that queues a write or lists its
/// conflicts in this process is known already. Other writes wait, and are counted as
/// [`others`](Drained::others), like those of other users.
///
/// It also ends the [transactions](crate::Client::transaction) of processes that have ended, and those whose outcome is not
/// known. Each of their steps is counted.
///
/// # Default
///
/// Up to 8 resources at once ([`at_once`](Self::at_once)).
pub struct Outbox {
    pub(super) shared: Arc<Shared>,
    at_once: usize,
    isolation: Option<Arc<dyn Isolation>>,
    fault: Option<Error>,
}

/// A handle that can send queued writes: a [`Collection`](crate::Collection) or a [`Resource`](crate::Resource).
pub trait SendsQueued {
    #[doc(hidden)]
    fn register(&self) -> Result<(), Error>;
}

/// Lets a handle send its queued writes.
pub(crate) fn register<T: ResourceData>(handle: &Handle<T>) -> Result<(), Error> {
    writer::register_handle(handle)
}

/// What [`Outbox::drain`] did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Number of writes that were applied. Writes that were queued for one resource and sent together count once.
    pub sent: usize,
    /// Number of writes that wait for a person.
    pub open: usize,
    /// Number of writes that are tried again later, or wait behind an open one.
    pub left: usize,
    /// Number of writes of other users, or of handles that were not named with [`Outbox::of`].
    pub others: usize,
    /// Why writes are left, for people.
    pub why: Option<String>,
}

/// The state of a queued write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueuedState {
    /// It waits for its turn, or for the server.
    Waiting,
    /// A request of it was sent, and its outcome is not known yet.
    Sent,
    /// It waits for a person; see [`conflicts`](crate::Collection::conflicts).
    Open,
}

impl QueuedState {
    pub(super) fn of(standing: &Standing) -> Self {
        if standing.open.is_some() {
            Self::Open
        } else if standing.sent.is_empty() {
            Self::Waiting
        } else {
            Self::Sent
        }
    }
}

impl Outbox {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            at_once: AT_ONCE,
            isolation: None,
            fault: None,
        }
    }

    /// Names a collection or a resource whose queued writes are sent, with its strategy, format and other settings.
    ///
    /// This applies to all clones of the client. If the same collection is named twice, the last one counts.
    pub fn of(mut self, handle: &impl SendsQueued) -> Self {
        if let Err(error) = handle.register() {
            self.fault = Some(error);
        }
        self
    }

    /// Sets how many resources are written to at once (default 8, at least 1).
    pub fn at_once(self, resources: usize) -> Self {
        Self {
            at_once: resources.max(1),
            ..self
        }
    }

    /// Sets the leases under which transactions that were [isolated](crate::Transaction::isolated_by) are ended.
    ///
    /// Without it, those whose process has ended wait, and their steps are counted as [`others`](Drained::others).
    pub fn isolated_by(self, leases: &(impl Isolation + Clone)) -> Self {
        Self {
            isolation: Some(Arc::new(leases.clone())),
            ..self
        }
    }

    /// Tells a running [`run`](Self::run) that the server may be reachable again, for example when the network came back.
    pub fn nudge(&self) {
        self.shared.outbox.nudge();
    }

    /// Returns the state of a queued write of this user, or `None` if it has ended or the id is unknown.
    pub fn state(&self, id: IntentId) -> Option<QueuedState> {
        let journal = self.shared.journal.as_ref()?;
        let owner = owner(&self.shared).ok()?;
        journal.read(|fold| {
            let standing = fold.get(id).filter(|it| it.intent.owner == owner)?;
            Some(QueuedState::of(standing))
        })
    }

    /// Sends what can be sent now, and returns.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal, its authenticator does not name the user or a handle of
    /// [`of`](Self::of) is invalid, and `Journal` if the journal fails. A write that cannot be applied is not an error. It is counted in [`Drained`].
    pub async fn drain(mut self) -> Result<Drained, Error> {
        let (journal, _) = self.begin()?;
        journal.adopt().await.map_err(Error::journal)?;
        let mut drained = Drained::default();
        let mut chains = self.chains(&journal)?;
        let mut running = JoinSet::new();
        let mut unreachable = 0;
        loop {
            // The first chains show whether the server can be reached.
            let most = if drained.sent == 0 { 1 } else { self.at_once };
            while running.len() < most && unreachable < MOST_UNREACHABLE {
                let Some(key) = chains.pop() else { break };
                let (shared, isolation) = (self.shared.clone(), self.isolation.clone());
                running.spawn(async move { chain::run(&shared, key, isolation).await });
            }
            let Some(run) = running.join_next().await else {
                break;
            };
            let ChainRun { sent, stop } = joined(run)?;
            drained.sent += sent;
            match stop {
                Stop::Later {
                    why,
                    is_unreachable,
                } => {
                    unreachable = if is_unreachable { unreachable + 1 } else { 0 };
                    drained.why.get_or_insert(why);
                }
                _ => unreachable = 0,
            }
        }
        self.count(&journal, &mut drained)?;
        Ok(drained)
    }

    /// Sends queued writes for as long as it runs, whenever the server can be reached.
    ///
    /// Spawn it. It ends only with an error. Dropping it stops the sending, and loses nothing. While the authenticator names
    /// no user, nothing is sent. While the server does not respond, one write at a time is tried, after at most 1 second at
    /// first, and at most 5 minutes later. Then any response of the server to this client makes all of them due, and so does
    /// [`nudge`](Self::nudge) at any time.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal or a handle of [`of`](Self::of) is invalid, and `Journal` if the journal
    /// fails.
    pub async fn run(mut self) -> Error {
        let (journal, mut changes) = match self.begin() {
            Ok(begun) => begun,
            Err(error) => return error,
        };
        let (mut backoff, mut running) = (Backoff::default(), JoinSet::new());
        let (mut todo, mut adopted_at) = (Vec::new(), None::<Instant>);
        loop {
            if adopted_at.is_none_or(|at| at.elapsed() >= ADOPT_EVERY) {
                if let Err(error) = journal.adopt().await {
                    return Error::journal(error);
                }
                adopted_at = Some(Instant::now());
            }
            let nudged = self.shared.outbox.nudged();
            if todo.is_empty() {
                changes.mark_unchanged();
                // While no user is logged in, nothing is sent.
                todo = self.chains(&journal).unwrap_or_default();
            }
            let now = Instant::now();
            let mut wake = later(now, ADOPT_EVERY);
            while running.len() < self.at_once {
                if let Some(until) = backoff.server_until(now) {
                    wake = wake.min(until);
                    break;
                }
                // What is being sent shows whether the server responds.
                if backoff.is_unreachable() && !running.is_empty() {
                    break;
                }
                let Some(key) = todo.pop() else { break };
                if self.shared.outbox.is_running(&key) {
                    continue;
                }
                if let Some(until) = backoff.chain_until(&key, now) {
                    wake = wake.min(until);
                    continue;
                }
                let (shared, isolation) = (self.shared.clone(), self.isolation.clone());
                running.spawn(async move {
                    let run = chain::run(&shared, key, isolation).await;
                    run.map(|run| (key, run))
                });
            }
            self.shared
                .outbox
                .waits_for_server(backoff.is_unreachable());
            tokio::select! {
                Some(run) = running.join_next() => match joined(run) {
                    Err(error) => return error,
                    Ok((key, run)) => match run.stop {
                        Stop::Later { is_unreachable, .. } => {
                            let drawn = fastrand::f64();
                            backoff.failed(key, Instant::now(), is_unreachable, drawn);
                        }
                        _ => backoff.succeeded(&key),
                    },
                },
                _ = changes.changed() => {}
                () = nudged => backoff.nudge(Instant::now()),
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    fn begin(&mut self) -> Result<(Journal, tokio::sync::watch::Receiver<u64>), Error> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        let journal = self.shared.journal.clone().ok_or_else(no_journal)?;
        let changes = journal.changes();
        Ok((journal, changes))
    }

    /// Returns the chains of this user that can be sent, the oldest last. Those that got no response the last time are
    /// tried after the others, so that they cannot hold up all of them for ever.
    fn chains(&self, journal: &Journal) -> Result<Vec<ChainKey>, Error> {
        let owner = owner(&self.shared)?;
        let mut chains: Vec<_> = journal.read(|fold| {
            let ours = fold.heads().filter(|head| {
                let intent = &head.intent;
                head.open.is_none()
                    && intent.owner == owner
                    && self.shared.outbox.writer(&intent.handle).is_some()
            });
            let groups = fold.groups().filter(|((of, _), steps)| {
                let is_open = steps.iter().any(|step| step.open.is_some());
                *of == owner && !is_open && self.can_end(steps)
            });
            let groups = groups.filter_map(|(_, steps)| steps.first().copied());
            ours.chain(groups)
                .map(|head| {
                    let key = head.intent.chain();
                    let is_unanswered = self.shared.outbox.is_unanswered(&key);
                    (is_unanswered, head.at.file, head.intent.place, key)
                })
                .collect()
        });
        chains.sort_unstable();
        Ok(chains.into_iter().rev().map(|(.., key)| key).collect())
    }

    /// Whether a transaction can be ended here.
    fn can_end(&self, steps: &[&Standing]) -> bool {
        Group::can_run(steps, &self.shared, self.isolation.is_some())
    }

    fn count(&self, journal: &Journal, drained: &mut Drained) -> Result<(), Error> {
        let owner = owner(&self.shared)?;
        journal.read(|fold| {
            for standing in fold.all() {
                let intent = &standing.intent;
                let can_be_sent = match intent.group {
                    // The write that takes a step back is not counted beside the step.
                    Some(of) if of.role == StepRole::TakesBack && standing.open.is_none() => {
                        continue;
                    }
                    Some(_) => {
                        let steps: Vec<_> = fold.group(&intent.chain()).collect();
                        self.can_end(&steps)
                    }
                    None => self.shared.outbox.writer(&intent.handle).is_some(),
                };
                *(if intent.owner != owner || !can_be_sent {
                    &mut drained.others
                } else if standing.open.is_some() {
                    &mut drained.open
                } else {
                    &mut drained.left
                }) += 1;
            }
        });
        Ok(())
    }
}

/// Returns the result of a task. One that panicked is a fault of this crate, because it catches the panics of the
/// application.
fn joined<T>(task: Result<Result<T, Error>, tokio::task::JoinError>) -> Result<T, Error> {
    task.unwrap_or_else(|error| Err(Error::new(ErrorKind::Config, error.to_string())))
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("at_once", &self.at_once)
            .finish_non_exhaustive()
    }
}
