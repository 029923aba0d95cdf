//! The requests of a write that may be in flight, and the earlier writes that are unsettled.

use std::sync::Arc;

use ifmatch_merge::internal::Likeness;

use super::machine::events::Condition;
use crate::journal::MarkAt;
use crate::json::Document;
use crate::protocol::Validator;
use crate::store::StoredSnapshot;
use crate::write::recovery::in_flight_guard::InFlightGuard;
use crate::write::recovery::lost_write::Doubtful;
use crate::write::recovery::monitor::Monitor;
use crate::write::recovery::stamp;
use crate::write::recovery::unsettled::UnsettledOnVersion;
use crate::write::request::payload::Payload;

/// A request of this write that may have been applied.
#[derive(Clone)]
pub(crate) struct LostWrite {
    /// The base of the request.
    pub(crate) base: Option<Document>,
    /// The document that was sent.
    pub(crate) sent: Document,
    /// The result of the edit, if an edit made the document.
    pub(crate) edited: Option<Document>,
    /// Its mark in the journal.
    pub(crate) mark: Option<MarkAt>,
}

/// A success that its response contradicts, with the version in the response.
pub(crate) struct Contradicted {
    pub(crate) version: Option<Validator>,
}

/// The requests of one write that may be in flight.
pub(crate) struct InFlight {
    /// The last request.
    pub(crate) payload: Option<Arc<Payload>>,
    /// The requests that may have been applied.
    pub(crate) lost: Vec<LostWrite>,
    /// Earlier writes onto the base that may have been applied.
    pub(crate) inherited: UnsettledOnVersion,
    /// The places that the last judgement left open.
    pub(crate) doubtful: Vec<Doubtful>,
    /// Remembers the request in flight if the write is dropped.
    pub(crate) guard: InFlightGuard,
    /// The id of this write, if the document has write stamps.
    pub(crate) write_id: Option<String>,
    /// Whether an earlier run of this write sent requests.
    is_resumed: bool,
    /// Set by a response that contradicts itself, cleared by the next response.
    pub(crate) contradicted: Option<Contradicted>,
    /// The address at which the server reports the progress of an accepted write.
    pub(super) monitor: Option<Monitor>,
    idempotency_key: Option<String>,
    /// Whether the caller has set the key.
    is_own_key: bool,
    /// The condition and document that the key was sent with.
    keyed: Option<(Condition<Validator>, Option<Document>)>,
}

impl InFlight {
    pub(crate) fn new(
        guard: InFlightGuard,
        inherited: UnsettledOnVersion,
        write_id: Option<String>,
        idempotency_key: Option<String>,
        lost: Vec<LostWrite>,
    ) -> Self {
        Self {
            payload: None,
            is_resumed: !lost.is_empty(),
            lost,
            inherited,
            doubtful: Vec::new(),
            guard,
            write_id,
            contradicted: None,
            monitor: None,
            is_own_key: idempotency_key.is_some(),
            idempotency_key,
            keyed: None,
        }
    }

    /// Whether an earlier write onto the same version is unsettled.
    pub(crate) fn inherits(&self) -> bool {
        !self.inherited.documents.is_empty()
    }

    /// Records that no earlier write onto this version can be applied any more.
    pub(crate) fn forget_inherited(&self, version: Option<&Validator>) {
        self.guard.judged(version);
    }

    /// Returns the idempotency key of a request. A key identifies one request, so another document or condition gets
    /// a new key. A key of the caller's identifies what the caller means, so only another document gets a new one.
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
            !same_document || (known != condition && !self.is_own_key)
        });
        if another {
            (self.idempotency_key, self.is_own_key) = (None, false);
        }
        self.keyed = Some((condition.clone(), document.cloned()));
        self.idempotency_key
            .get_or_insert_with(crate::support::ids::uuid)
    }

    /// Returns the idempotency key of the last request.
    pub(crate) fn key(&self) -> Option<&str> {
        self.idempotency_key.as_deref()
    }

    /// Remembers a request that may have been applied. `edited` is the result of the edit, if an edit made the
    /// document.
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
                mark: self.guard.last_mark(),
            });
        }
    }

    /// Forgets the requests and earlier writes that the stamps in a state show to have been forestalled by another write.
    /// Returns whether none of those in doubt is left. A removal has no stamp, so it is left.
    pub(crate) fn forget_excluded(
        &mut self,
        stamps: &str,
        base: Option<&StoredSnapshot>,
        remote: &Document,
    ) -> bool {
        let was_in_doubt = !self.lost.is_empty() || self.inherits();
        let mut marks = Vec::new();
        self.lost.retain(|lost| {
            let is_excluded = stamp::excludes(stamps, lost.base.as_ref(), &lost.sent, remote);
            marks.extend(lost.mark.filter(|_| is_excluded));
            !is_excluded
        });
        self.guard.excluded(&marks);
        let onto = base.map(|base| &base.document);
        let is_excluded = |sent: &Document| stamp::excludes(stamps, onto, sent, remote);
        if self.inherits()
            && !self.inherited.is_removal
            && self.inherited.documents.iter().all(is_excluded)
        {
            self.inherited.documents.clear();
            self.forget_inherited(base.and_then(|base| base.validator.as_ref()));
        }
        let is_left = !self.lost.is_empty() || self.inherits() || self.inherited.is_removal;
        was_in_doubt && !is_left
    }

    /// Whether the document has the stamp of this write, which proves that it was applied, whatever the response.
    /// `stamps` is the pointer to the stamps.
    pub(crate) fn is_stamped(&self, stamps: Option<&str>, document: &Document) -> bool {
        match (stamps, &self.write_id) {
            (Some(stamps), Some(id)) if self.payload.is_some() || self.is_resumed => {
                stamp::holds(stamps, id, document)
            }
            _ => false,
        }
    }

    /// Whether the read confirms a write whose response contradicted itself. A read with the version from that
    /// response shows the state right after the write. A read with another version proves nothing here, and the
    /// write is judged as a lost one.
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
        shown.hides_previous
            && contradicted.version.is_some()
            && contradicted.version == read.validator
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
        let guard = InFlightGuard::new(Arc::default(), key, None);
        InFlight::new(
            guard,
            UnsettledOnVersion::default(),
            Some("w1".into()),
            None,
            Vec::new(),
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
            has_condition: true,
            requires_absence: false,
            has_patch_tests: false,
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
    fn a_key_of_the_callers_stays_as_long_as_the_document_does() {
        let key = Some("order-7".to_owned());
        let guard = in_flight().guard;
        let mut in_flight =
            InFlight::new(guard, UnsettledOnVersion::default(), None, key, Vec::new());
        let draft = document("1");
        for condition in [Condition::None, Condition::Absent] {
            assert_eq!(in_flight.key_for(&condition, Some(&draft)), "order-7");
        }
        let other = document("2");
        assert_ne!(in_flight.key_for(&Condition::None, Some(&other)), "order-7");
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
