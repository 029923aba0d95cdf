//! `conflicts`: lists the queued writes that wait for a person.

use std::collections::VecDeque;
use std::fmt;

use super::open_write::OpenWrite;
use super::owner::{handle_digest, owner};
use super::view::journal;
use super::writer;
use crate::journal::{IntentId, Journal, JournalError, MarkDocuments, Open, Standing};
use crate::operations::{Handle, ResourceData};
use crate::value::Error;

/// The queued writes of a handle that wait for a person, returned by [`Collection::conflicts`](crate::Collection::conflicts).
///
/// The list is made by the first call of [`next`](Self::next).
pub struct Conflicts<T> {
    handle: Handle<T>,
    left: Option<VecDeque<IntentId>>,
}

impl<T: ResourceData> Conflicts<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self { handle, left: None }
    }

    /// Returns the next open write, the oldest first, or `None` after the last one.
    ///
    /// Writes of other users are not shown.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal, and `Journal` if the journal cannot be read.
    pub async fn next(&mut self) -> Result<Option<OpenWrite<T>>, Error> {
        let journal = journal(&self.handle)?;
        if self.left.is_none() {
            self.left = Some(self.list(&journal)?);
        }
        loop {
            let Some(id) = self.left.as_mut().and_then(VecDeque::pop_front) else {
                return Ok(None);
            };
            let standing = journal.read(|fold| fold.get(id).cloned());
            // It may have been decided in the meantime.
            if let Some(standing) = standing
                && let Some((at, open)) = standing.open.clone()
            {
                let kept = readable(journal.present_documents(at).await)?;
                let own = readable(journal.present_documents(standing.at).await)?;
                let (Some(kept), Some(own)) = (kept, own) else {
                    continue;
                };
                let write = self.write(&standing, &open, kept, own);
                return write.map(Some);
            }
        }
    }

    /// Returns an open write, without its sides if this program cannot read them.
    fn write(
        &self,
        standing: &Standing,
        open: &Open,
        kept: MarkDocuments,
        own: MarkDocuments,
    ) -> Result<OpenWrite<T>, Error> {
        let new =
            |kept, own| OpenWrite::new(self.handle.clone(), standing.clone(), open, kept, own);
        let schema = &self.handle.schema;
        let migrated = schema.migrated(open.schema, kept).and_then(|kept| {
            let own = schema.migrated(standing.intent.schema, own)?;
            Ok((kept, own))
        });
        let read = migrated.and_then(|(kept, own)| new(kept, own));
        read.or_else(|why| {
            let write = new(MarkDocuments::default(), MarkDocuments::default())?;
            Ok(write.unreadable(why))
        })
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

/// Returns the documents of a mark, or empty ones if they are damaged, so that the write can still be shown and discarded.
fn readable(
    documents: Result<Option<MarkDocuments>, JournalError>,
) -> Result<Option<MarkDocuments>, Error> {
    match documents {
        Err(JournalError::Damaged(_)) => Ok(Some(MarkDocuments::default())),
        documents => documents.map_err(Error::journal),
    }
}

impl<T> fmt::Debug for Conflicts<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conflicts").finish_non_exhaustive()
    }
}
