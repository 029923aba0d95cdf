//! The documents of a journal in memory.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::error::JournalError;
use super::home::{Changes, Done, Home};
use super::mark::{MarkAt, MarkDocuments};

/// A home whose marks end with the process.
#[derive(Default)]
pub(super) struct MemoryHome(Mutex<HashMap<MarkAt, MarkDocuments>>);

#[async_trait]
impl Home for MemoryHome {
    fn write(&self, changes: Changes, done: Option<Done>) {
        // No code panics while holding this lock, so a poisoned lock is safe to use.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for at in &changes.outdated {
            kept.remove(at);
        }
        let new = changes.new.into_iter();
        kept.extend(new.map(|(at, _, documents)| (at, documents)));
        if let Some(done) = done {
            // The caller may have stopped waiting.
            let _ = done.send(Ok(()));
        }
    }

    async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(&at)
            .cloned()
            .ok_or_else(|| JournalError::Damaged("the documents of a mark are missing".into()))
    }
}
