//! What of a write may be under way, and what earlier writes have left open.

use std::sync::Arc;

use ifmatch_merge::internal::Likeness;

use super::machine::events::Condition;
use crate::json::Document;
use crate::protocol::Validator;
use crate::store::StoredSnapshot;
use crate::write::recovery::lost_write::Doubtful;
use crate::write::recovery::monitor::Monitor;
use crate::write::recovery::stamp;
use crate::write::recovery::unsettled::{InFlightGuard, UnsettledOnVersion};
use crate::write::request::payload::Payload;

/// A request of this write that may have been applied.
pub(crate) struct LostWrite {
    /// What it was built on.
    pub(crate) base: Option<Document>,
    /// The document as it went out.
    pub(crate) sent: Document,
    /// What the edit made of the base, if an edit made it.
    pub(crate) edited: Option<Document>,
}

/// A success that the reply contradicts, with the version that it told.
pub(crate) struct Contradicted {
    pub(crate) version: Option<Validator>,
}

/// The requests of one write that may be under way.
pub(crate) struct InFlight {
    /// The last request.
    pub(crate) payload: Option<Arc<Payload>>,
    /// What was sent and may have been applied.
    pub(crate) lost: Vec<LostWrite>,
    /// What others sent onto the base before, of which the same holds.
    pub(crate) inherited: UnsettledOnVersion,
    /// What the last judgement left open.
    pub(crate) doubtful: Vec<Doubtful>,
    /// Remembers what is under way if the write is dropped.
    pub(crate) guard: InFlightGuard,
    /// Its id, where the document has write stamps.
    pub(crate) write_id: Option<String>,
    /// Set by a reply that contradicts itself, cleared by the next reply.
    pub(crate) contradicted: Option<Contradicted>,
    /// Where the server tells how far an accepted write has come.
    pub(super) monitor: Option<Monitor>,
    idempotency_key: Option<String>,
    /// What the key was sent with.
    keyed: Option<(Condition<Validator>, Option<Document>)>,
}

impl InFlight {
    pub(crate) fn new(
        guard: InFlightGuard,
        inherited: UnsettledOnVersion,
        write_id: Option<String>,
        idempotency_key: Option<String>,
    ) -> Self {
        Self {
            payload: None,
            lost: Vec::new(),
            inherited,
            doubtful: Vec::new(),
            guard,
            write_id,
            contradicted: None,
            monitor: None,
            idempotency_key,
            keyed: None,
        }
    }

    /// Whether an earlier write onto the same version is still open.
    pub(crate) fn inherits(&self) -> bool {
        !self.inherited.documents.is_empty()
    }

    /// Nothing that was sent onto this version before can be applied any more.
    pub(crate) fn forget_inherited(&self, version: Option<&Validator>) {
        self.guard.judged(version);
    }

    /// The idempotency key of a request. A key names one request: another document or condition gets
    /// another one.
    pub(crate) fn key_for(
        &mut self,
        condition: &Condition<Validator>,
        document: Option<&Document>,
    ) -> &str {
        let another = self.keyed.as_ref().is_some_and(|(known, keyed)| {
            let same_document = match (keyed, document) {
                (Some(keyed), Some(document)) => keyed.same_text(document),
                (None, None) => true,
                _ => false,
            };
            known != condition || !same_document
        });
        if another {
            self.idempotency_key = None;
        }
        self.keyed = Some((condition.clone(), document.cloned()));
        self.idempotency_key
            .get_or_insert_with(crate::support::ids::uuid)
    }

    /// Keeps a request in mind that may have been applied. `edited`: what the edit made of the base, if an
    /// edit made it.
    pub(crate) fn remember(
        &mut self,
        payload: &Payload,
        base: Option<&Document>,
        edited: Option<&Document>,
    ) {
        let Some(sent) = payload.document.clone() else {
            return;
        };
        let last = self.lost.last();
        if last.is_none_or(|last| !last.sent.same_text(&sent)) {
            self.lost.push(LostWrite {
                base: base.cloned(),
                sent,
                edited: edited.cloned(),
            });
        }
    }

