//! How marks get into a journal, and out of it.

use tokio::sync::oneshot;

use super::error::JournalError;
use super::fold::Fold;
use super::home::{Changes, Done, Suspect};
use super::intent::{Intent, IntentId, StepRole};
use super::mark::{Mark, MarkAt, MarkDocuments, Open, Sent};
use super::{Journal, MARK_SIZE, State};

impl Journal {
    /// Records a write that is to be made, or that has changed. It is durable when this returns.
    ///
    /// `unless` is asked under the lock. If it returns `true`, nothing is recorded, and the result is `false`.
    pub(crate) async fn intend(
        &self,
        intent: Box<Intent>,
        documents: MarkDocuments,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        self.intend_instead(None, intent, documents, unless).await
    }

    /// As [`intend`](Self::intend), in the place of another write, which ends.
    pub(crate) async fn intend_instead(
        &self,
        instead_of: Option<IntentId>,
        mut intent: Box<Intent>,
        documents: MarkDocuments,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        let id = intent.id;
        let (waiter, is_new) = {
            let mut state = self.inner.state();
            if unless(&state.fold) {
                return Ok(false);
            }
            let known = state.fold.get(instead_of.unwrap_or(id));
            let known = known.map(|known| (known.at.file, known.intent.place));
            // A chain is ordered by file first, and the last write of it may be one that was taken over.
            let last = state.fold.chain(&intent.chain()).next_back();
            let file = known
                .map(|(file, _)| file)
                .or(last.map(|last| last.at.file));
            // A step of a transaction is in the file of the others.
            let of_group = state.fold.group(&intent.chain()).next();
            let file = file.or(of_group.map(|step| step.at.file));
            let at = state.next(file.unwrap_or(0));
            intent.place = known.map_or(at.number, |(_, place)| place);
            let mark = Mark::Intended(intent);
            let waiter = self.put(&mut state, at, mark, documents, instead_of)?;
            (waiter, known.is_none())
        };
        let kept = durable(waiter).await;
        if kept.is_err() && is_new {
            self.inner.state().fold.ended(id);
        }
        self.tell();
        kept.map(|()| true)
    }

    /// Records a request that is about to leave. It is durable when this returns.
    pub(crate) async fn sent(
        &self,
        sent: Sent,
        documents: MarkDocuments,
    ) -> Result<MarkAt, JournalError> {
        let intent = sent.intent;
        let (waiter, at) = {
            let mut state = self.inner.state();
            let file = intent
                .and_then(|id| state.fold.get(id))
                .map_or(0, |known| known.at.file);
            let at = state.next(file);
            (
                self.put(&mut state, at, Mark::Sent(sent), documents, None)?,
                at,
            )
        };
        let kept = durable(waiter).await;
        if kept.is_err() {
            self.judged(intent, &[at]);
        }
        kept.map(|()| at)
    }

    /// Records that requests are known to have been applied or not. It need not be durable: without it, they are judged
    /// once more.
    pub(crate) fn judged(&self, intent: Option<IntentId>, marks: &[MarkAt]) {
        self.judge(intent, marks, None);
    }

    /// As [`judged`](Self::judged). It is durable when this returns, unless the journal fails.
    pub(crate) async fn judged_durably(&self, intent: Option<IntentId>, marks: &[MarkAt]) {
        let (done, waiter) = oneshot::channel();
        self.judge(intent, marks, Some(done));
        // Without it, the requests are judged once more.
        let _ = durable(waiter).await;
    }

    fn judge(&self, intent: Option<IntentId>, marks: &[MarkAt], done: Option<Done>) {
        if marks.is_empty() {
            return;
        }
        let mut state = self.inner.state();
        match intent {
            Some(id) => state.fold.judged_of(id, marks),
            None => state.fold.judged(marks),
        }
        self.remove(marks.to_vec(), done);
    }

    /// Records that a queued write waits for a person.
    pub(crate) async fn leave_open(
        &self,
        open: Open,
        documents: MarkDocuments,
    ) -> Result<(), JournalError> {
        let waiter = {
            let mut state = self.inner.state();
            let Some(file) = state.fold.get(open.intent).map(|known| known.at.file) else {
                return Ok(());
            };
            let at = state.next(file);
            self.put(&mut state, at, Mark::Open(Box::new(open)), documents, None)?
        };
        let kept = durable(waiter).await;
        self.tell();
        kept
    }

    /// Puts an open write back into its chain, unless the condition holds under the lock. Returns whether it was put back.
    pub(crate) async fn retried(
        &self,
        id: IntentId,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        self.outdated(unless, |fold| fold.retried(id)).await
    }

    /// Records that a queued write was applied or given up, and removes its marks.
    pub(crate) async fn ended(&self, id: IntentId) -> Result<(), JournalError> {
        self.end_unless(id, |_| false).await.map(|_| ())
    }

    /// As [`ended`](Self::ended), unless the condition holds under the lock. Returns whether the write has ended.
    pub(crate) async fn end_unless(
        &self,
        id: IntentId,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        self.outdated(unless, |fold| fold.ended(id)).await
    }

