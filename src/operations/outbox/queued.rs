//! A queued write, for the program that queued it.

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use tokio::sync::oneshot;

use crate::journal::{IntentGoal, IntentId, JournalError};
use crate::operations::ResourceData;
use crate::operations::post::MadeResource;
use crate::operations::write_call::{Ended, concluded};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind, Saved, WriteReport};
use crate::write::queued::QueuedEnd;
use crate::write::request::target::Shared;

/// A write that is kept in the [journal](crate::Journal) until it has been applied.
///
/// It may be dropped. The write stays in the journal.
pub struct Queued<O> {
    id: IntentId,
    state: State<O>,
    /// Keeps the client alive, which tells how the write ended.
    shared: Arc<Shared>,
}

enum State<O> {
    Waiting(
        oneshot::Receiver<QueuedEnd>,
        fn(QueuedEnd) -> Result<O, Error>,
    ),
    /// There was nothing to write.
    Done(Box<O>),
}

impl<O> Queued<O> {
    pub(super) fn waiting(
        id: IntentId,
        shared: &Arc<Shared>,
        convert: fn(QueuedEnd) -> Result<O, Error>,
    ) -> Self {
        Self {
            id,
            state: State::Waiting(shared.outbox.wait(id), convert),
            shared: shared.clone(),
        }
    }

    pub(super) fn done(output: O, shared: &Arc<Shared>) -> Self {
        Self {
            id: IntentId::random(),
            state: State::Done(Box::new(output)),
            shared: shared.clone(),
        }
    }

    /// Returns the write if it was recorded.
    pub(super) fn kept(self, kept: Result<(), JournalError>) -> Result<Self, Error> {
        match kept {
            Ok(()) => Ok(self),
            Err(error) => {
                self.stop_waiting();
                Err(Error::journal(error))
            }
        }
    }

    /// Returns the write if it was recorded, or `None` if the queue had changed.
    pub(super) fn if_kept(self, kept: Result<bool, JournalError>) -> Result<Option<Self>, Error> {
        match kept {
            Ok(false) => {
                self.stop_waiting();
                Ok(None)
            }
            kept => self.kept(kept.map(|_| ())).map(Some),
        }
    }

    fn stop_waiting(self) {
        let Self { id, state, shared } = self;
        drop(state);
        shared.outbox.stop_waiting(id);
    }

    /// Returns the id of the write, by which a later process can [ask about it](crate::Outbox::state).
    ///
    /// Writes that are sent together have the same id.
    pub fn id(&self) -> IntentId {
        self.id
    }

    /// Waits until the write has been applied, or waits for a person.
    ///
    /// It only waits. [`Outbox::run`](crate::Outbox::run) or [`Outbox::drain`](crate::Outbox::drain) sends the write. As
    /// long as the server cannot be reached, the write stays queued, and this does not return.
    ///
    /// # Errors
    ///
    /// Returns the error of the write if it cannot be applied as it is. The write is then open: it is listed by
    /// [`conflicts`](crate::Collection::conflicts). Returns `Gone` if it was [withdrawn](crate::Outbox::withdraw), or a later
    /// queued write removed the resource before this one was sent. For a removal, it returns `NotFound` if the resource was
    /// never read and does not exist; the removal has then ended. Returns `Journal` if the journal failed before the write
    /// was recorded.
    pub async fn settled(self) -> Result<O, Error> {
        match self.state {
            State::Done(output) => Ok(*output),
            State::Waiting(waiter, convert) => match waiter.await {
                Ok(end) => convert(end),
                Err(_) => Err(Error::new(
                    ErrorKind::Journal,
                    "the write could not be queued, so it has no end",
                )),
            },
        }
    }
}

impl<O> fmt::Debug for Queued<O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queued")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

fn ended<T: ResourceData>(end: QueuedEnd) -> Result<Ended<T>, Error> {
    match end {
        QueuedEnd::Ran {
            target,
            id,
            done,
            report,
        } => concluded(target, id, done, report),
        QueuedEnd::NotBegun(why) => Err(Error::config(why)),
        QueuedEnd::Superseded => Err(Error::new(
            ErrorKind::Gone,
            "a later queued write removed the resource before this one was sent",
        )),
        QueuedEnd::Withdrawn => Err(Error::new(
            ErrorKind::Gone,
            "the write was withdrawn before it was sent",
        )),
        QueuedEnd::WithTransaction => Err(Error::config(
            "the write was a step of a transaction, which has ended: read the resource to see how",
        )),
    }
}

/// Returns the function for the result of a write with this goal, as one that stores a value.
pub(super) fn saved_by<T: ResourceData>(
    goal: IntentGoal,
) -> fn(QueuedEnd) -> Result<Saved<T>, Error> {
    match goal {
        IntentGoal::Append => posted::<T>,
        IntentGoal::Replace | IntentGoal::Create | IntentGoal::Delete => saved::<T>,
    }
}

/// Returns the result of a queued write for one that stores a value.
pub(super) fn saved<T: ResourceData>(end: QueuedEnd) -> Result<Saved<T>, Error> {
    ended::<T>(end)?.saved()
}

/// Returns the result of a queued write for a removal.
pub(super) fn removed<T: ResourceData>(end: QueuedEnd) -> Result<WriteReport, Error> {
    match end {
        QueuedEnd::Superseded => Ok(WriteReport::unchanged()),
        end => Ok(ended::<T>(end)?.report),
    }
}

/// Returns the result of a queued write for a document that was added to a collection.
pub(super) fn posted<T: ResourceData>(end: QueuedEnd) -> Result<Saved<T>, Error> {
    let ended = ended::<T>(end)?;
    let draft = ended.done.state.local.clone();
    let made = MadeResource::of(ended);
    let draft = draft.map(|draft| StoredSnapshot::new(draft, None, HeaderMap::new()));
    let shown = made.shown.clone().or(draft);
    match shown.and_then(|stored| made.versioned(stored)) {
        Some(versioned) => Ok(Saved::new(versioned, made.ended.report)),
        None => Err(made.unreadable()),
    }
}