    /// Whether the document has the stamp of this write: then it has been applied, whatever was answered to it.
    /// `stamps`: where stamps lie.
    pub(crate) fn is_stamped(&self, stamps: Option<&str>, document: &Document) -> bool {
        match (stamps, &self.write_id) {
            (Some(stamps), Some(id)) if self.payload.is_some() => {
                stamp::holds(stamps, id, document)
            }
            _ => false,
        }
    }

    /// Whether the read shows that the write was applied whose reply contradicted itself: what is under the
    /// version that the reply told is the state right after it. Under another version nothing is said by
    /// that, and the write is judged as a lost one.
    pub(crate) fn confirms_contradicted_write(
        &self,
        base: Option<&Document>,
        read: &StoredSnapshot,
    ) -> bool {
        let sent = self.payload.as_ref().and_then(|it| it.document.as_ref());
        let (Some(contradicted), Some(base), Some(sent)) = (&self.contradicted, base, sent) else {
            return false;
        };
        let shown = Likeness::of(Some(base), sent, &read.document, &[]);
        shown.moves && contradicted.version.is_some() && contradicted.version == read.validator
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use bytes::Bytes;
    use http::{HeaderMap, Method};
    use url::Url;

    use super::*;
    use crate::exchange::Call;
    use crate::store::SnapshotKey;

    fn in_flight() -> InFlight {
        let key = SnapshotKey::of("http://localhost/notes/1", "").unwrap();
        let guard = InFlightGuard::new(Arc::default(), key);
        InFlight::new(
            guard,
            UnsettledOnVersion::default(),
            Some("w1".into()),
            None,
        )
    }

    fn document(text: &str) -> Document {
        Document::parse(text.as_bytes()).unwrap()
    }

    fn payload(text: &str) -> Payload {
        Payload {
            call: Call {
                method: Method::PUT,
                url: Url::parse("http://localhost/notes/1").unwrap(),
                headers: HeaderMap::new(),
                body: Bytes::new(),
            },
            document: Some(document(text)),
            body: Some(document(text)),
            pinned: true,
            creates: false,
            tests: false,
        }
    }

    #[test]
    fn a_key_names_one_document_under_one_condition() {
        let mut in_flight = in_flight();
        let (one, other) = (document("1"), document("2"));
        let first = in_flight.key_for(&Condition::None, Some(&one)).to_owned();
        assert_eq!(in_flight.key_for(&Condition::None, Some(&one)), first);
        let second = in_flight.key_for(&Condition::None, Some(&other)).to_owned();
        assert_ne!(second, first);
        assert_ne!(in_flight.key_for(&Condition::Absent, Some(&other)), second);
    }

    #[test]
    fn a_key_of_the_callers_goes_out_first() {
        let key = Some("order-7".to_owned());
        let guard = in_flight().guard;
        let mut in_flight = InFlight::new(guard, UnsettledOnVersion::default(), None, key);
        let draft = document("1");
        assert_eq!(in_flight.key_for(&Condition::None, Some(&draft)), "order-7");
    }

    #[test]
    fn a_request_that_is_sent_again_is_remembered_once() {
        let mut in_flight = in_flight();
        for text in ["1", "1", "2"] {
            in_flight.remember(&payload(text), None, None);
        }
        assert_eq!(in_flight.lost.len(), 2);
    }

    #[test]
    fn a_stamp_counts_once_something_went_out() {
        let mut in_flight = in_flight();
        let stamped = document(r#"{"writes":["w1"]}"#);
        assert!(!in_flight.is_stamped(Some("/writes"), &stamped));
        in_flight.payload = Some(Arc::new(payload("1")));
        assert!(in_flight.is_stamped(Some("/writes"), &stamped));
        assert!(!in_flight.is_stamped(None, &stamped));
    }
}
