//! `conflicts`: lists the queued writes that wait for a person.

use std::collections::VecDeque;
use std::fmt;

use super::chain::is_damaged;
use super::open_write::{OpenWrite, Sides};
use super::owner::{handle_digest, owner};
use super::view::journal;
use super::writer;
use crate::journal::{IntentId, Journal, MarkAt, Open, Standing};
use crate::operations::{Handle, ResourceData};
use crate::value::Error;

/// The queued writes of a handle that wait for a person, returned by [`Collection::conflicts`](crate::Collection::conflicts).
///
/// The list is made by the first call of [`next`](Self::next). The handle is then known to the outbox, as after
/// [`Outbox::of`](crate::Outbox::of).
pub struct Conflicts<T> {
    handle: Handle<T>,
    left: Option<VecDeque<IntentId>>,
}

impl<T: ResourceData> Conflicts<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self { handle, left: None }
    }

    /// Returns the next open write, or `None` after the last one. Those that one process queued come in their order.
    ///
    /// Writes of other users are not shown. The future may be dropped before it is ready. Nothing is lost then.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal, its authenticator does not name the user or the address of the handle
    /// is invalid, and `Journal` if the journal cannot be read.
    pub async fn next(&mut self) -> Result<Option<OpenWrite<T>>, Error> {
        let journal = journal(&self.handle)?;
        if self.left.is_none() {
            self.left = Some(self.list(&journal)?);
        }
        loop {
            // It leaves the list when it is returned, so that a dropped future loses nothing.
            let Some(id) = self.left.as_ref().and_then(VecDeque::front).copied() else {
                return Ok(None);
            };
            let standing = journal.read(|fold| fold.get(id).cloned());
            // It may have been decided in the meantime.
            if let Some(standing) = standing
                && let Some((at, open)) = standing.open.clone()
            {
                let new = |sides: Sides| {
                    OpenWrite::new(self.handle.clone(), standing.clone(), &open, sides)
                };
                let sides = self.sides(&journal, &standing, at, &open).await;
                let write = match sides.and_then(|sides| sides.map(new).transpose()) {
                    Ok(Some(write)) => write,
                    // It has changed since.
                    Ok(None) => continue,
                    Err(error) if error.is_journal() && !is_damaged(&error) => return Err(error),
                    Err(error) => new(Sides::default())?.unreadable(error),
                };
                self.pass();
                return Ok(Some(write));
            }
            self.pass();
        }
    }

    fn pass(&mut self) {
        self.left.as_mut().and_then(VecDeque::pop_front);
    }

    /// Returns the documents of an open write, or `None` if it has changed since.
    async fn sides(
        &self,
        journal: &Journal,
        standing: &Standing,
        at: MarkAt,
        open: &Open,
    ) -> Result<Option<Sides>, Error> {
        let kept = journal.present_documents(at).await;
        let own = journal.present_documents(standing.at).await;
        let (Some(kept), Some(own)) = (kept.map_err(Error::journal)?, own.map_err(Error::journal)?)
        else {
            return Ok(None);
        };
        let schema = &self.handle.schema;
        Ok(Some(Sides {
            kept: schema.migrated(open.schema, kept)?,
            own: schema.migrated(standing.intent.schema, own)?,
        }))
    }

    fn list(&self, journal: &Journal) -> Result<VecDeque<IntentId>, Error> {
        let (owner, of) = (owner(&self.handle.shared)?, handle_digest(&self.handle)?);
        writer::register_first(&self.handle, of);
        let mut open: Vec<_> = journal.read(|fold| {
            let ours = fold.all().filter(|standing| {
                let intent = &standing.intent;
                standing.open.is_some() && intent.owner == owner && intent.handle == of
            });
            ours.map(|standing| (standing.at.file, standing.intent.place, standing.intent.id))
                .collect()
        });
        open.sort_unstable();
        Ok(open.into_iter().map(|(_, _, id)| id).collect())
    }
}

impl<T> fmt::Debug for Conflicts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflicts").finish_non_exhaustive()
    }
}
