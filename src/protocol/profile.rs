//! What is particular to one family of APIs.

use http::header::LOCATION;
use http::{HeaderMap, HeaderName};

use super::{Envelope, HiddenRefusal, Problem, RefusalKind, Validator, Versioning, WriteRoute};
use crate::json::Document;

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

/// How one family of APIs spells versions and refusals.
///
/// A profile is data and small functions; the loop is the same for all. [`Generic`](super::Generic) serves most
/// APIs, and every method here has its answer as the default.
pub trait Profile: Send + Sync + 'static {
    /// Where versions travel.
    fn versioning(&self) -> Versioning {
        Versioning::default()
    }

    /// Where the document lies inside the body.
    fn envelope(&self) -> Envelope {
        Envelope::none()
    }

    /// By which method, and at which address, whole documents are written.
    fn write_route(&self) -> WriteRoute {
        WriteRoute::default()
    }

    /// The media type of documents, asked for and sent unless a header of the client or the handle says
    /// otherwise.
    fn media_type(&self) -> &'static str {
        JSON
    }

    /// The media type of the differences that [`WriteMode::MergePatch`](crate::WriteMode::MergePatch)
    /// sends.
    fn patch_media_type(&self) -> &'static str {
        MERGE_PATCH
    }

    /// By what the body of a 2xx reply to a write says that the write was refused; none by default.
    /// Asked for once, when the client is built.
    fn hidden_refusals(&self) -> Vec<HiddenRefusal> {
        Vec::new()
    }

    /// What a refusal means; `None` leaves it to the status and to the refetch, which tells a race
    /// from any other refusal by whether the version moved. It is asked for every reply that is no
    /// success, of reads and writes, and what it says counts before the status does.
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let _ = problem;
        None
    }

    /// The current state as the body of a read would have it, and its version, if the refusal carries
    /// both *and the state is whole*.
    ///
    /// The next write replaces the resource by what is merged from it, so a state that leaves out
    /// members would remove them: answer `None` when in doubt, which costs one read.
    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        let _ = (problem, headers);
        None
    }

    /// The header fields of a 202 response that name its status monitor; the first one found counts.
    ///
    /// `Operation-Location`, `Azure-AsyncOperation` and `Location` by default (RFC 9110 15.3.3 names no
    /// field). An address of another origin is not followed.
    fn monitor_headers(&self) -> Vec<HeaderName> {
        usual_monitors()
    }

    /// Whether documents are stored exactly as they are sent; `None`: a version in the reply to a `PUT` is
    /// taken to say so (RFC 9110 9.3.4), until a read shows otherwise. See
    /// [`Collection::stores_as_sent`](crate::Collection::stores_as_sent).
    fn stores_as_sent(&self) -> Option<bool> {
        None
    }

    /// Whether the body of a reply to a write shows the resource as it is stored, with the members that a
    /// read shows and no others. See
    /// [`Collection::returns_stored`](crate::Collection::returns_stored).
    fn returns_stored(&self) -> bool {
        false
    }

    /// The path segment beneath a resource under which its versions lie, as `_history` in FHIR: a `Location`
    /// there means the resource.
    fn versions_beneath(&self) -> Option<&'static str> {
        None
    }

    /// Whether the server keeps idempotency keys, so that a `POST` whose reply was lost may be
    /// sent again.
    fn honours_idempotency_keys(&self) -> bool {
        false
    }
}

/// Where the status monitors of most APIs are named.
pub(super) fn usual_monitors() -> Vec<HeaderName> {
    vec![
        HeaderName::from_static("operation-location"),
        HeaderName::from_static("azure-asyncoperation"),
        LOCATION,
    ]
}
