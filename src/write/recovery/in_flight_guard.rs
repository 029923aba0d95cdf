//! Guards a request in flight, so that it is remembered if its future is dropped.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::recorder::{Recorder, WrittenFrom};
use super::unsettled::{UnsettledWrite, UnsettledWrites};
use crate::journal::{JournalError, MarkAt};
use crate::protocol::Validator;
use crate::queue::UnderWay;
use crate::store::SnapshotKey;
use crate::write::machine::events::OutcomeKind;

/// The request of one write that is in flight, if there is one. If the guard is dropped meanwhile, the write is
/// remembered.
pub(crate) struct InFlightGuard {
    slot: Arc<Slot>,
    recorder: Option<Recorder>,
}

/// The shared part of a guard, which others can observe.
struct Slot {
    unsettled: Arc<UnsettledWrites>,
    key: SnapshotKey,
    state: Mutex<GuardState>,
}

#[derive(Default)]
struct GuardState {
    sent: Option<UnsettledWrite>,
    /// Whether the write is already remembered, because a caller got the result that its outcome is unknown.
    is_remembered: bool,
}

impl InFlightGuard {
    pub(crate) fn new(
        unsettled: Arc<UnsettledWrites>,
        key: SnapshotKey,
        recorder: Option<Recorder>,
    ) -> Self {
        let slot = Arc::new(Slot {
            unsettled,
            key,
            state: Mutex::default(),
        });
        Self { slot, recorder }
    }

    pub(crate) fn key(&self) -> &SnapshotKey {
        &self.slot.key
    }

    /// Returns the view of this write for other callers.
    pub(crate) fn under_way(&self) -> Arc<dyn UnderWay> {
        self.slot.clone()
    }

    /// Records a request in the journal, if there is one. It must not be sent after an error.
    pub(crate) async fn record(
        &mut self,
        write: &UnsettledWrite,
        from: WrittenFrom<'_>,
    ) -> Result<(), JournalError> {
        match &mut self.recorder {
            Some(recorder) => recorder.record(&self.slot.key, write, from).await,
            None => Ok(()),
        }
    }

    /// Returns the mark of the last request in the journal.
    pub(crate) fn last_mark(&self) -> Option<MarkAt> {
        self.recorder.as_ref().and_then(Recorder::last_mark)
    }

    /// Records that requests were not applied, and never will be.
    pub(crate) fn excluded(&mut self, marks: &[MarkAt]) {
        if let Some(recorder) = &mut self.recorder {
            recorder.excluded(marks);
        }
    }

    /// Records that a request is sent. `sent` is what later writes can recognise of it, if they can.
    pub(crate) fn send(&mut self, sent: Option<UnsettledWrite>) {
        let mark = self.recorder.as_mut().and_then(Recorder::leaves);
        let Some(mut sent) = sent else { return };
        sent.mark = mark;
        let mut state = self.slot.state();
        if state.is_remembered {
            self.slot.remember(&sent);
        }
        state.sent = Some(sent);
    }

    /// Whether the marks of its requests stay after this outcome, because the queued write itself stays.
    pub(crate) fn keeps_marks(&self, outcome: OutcomeKind) -> bool {
        let is_unsettled = matches!(outcome, OutcomeKind::Unknown | OutcomeKind::Accepted);
        is_unsettled && self.recorder.as_ref().is_some_and(Recorder::is_queued)
    }

    /// Records that none of the requests was applied or is under way.
    pub(crate) async fn refused(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.refused().await;
        }
        self.forget();
    }

    /// Records that the write has been applied.
    pub(crate) fn applied(&mut self) {
        if let Some(recorder) = &mut self.recorder {
            recorder.applied();
        }
        self.forget();
    }

    fn forget(&mut self) {
        let mut state = self.slot.state();
        if let Some(sent) = state.sent.take()
            && state.is_remembered
        {
            self.slot.unsettled.forget(&self.slot.key, &sent);
        }
    }

    /// Records that earlier writes onto this version have been judged.
    pub(crate) fn judged(&self, version: Option<&Validator>) {
        self.slot.unsettled.judged(&self.slot.key, version);
    }
}

impl Slot {
    fn remember(&self, sent: &UnsettledWrite) {
        self.unsettled.remember(self.key.address(), sent.clone());
    }

    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay for Slot {
    fn is_under_way(&self) -> bool {
        self.state().sent.is_some()
    }

    fn left_behind(&self) {
        let mut state = self.state();
        if let Some(sent) = &state.sent
            && !state.is_remembered
        {
            self.remember(sent);
            state.is_remembered = true;
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        // A request that was sent stays in flight for its observers.
        let state = self.slot.state();
        if let Some(sent) = &state.sent
            && !state.is_remembered
        {
            self.slot.remember(sent);
        }
    }
}