    /// As [`end_unless`](Self::end_unless). `then` is called once that is durable, also if this future is dropped.
    pub(crate) async fn end_unless_then(
        &self,
        id: IntentId,
        unless: impl FnOnce(&Fold) -> bool,
        then: impl FnOnce() + Send + 'static,
    ) -> Result<bool, JournalError> {
        let Some(waiter) = self.outdate(unless, |fold| fold.ended(id)) else {
            return Ok(false);
        };
        let journal = self.clone();
        let ended = tokio::spawn(async move {
            let kept = durable(waiter).await;
            if kept.is_ok() {
                then();
            }
            journal.tell();
            kept
        });
        let kept = ended.await.map_err(JournalError::closed)?;
        kept.map(|()| true)
    }

    /// Removes the marks that a change makes outdated, unless the condition holds under the lock. Returns whether the
    /// change was made.
    async fn outdated(
        &self,
        unless: impl FnOnce(&Fold) -> bool,
        change: impl FnOnce(&mut Fold) -> Vec<MarkAt>,
    ) -> Result<bool, JournalError> {
        let Some(waiter) = self.outdate(unless, change) else {
            return Ok(false);
        };
        let kept = durable(waiter).await;
        self.tell();
        kept.map(|()| true)
    }

    /// As [`outdated`](Self::outdated), without waiting. `None` if the condition holds.
    fn outdate(
        &self,
        unless: impl FnOnce(&Fold) -> bool,
        change: impl FnOnce(&mut Fold) -> Vec<MarkAt>,
    ) -> Option<Waiter> {
        let mut state = self.inner.state();
        if unless(&state.fold) {
            return None;
        }
        let outdated = change(&mut state.fold);
        Some(self.remove_durably(outdated))
    }

    /// Opens the queued writes of files with damaged marks, because it is not known whether they were sent.
    pub(super) fn open_suspects(&self, state: &mut State, suspects: Vec<Suspect>) {
        let is_suspect = |file| suspects.iter().any(|suspect| suspect.file == file);
        let writes = state
            .fold
            .all()
            .filter(|standing| is_suspect(standing.at.file) && standing.open.is_none());
        let writes: Vec<_> = writes
            .map(|standing| (standing.at.file, standing.intent.id, standing.intent.schema))
            .collect();
        for (file, intent, schema) in writes {
            let at = state.next(file);
            let mark = Mark::Open(Box::new(Open {
                intent,
                schema,
                kind: "OutcomeUnknown".into(),
                message:
                    "a mark of the journal is damaged, so it is unknown whether the write was sent"
                        .into(),
                problem: None,
            }));
            let outdated = state.fold.mark(at, mark.clone(), MARK_SIZE);
            let changes = Changes {
                new: vec![(at, mark, MarkDocuments::default())],
                outdated,
            };
            self.inner.home.write(changes, None);
        }
        // Not before the writes are open: if the process ends in between, they are opened again at the next start.
        self.inner.home.set_aside(suspects);
    }

    fn put(
        &self,
        state: &mut State,
        at: MarkAt,
        mark: Mark,
        documents: MarkDocuments,
        ends: Option<IntentId>,
    ) -> Result<Waiter, JournalError> {
        let added = documents.size() + MARK_SIZE;
        let size = state.fold.size();
        let (is_new, replaced) = match &mark {
            Mark::Intended(intent) => {
                let takes_back = intent
                    .group
                    .is_some_and(|of| of.role == StepRole::TakesBack);
                (!takes_back, state.fold.size_of(ends.unwrap_or(intent.id)))
            }
            // What is recorded of a queued write ends it sooner if there is room for it.
            Mark::Sent(sent) => (sent.intent.is_none(), 0),
            Mark::Open(_) | Mark::Stepped(_) => (false, 0),
        };
        let after = size.saturating_add(added).saturating_sub(replaced);
        if is_new && added > replaced && after > self.quota {
            let quota = self.quota;
            return Err(JournalError::Full { size, quota });
        }
        let mut outdated = ends.map_or_else(Vec::new, |id| state.fold.ended(id));
        outdated.extend(state.fold.mark(at, mark.clone(), added));
        let (done, waiter) = oneshot::channel();
        let changes = Changes {
            new: vec![(at, mark, documents)],
            outdated,
        };
        self.inner.home.write(changes, Some(done));
        Ok(waiter)
    }

    fn remove(&self, outdated: Vec<MarkAt>, done: Option<Done>) {
        let changes = Changes {
            new: Vec::new(),
            outdated,
        };
        self.inner.home.write(changes, done);
    }

    fn remove_durably(&self, outdated: Vec<MarkAt>) -> Waiter {
        let (done, waiter) = oneshot::channel();
        self.remove(outdated, Some(done));
        waiter
    }

    pub(crate) fn tell(&self) {
        self.inner.changed.send_modify(|count| *count += 1);
    }
}

type Waiter = oneshot::Receiver<Result<(), JournalError>>;

/// Waits until changes are durable.
pub(super) async fn durable(waiter: Waiter) -> Result<(), JournalError> {
    waiter
        .await
        .unwrap_or_else(|_| Err(JournalError::closed("its writer has ended")))
}
