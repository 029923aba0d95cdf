//! Sends the queued writes to one resource, in their order.

use std::sync::Arc;

use super::group::Group;
use super::owner::owner;
use super::temporary::may_pass;
use super::view::no_journal;
use crate::journal::{ChainKey, IntentGoal, Journal, JournalError, MarkDocuments, Open, Standing};
use crate::lease::Isolation;
use crate::value::{Error, ErrorKind, OpenSeen, observer};
use crate::write::queued::{QueuedEnd, Ran, Running};
use crate::write::request::target::Shared;

/// Why a chain is not sent any further.
#[derive(Debug)]
pub(super) enum Stop {
    /// Nothing is left to send.
    Empty,
    /// Someone else is sending it.
    Busy,
    /// Its first write waits for a person.
    Open,
    /// Its handle is not registered, or it belongs to another user.
    Foreign,
    /// It is tried again later.
    Later {
        /// The reason, for people.
        why: String,
        /// Whether the server did not respond at all.
        is_unreachable: bool,
    },
}

/// The number of writes that were sent, and why there are no more.
#[derive(Debug)]
pub(super) struct ChainRun {
    pub(super) sent: usize,
    pub(super) stop: Stop,
}

/// Sends the writes of one chain until it is empty or stops, or goes on with a transaction.
///
/// # Errors
///
/// Returns a `Journal` error if the journal fails.
pub(super) async fn run(
    shared: &Arc<Shared>,
    key: ChainKey,
    isolation: Option<Arc<dyn Isolation>>,
) -> Result<ChainRun, Error> {
    let journal = shared.journal.as_ref().ok_or_else(no_journal)?;
    let Some(running) = shared.outbox.begin(key) else {
        let stop = Stop::Busy;
        return Ok(ChainRun { sent: 0, stop });
    };
    let run = match Group::of(journal, &key) {
        Some(group) => group.run(shared, journal, key, isolation, running).await?,
        None => run_begun(shared, journal, key, running).await?,
    };
    let is_answered = !matches!(
        run.stop,
        Stop::Later {
            is_unreachable: true,
            ..
        }
    );
    shared.outbox.was_answered(key, is_answered);
    Ok(run)
}

/// As [`run`], with the right to send the writes.
async fn run_begun(
    shared: &Arc<Shared>,
    journal: &Journal,
    key: ChainKey,
    _running: Running,
) -> Result<ChainRun, Error> {
    let mut sent = 0;
    let stopped = |sent, stop| Ok(ChainRun { sent, stop });
    let mut before = None;
    loop {
        // Another user may have logged in since.
        if owner(shared).ok() != Some(key.0) {
            return stopped(sent, Stop::Foreign);
        }
        let first = journal.read(|fold| fold.chain(&key).next().cloned());
        let Some(first) = first else {
            return stopped(sent, Stop::Empty);
        };
        if first.open.is_some() {
            return stopped(sent, Stop::Open);
        }
        let Some(writer) = shared.outbox.writer(&first.intent.handle) else {
            return stopped(sent, Stop::Foreign);
        };
        let id = first.intent.id;
        match writer.run(&first, before.take()).await {
            Ok(Ran {
                end,
                error: None,
                result,
            }) => {
                // Before the mark is removed, so that a waiter is woken even if this future is dropped.
                shared.outbox.tell(id, &end);
                journal.ended(id).await.map_err(Error::journal)?;
                before = result;
                sent += 1;
            }
            Ok(Ran {
                end,
                error: Some(error),
                ..
            }) => {
                if let Some(stop) = temporary(&end, &error) {
                    return stopped(sent, stop);
                }
                if error.kind() == ErrorKind::Journal {
                    return Err(error);
                }
                shared.outbox.tell(id, &end);
                if first.goal() == IntentGoal::Delete && error.kind() == ErrorKind::NotFound {
                    // Nothing is there to be removed, so a person has nothing to decide.
                    journal.ended(id).await.map_err(Error::journal)?;
                    continue;
                }
                open(journal, &first, &error, &end, writer.schema()).await?;
                tell_open(shared, &first, &error);
                return stopped(sent, Stop::Open);
            }
            Err(error) if error.kind() == ErrorKind::Journal && !is_damaged(&error) => {
                return Err(error);
            }
            Err(_) if owner(shared).ok() != Some(key.0) => {
                return stopped(sent, Stop::Foreign);
            }
            // Too many writes wait for the resource.
            Err(error) if error.kind() == ErrorKind::Exhausted => {
                let stop = Stop::Later {
                    why: error.to_string(),
                    is_unreachable: false,
                };
                return stopped(sent, stop);
            }
            Err(error) => {
                let end = QueuedEnd::NotBegun(error.to_string());
                shared.outbox.tell(id, &end);
                open(journal, &first, &error, &end, writer.schema()).await?;
                tell_open(shared, &first, &error);
                return stopped(sent, Stop::Open);
            }
        }
    }
}

/// Whether only the documents of this write cannot be read.
pub(super) fn is_damaged(error: &Error) -> bool {
    matches!(error.journal_error(), Some(JournalError::Damaged(_)))
}

/// Keeps why a write waits for a person, with its sides.
async fn open(
    journal: &Journal,
    standing: &Standing,
    error: &Error,
    end: &QueuedEnd,
    schema: u32,
) -> Result<(), Error> {
    let open = Open {
        intent: standing.intent.id,
        schema,
        kind: error.kind().name().into(),
        message: error.to_string().into(),
        problem: error.problem().map(Into::into),
    };
    let documents = match end {
        QueuedEnd::Ran { done, .. } => MarkDocuments {
            base: done.state.base.clone(),
            local: done.state.local.clone(),
            remote: done.state.remote.snapshot().cloned(),
            unstamped: None,
        },
        QueuedEnd::NotBegun(_)
        | QueuedEnd::Superseded
        | QueuedEnd::Withdrawn
        | QueuedEnd::WithTransaction => MarkDocuments::default(),
    };
    let kept = journal.leave_open(open, documents).await;
    kept.map_err(Error::journal)
}

/// Tells the observer that a write waits for a person.
pub(super) fn tell_open(shared: &Shared, standing: &Standing, error: &Error) {
    let path = standing.intent.path();
    let seen = OpenSeen::new(&path, error.kind());
    observer::open(shared.observer.as_deref(), &seen);
}

/// Returns why a write is tried again later, or `None` if it would end in the same way.
fn temporary(end: &QueuedEnd, error: &Error) -> Option<Stop> {
    let QueuedEnd::Ran { done, .. } = end else {
        return None;
    };
    may_pass(done, error).then(|| Stop::Later {
        why: error.to_string(),
        is_unreachable: error.kind() == ErrorKind::Transport || error.status().is_none(),
    })
}
