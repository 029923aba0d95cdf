//! Interprets a read made for a write.

use super::super::diagnosis::FailureCause;
use super::super::machine::events::{Event, Failure, Goal, ReadOutcome};
use super::super::merge_state::Remote;
use super::{ActionResult, Driver};
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::protocol::{FoundVersion, Validator, is_no_representation};
use crate::store::StoredSnapshot;
use crate::write::request::reading::{self, NoRepresentation};

impl Driver<'_> {
    /// Handles a successful response to a read.
    pub(super) async fn take(&mut self, reply: &Response) -> ActionResult {
        let read = match reading::representation(self.target, reply) {
            Ok(read) => read,
            Err(NoRepresentation::Absent(_)) => return self.absent().await,
            Err(error) => {
                return ActionResult::failed(
                    Failure::Permanent,
                    FailureCause::NoRepresentation(error),
                );
            }
        };
        let snapshot = read.snapshot;
        let (seen, cause) = match read.found {
            FoundVersion::Version(validator) => {
                let raced = self.machine.tally().races > 0;
                self.state.seen(validator, &snapshot.document, raced)
            }
            FoundVersion::Nothing => (ReadOutcome::Unversioned, None),
            FoundVersion::Unusable {
                becomes_usable,
                why,
            } => {
                let before = self.state.remote.snapshot();
                let moved =
                    before.is_some_and(|before| !before.document.same_text(&snapshot.document));
                let seen = ReadOutcome::Unusable {
                    becomes_usable,
                    moved,
                };
                (seen, Some(FailureCause::Unusable(why)))
            }
        };
        if let Some(step) = self.end_in_sight(&snapshot) {
            self.state.remote = Remote::Present(snapshot);
            return step;
        }
        if self.is_refusal(reply, &snapshot.document) {
            let why = NoRepresentation::Refused(reply.status);
            return ActionResult::failed(Failure::Permanent, FailureCause::NoRepresentation(why));
        }
        let ours = self.is_ours(&snapshot);
        self.state.remote = Remote::Present(snapshot);
        let event = if ours {
            Event::Recognised(seen)
        } else {
            Event::Read(seen)
        };
        ActionResult { event, cause }
    }

    /// Handles a read that found no resource.
    pub(super) async fn absent(&mut self) -> ActionResult {
        self.state.remote = Remote::Absent;
        self.forget().await;
        Event::Read(ReadOutcome::Absent).into()
    }

    /// Whether the read shows that this write has been applied.
    fn is_ours(&self, read: &StoredSnapshot) -> bool {
        let base = self.state.base_document();
        self.is_stamped(&read.document) || self.in_flight.confirms_contradicted_write(base, read)
    }

    /// Whether this write has left its stamp. New documents of a collection are not checked.
    pub(super) fn is_stamped(&self, document: &Document) -> bool {
        let stamps = self.target.stamp.as_deref();
        self.machine.goal() != Goal::Append && self.in_flight.is_stamped(stamps, document)
    }

    /// Ends the write if the read shows an object other than the edited one, or that the object to be removed is
    /// being removed.
    fn end_in_sight(&mut self, read: &StoredSnapshot) -> Option<ActionResult> {
        if let Some(base) = &self.state.base {
            self.target.check(base, read);
        }
        let envelope = self.target.envelope();
        let whole =
            |side: &StoredSnapshot| envelope.wrap_original(&side.document, side.rest.as_ref());
        let body = whole(read)?;
        let base = self.state.base.as_ref();
        if self.target.is_another(base, &body) {
            let event = Event::<Validator>::Read(ReadOutcome::Successor);
            return Some(ActionResult::because(event, FailureCause::Successor));
        }
        let was_marked = |base| whole(base).is_none_or(|base| self.target.is_marked(&base));
        let marked = self.machine.goal() == Goal::Delete
            && self.target.is_marked(&body)
            && base.is_some_and(|base| !was_marked(base));
        self.diagnosis.remarks.removal_pending |= marked;
        marked.then(|| Event::Read(ReadOutcome::Marked).into())
    }

    /// Whether a body with a version is a refusal all the same. Some servers give every response a version. Such a
    /// body says that it is a refusal, and lacks members that the resource had.
    fn is_refusal(&self, reply: &Response, document: &Document) -> bool {
        let is_refusal = is_no_representation(&self.target.shared.hidden, document);
        let base = self.state.base_document().filter(|_| is_refusal);
        base.is_some_and(|base| !reading::is_representation(self.target, reply, document, base))
    }
}
