//! Records the requests of one write in the journal, before they leave.

use crate::journal::{IntentId, Journal, JournalError, MarkAt, MarkDocuments, Sent};
use crate::store::{SnapshotKey, StoredSnapshot};
use crate::write::recovery::unsettled::UnsettledWrite;

/// The marks of one write.
pub(crate) struct Recorder {
    journal: Journal,
    /// The queued write, or `None` for a call that is awaited.
    intent: Option<IntentId>,
    /// The requests that may have been applied.
    marks: Vec<MarkAt>,
    /// The last request, which is not recorded twice.
    last: Option<UnsettledWrite>,
    /// A mark whose request has not left yet.
    pending: Option<MarkAt>,
}

impl Recorder {
    /// Creates a recorder for a call that is awaited, or for a queued write with the marks of its earlier runs.
    pub(crate) fn new(journal: Journal, intent: Option<IntentId>, marks: Vec<MarkAt>) -> Self {
        Self {
            journal,
            intent,
            marks,
            last: None,
            pending: None,
        }
    }

    /// Records a request. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// Returns the error of the journal. The request must not be sent.
    pub(crate) async fn record(
        &mut self,
        key: &SnapshotKey,
        write: &UnsettledWrite,
        base: Option<&StoredSnapshot>,
    ) -> Result<(), JournalError> {
        if self.last.as_ref().is_some_and(|last| last.is_same(write)) {
            return Ok(());
        }
        let sent = Sent {
            intent: self.intent,
            address: *key.address(),
            onto: write.onto.as_ref().map(|onto| onto.to_string().into()),
            removes: write.document.is_none(),
        };
        let documents = MarkDocuments {
            // Only a queued write continues from it. The base of another call is known to its caller.
            base: base.filter(|_| self.intent.is_some()).cloned(),
            local: write.document.clone(),
            remote: None,
        };
        self.pending = Some(self.journal.sent(sent, documents).await?);
        self.last = Some(write.clone());
        Ok(())
    }

    /// Records that the request leaves. Returns its mark, if later calls may judge it on their own.
    pub(crate) fn leaves(&mut self) -> Option<MarkAt> {
        self.marks.extend(self.pending.take());
        let last = self.marks.last().copied();
        last.filter(|_| self.intent.is_none())
    }

    /// Records that the requests are known to have been applied or not.
    pub(crate) fn settled(&mut self) {
        self.marks.extend(self.pending.take());
        self.last = None;
        self.journal
            .judged(self.intent, &std::mem::take(&mut self.marks));
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Its request never left.
        if let Some(pending) = self.pending.take() {
            self.journal.judged(self.intent, &[pending]);
        }
    }
}
