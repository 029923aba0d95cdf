//! The marks of a transaction: its steps, how each of them has ended, and what is left for a person.

use tokio::sync::oneshot;

use super::error::JournalError;
use super::home::Changes;
use super::intent::{ChainKey, Intent};
use super::mark::{Mark, MarkDocuments, Open, Stepped};
use super::record::durable;
use super::{Journal, MARK_SIZE};

/// A write of a transaction that waits for a person, once the transaction itself has ended.
pub(crate) struct LeftOpen {
    pub(crate) intent: Box<Intent>,
    pub(crate) documents: MarkDocuments,
    pub(crate) open: Open,
    /// The sides that a person is shown.
    pub(crate) sides: MarkDocuments,
}

impl Journal {
    /// Records the steps of a transaction, all or none of them. They are durable when this returns.
    pub(crate) async fn begin_group(
        &self,
        steps: Vec<(Box<Intent>, MarkDocuments)>,
    ) -> Result<(), JournalError> {
        let added = steps.iter().map(|(_, documents)| sized(documents)).sum();
        let ids: Vec<_> = steps.iter().map(|(intent, _)| intent.id).collect();
        let waiter = {
            let mut state = self.inner.state();
            let size = state.fold.size();
            if size.saturating_add(added) > self.quota {
                let quota = self.quota;
                return Err(JournalError::Full { size, quota });
            }
            let mut new = Vec::with_capacity(steps.len());
            for (mut intent, documents) in steps {
                let at = state.next(0);
                intent.place = at.number;
                let mark = Mark::Intended(intent);
                state.fold.mark(at, mark.clone(), sized(&documents));
                new.push((at, mark, documents));
            }
            let (done, waiter) = oneshot::channel();
            let outdated = Vec::new();
            self.inner.home.write(Changes { new, outdated }, Some(done));
            waiter
        };
        let kept = durable(waiter).await;
        if kept.is_err() {
            let mut state = self.inner.state();
            for id in ids {
                state.fold.ended(id);
            }
        }
        self.tell();
        kept
    }

    /// Records how a step has ended. It becomes durable no later than what is recorded next. Without it, the step is settled
    /// once more.
    pub(crate) fn stepped(&self, stepped: Stepped, documents: MarkDocuments) {
        let mut state = self.inner.state();
        let Some(file) = state.fold.get(stepped.intent).map(|known| known.at.file) else {
            return;
        };
        let at = state.next(file);
        let mark = Mark::Stepped(stepped);
        let outdated = state.fold.mark(at, mark.clone(), sized(&documents));
        let new = vec![(at, mark, documents)];
        self.inner.home.write(Changes { new, outdated }, None);
    }

    /// Records that a transaction has ended, and keeps what a person has to decide. It is durable when this returns.
    pub(crate) async fn end_group(
        &self,
        key: &ChainKey,
        left: Vec<LeftOpen>,
    ) -> Result<(), JournalError> {
        let waiter = {
            let mut state = self.inner.state();
            let Some(file) = state.fold.group(key).next().map(|step| step.at.file) else {
                return Ok(());
            };
            let outdated = state.fold.ended_group(key);
            let mut new = Vec::with_capacity(2 * left.len());
            for left in left {
                let (mut intent, at) = (left.intent, state.next(file));
                (intent.place, intent.group) = (at.number, None);
                let marks = [
                    (at, Mark::Intended(intent), left.documents),
                    (
                        state.next(file),
                        Mark::Open(Box::new(left.open)),
                        left.sides,
                    ),
                ];
                for (at, mark, documents) in marks {
                    state.fold.mark(at, mark.clone(), sized(&documents));
                    new.push((at, mark, documents));
                }
            }
            let (done, waiter) = oneshot::channel();
            self.inner.home.write(Changes { new, outdated }, Some(done));
            waiter
        };
        let kept = durable(waiter).await;
        self.tell();
        kept
    }
}

fn sized(documents: &MarkDocuments) -> usize {
    documents.size() + MARK_SIZE
}
