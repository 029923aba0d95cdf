//! `writes` and `withdraw`: what is queued, and how it is taken back.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::owner::owner;
use super::run::{Outbox, QueuedState};
use super::view::no_journal;
use crate::journal::{Fold, Intent, IntentGoal, IntentId, Standing};
use crate::value::Error;
use crate::write::queued::QueuedEnd;

/// A queued write of this user, returned by [`Outbox::writes`].
#[derive(Clone, Debug)]
pub struct QueuedWrite {
    intent: Box<Intent>,
    state: QueuedState,
}

/// What a queued write does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum QueuedKind {
    /// It changes a resource: `save` or `update`.
    Change,
    /// It creates a resource at its address: `create`.
    Create,
    /// It removes a resource: `delete`.
    Delete,
    /// It adds a document to a collection: `post`.
    Post,
}

impl QueuedWrite {
    /// Returns the id of the write. Writes that are sent together have the same id.
    pub fn id(&self) -> IntentId {
        self.intent.id
    }

    /// Returns what it does. Combined writes are shown as the one that is sent for all of them.
    pub fn kind(&self) -> QueuedKind {
        match self.intent.goal {
            IntentGoal::Replace => QueuedKind::Change,
            IntentGoal::Create => QueuedKind::Create,
            IntentGoal::Delete => QueuedKind::Delete,
            IntentGoal::Append => QueuedKind::Post,
        }
    }

    /// Returns whether it waits, was sent or is open.
    pub fn state(&self) -> QueuedState {
        self.state
    }

    /// Returns the address of the resource, or of the collection for a `post`.
    pub fn url(&self) -> &str {
        &self.intent.url
    }

    /// Returns the id of the resource in its collection.
    pub fn resource_id(&self) -> Option<&str> {
        self.intent.resource.as_deref()
    }

    /// Returns when it was queued first, by the clock of the machine.
    pub fn queued_at(&self) -> SystemTime {
        let since = Duration::from_millis(self.intent.queued_at);
        // A damaged mark may hold any number.
        UNIX_EPOCH.checked_add(since).unwrap_or(UNIX_EPOCH)
    }
}

impl Outbox {
    /// Lists the queued writes of this user, the oldest first, for a program that shows what has not been sent yet.
    ///
    /// Writes of handles that were not named with [`of`](Self::of) are listed too.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal or its authenticator does not name the user.
    pub fn writes(&self) -> Result<Vec<QueuedWrite>, Error> {
        let journal = self.shared.journal.as_ref().ok_or_else(no_journal)?;
        let owner = owner(&self.shared)?;
        let mut writes: Vec<_> = journal.read(|fold| {
            let own = fold.all().filter(|it| {
                // The steps of a transaction are made together, and not one by one.
                let is_single = it.intent.group.is_none() || it.open.is_some();
                it.intent.owner == owner && is_single
            });
            own.map(|standing| {
                let order = (
                    standing.intent.queued_at,
                    standing.at.file,
                    standing.intent.place,
                );
                let write = QueuedWrite {
                    intent: standing.intent.clone(),
                    state: QueuedState::of(standing),
                };
                (order, write)
            })
            .collect()
        });
        writes.sort_by_key(|(order, _)| *order);
        Ok(writes.into_iter().map(|(_, write)| write).collect())
    }

    /// Takes back a queued write that was never sent. Returns whether it was taken back.
    ///
    /// It returns `false` if the write has ended, was sent, is being sent, or is open; an open write is
    /// [discarded](crate::OpenWrite::discard) instead. Writes that were combined are taken back together. Later writes to the
    /// same resource stay: each of them makes its own change only, and an edit of a resource whose creation was taken back is
    /// open. [`Queued::settled`](crate::Queued::settled) of the write returns `Gone`.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal or its authenticator does not name the user, and `Journal` if the
    /// journal fails.
    pub async fn withdraw(&self, id: IntentId) -> Result<bool, Error> {
        let journal = self.shared.journal.as_ref().ok_or_else(no_journal)?;
        let owner = owner(&self.shared)?;
        let shared = self.shared.clone();
        let told = move || shared.outbox.tell(id, &QueuedEnd::Withdrawn);
        let is_fixed = |fold: &Fold| {
            let standing = fold.get(id).filter(|it| it.intent.owner == owner);
            standing.is_none_or(|standing| !self.may_withdraw(fold, standing))
        };
        let withdrawn = journal.end_unless_then(id, is_fixed, told).await;
        withdrawn.map_err(Error::journal)
    }

    fn may_withdraw(&self, fold: &Fold, standing: &Standing) -> bool {
        let key = standing.intent.chain();
        let is_first = fold.chain(&key).next().map(|first| first.intent.id);
        let is_first = is_first == Some(standing.intent.id);
        let is_single = standing.intent.group.is_none();
        is_single && standing.is_untouched() && !(is_first && self.shared.outbox.is_running(&key))
    }
}
