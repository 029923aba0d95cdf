//! A journal that stops at a change, as if the process had ended there, for tests.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::error::JournalError;
use super::home::{Changes, Done, Home};
use super::intent::Intent;
use super::mark::{Mark, MarkAt, MarkDocuments};
use super::{Journal, Secret, State};

/// What a journal keeps beyond its process.
#[derive(Default)]
pub(crate) struct Marks {
    kept: Mutex<Kept>,
    stopped: Notify,
}

#[derive(Default)]
struct Kept {
    marks: BTreeMap<MarkAt, (Mark, MarkDocuments)>,
    changes: usize,
    /// Those who wait for ever.
    waiting: Vec<Done>,
}

/// One process that writes to the marks.
struct StoppingHome {
    marks: Arc<Marks>,
    /// The change at which it stops, and whether that change is kept.
    at: usize,
    keeps_last: bool,
}

impl Marks {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the journal in a new process, which stops at the nth change.
    pub(crate) fn open(self: &Arc<Self>, at: usize, keeps_last: bool) -> Journal {
        let mut state = State::default();
        self.kept().changes = 0;
        for (at, (mark, documents)) in &self.kept().marks {
            state.take(*at, mark.clone(), documents.size());
            state.next(at.file);
            state.last[usize::from(at.file)] = at.number;
        }
        let home = StoppingHome {
            marks: self.clone(),
            at,
            keeps_last,
        };
        let secret = Secret::of(b"a journal that stops");
        Journal::new(Arc::new(home), state, Vec::new(), secret)
    }

    /// Waits until the process has stopped.
    pub(crate) async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// Loses these writes, as if their marks were damaged.
    pub(crate) fn lose(&self, is_lost: impl Fn(&Intent) -> bool) {
        let marks = &mut self.kept().marks;
        marks.retain(|_, (mark, _)| !matches!(mark, Mark::Intended(intent) if is_lost(intent)));
    }

    pub(crate) fn changes(&self) -> usize {
        self.kept().changes
    }

    pub(crate) fn len(&self) -> usize {
        self.kept().marks.len()
    }
}

#[async_trait]
impl Home for StoppingHome {
    fn write(&self, changes: Changes, done: Option<Done>) {
        let mut kept = self.marks.kept();
        kept.changes += 1;
        if kept.changes < self.at || (kept.changes == self.at && self.keeps_last) {
            for at in &changes.outdated {
                kept.marks.remove(at);
            }
            let new = changes.new.into_iter();
            let new = new.map(|(at, mark, documents)| (at, (mark, documents)));
            kept.marks.extend(new);
        }
        if kept.changes >= self.at {
            kept.waiting.extend(done);
            self.marks.stopped.notify_one();
        } else if let Some(done) = done {
            let _ = done.send(Ok(()));
        }
    }

    async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError> {
        let kept = self.marks.kept();
        let found = kept.marks.get(&at).map(|(_, documents)| documents.clone());
        found.ok_or_else(|| JournalError::Damaged("the documents of a mark are missing".into()))
    }
}
