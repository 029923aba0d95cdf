//! The open writes of the journal, each told once.

use std::collections::HashSet;

use tokio::sync::watch::Receiver;

use crate::journal::{IntentId, Journal, MarkAt};
use crate::operations::{Conflicts, Handle, OpenWrite, ResourceData};
use crate::value::Error;

/// Tells the open writes of a handle, and those that are open later.
pub(super) struct QueuedConflicts<T> {
    handle: Handle<T>,
    changes: Receiver<u64>,
    /// The list that is being told.
    list: Option<Conflicts<T>>,
    /// What this list has, and what the one before had.
    listed: HashSet<(IntentId, MarkAt)>,
    told: HashSet<(IntentId, MarkAt)>,
}

impl<T: ResourceData> QueuedConflicts<T> {
    pub(super) fn new(handle: Handle<T>, journal: &Journal) -> Self {
        Self {
            changes: journal.changes(),
            list: Some(Conflicts::new(handle.clone())),
            handle,
            listed: HashSet::new(),
            told: HashSet::new(),
        }
    }

    /// Returns the next open write, or `None` if no write is open now.
    pub(super) async fn next(&mut self) -> Result<Option<OpenWrite<T>>, Error> {
        loop {
            if self.list.is_none() && !self.changes.has_changed().unwrap_or(false) {
                return Ok(None);
            }
            let list = self.list.get_or_insert_with(|| {
                self.changes.mark_unchanged();
                Conflicts::new(self.handle.clone())
            });
            let Some(open) = list.next().await? else {
                self.told = std::mem::take(&mut self.listed);
                self.list = None;
                continue;
            };
            let new = open.opened().is_none_or(|at| {
                self.listed.insert(at);
                !self.told.contains(&at)
            });
            if new {
                return Ok(Some(open));
            }
        }
    }

    /// Waits until the journal has changed.
    pub(super) async fn changed(&mut self) {
        if self.changes.changed().await.is_err() {
            // The journal is closed.
            std::future::pending::<()>().await;
        }
        self.changes.mark_changed();
    }
}
