//! Records the requests of one write in the journal, before they leave.

use crate::journal::{IntentId, Journal, JournalError, MarkAt, MarkDocuments, Sent};
use crate::json::Document;
use crate::store::{SnapshotKey, StoredSnapshot};
use crate::write::recovery::unsettled::UnsettledWrite;

/// What a request was made from.
#[derive(Clone, Copy)]
pub(crate) struct WrittenFrom<'a> {
    /// The state that it is built on.
    pub(crate) base: Option<&'a StoredSnapshot>,
    /// The document before it was stamped.
    pub(crate) local: Option<&'a Document>,
    /// The idempotency key of a `POST`.
    pub(crate) key: Option<&'a str>,
}

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
    /// The schema of the documents.
    schema: u32,
}

impl Recorder {
    /// Creates a recorder for a call that is awaited, or for a queued write with the marks of its earlier runs.
    pub(crate) fn new(
        journal: Journal,
        intent: Option<IntentId>,
        marks: Vec<MarkAt>,
        schema: u32,
    ) -> Self {
        Self {
            journal,
            intent,
            marks,
            last: None,
            pending: None,
            schema,
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
        from: WrittenFrom<'_>,
    ) -> Result<(), JournalError> {
        if self.last.as_ref().is_some_and(|last| last.is_same(write)) {
            return Ok(());
        }
        let request = Sent {
            intent: self.intent,
            address: *key.address(),
            onto: write.onto.as_ref().map(|onto| onto.to_string().into()),
            idempotency_key: from.key.map(Into::into),
            removes: write.document.is_none(),
            schema: self.schema,
        };
        // Only a queued write continues from them. The caller of another call knows its own.
        let from = Some(from).filter(|_| self.intent.is_some());
        let is_sent = |local: &&Document| {
            write
                .document
                .as_ref()
                .is_some_and(|it| it.same_text(local))
        };
        let documents = MarkDocuments {
            base: from.and_then(|from| from.base.cloned()),
            local: write.document.clone(),
            remote: None,
            unstamped: from.and_then(|from| from.local.filter(|it| !is_sent(it)).cloned()),
        };
        self.pending = Some(self.journal.sent(request, documents).await?);
        self.last = Some(write.clone());
        Ok(())
    }

    /// Records that the request leaves. Returns its mark, if later calls may judge it on their own.
    pub(crate) fn leaves(&mut self) -> Option<MarkAt> {
        self.marks.extend(self.pending.take());
        let last = self.marks.last().copied();
        last.filter(|_| self.intent.is_none())
    }

    /// Whether the write is a queued one.
    pub(crate) fn is_queued(&self) -> bool {
        self.intent.is_some()
    }

    /// Returns the mark of the last request.
    pub(crate) fn last_mark(&self) -> Option<MarkAt> {
        self.marks.last().copied()
    }

    /// Records that some of the requests were not applied, and never will be.
    pub(crate) fn excluded(&mut self, marks: &[MarkAt]) {
        self.marks.retain(|mark| !marks.contains(mark));
        self.journal.judged(self.intent, marks);
    }

    /// Records that none of the requests was applied. Of a queued write, this is durable when it returns, so that a restart
    /// need not judge them without evidence.
    pub(crate) async fn refused(&mut self) {
        let marks = self.taken();
        if self.intent.is_none() {
            self.journal.judged(None, &marks);
        } else {
            self.journal.judged_durably(self.intent, &marks).await;
        }
    }

    /// Records that the write has been applied.
    ///
    /// The marks of a queued write stay until the write itself ends. Without them, it would look as if it had never been
    /// sent.
    pub(crate) fn applied(&mut self) {
        let marks = self.taken();
        if self.intent.is_none() {
            self.journal.judged(None, &marks);
        }
    }

    fn taken(&mut self) -> Vec<MarkAt> {
        self.marks.extend(self.pending.take());
        self.last = None;
        std::mem::take(&mut self.marks)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Its request never left.
        if let Some(pending) = self.pending.take() {
            self.journal.judged(self.intent, &[pending]);
        }
        // Of a call that was dropped, only the last request is remembered.
        if self.intent.is_none() && self.marks.len() > 1 {
            self.marks.pop();
            self.journal.judged(None, &self.marks);
        }
    }
}
