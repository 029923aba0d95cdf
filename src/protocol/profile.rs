//! The properties of one family of APIs.

use http::header::LOCATION;
use http::{HeaderMap, HeaderName};
use url::Url;

use super::{
    Batch, ConflictService, Envelope, Feed, HiddenRefusal, Problem, RefusalKind, Translation,
    Validator, Versioning, WriteRoute,
};
use crate::json::Document;

pub(super) const JSON: &str = "application/json";
pub(super) const MERGE_PATCH: &str = "application/merge-patch+json";

/// A description of how one family of APIs spells versions and refusals.
///
/// A profile consists of data and small functions. Every method has a default, which is that of
/// [`Generic`](super::Generic). `Generic` serves most APIs.
pub trait Profile: Send + Sync + 'static {
    /// Returns where versions are found and how they are sent.
    fn versioning(&self) -> Versioning {
        Versioning::default()
    }

    /// Returns where the document lies inside the body.
    fn envelope(&self) -> Envelope {
        Envelope::none()
    }

    /// Returns the method and the address for writing whole documents, and the address for reading them.
    fn write_route(&self) -> WriteRoute {
        WriteRoute::default()
    }

    /// Returns how requests for resources become calls, if the API at this base URL has no resources (default `None`).
    ///
    /// Called once, when the client is built.
    fn translation(&self, base: &Url) -> Option<Translation> {
        let _ = base;
        None
    }

    /// Returns the media type of documents (default `application/json`).
    ///
    /// It is requested and sent unless a header of the client or the handle overrides it.
    fn media_type(&self) -> &'static str {
        JSON
    }

    /// Returns the media type of the patches that [`WriteMode::MergePatch`](crate::WriteMode::MergePatch)
    /// sends.
    fn patch_media_type(&self) -> &'static str {
        MERGE_PATCH
    }

    /// Returns the rules that detect a refused write in the body of a 2xx response (default none).
    ///
    /// Called once, when the client is built.
    fn hidden_refusals(&self) -> Vec<HiddenRefusal> {
        Vec::new()
    }

    /// Returns the meaning of a refusal, or `None` to leave it to the status and a read (the default).
    ///
    /// The read recognises a race by a changed version. The method is called for every unsuccessful response
    /// to a read or a write. The returned kind takes precedence over the status.
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let _ = problem;
        None
    }

    /// Returns the current state and its version, if the refusal carries both *and the state is whole*.
    ///
    /// The state has the form of the body of a read. The next write replaces the resource with the result of
    /// the merge, so it would remove any member that is missing from the state. Return `None` when in doubt,
    /// which costs one read.
    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        let _ = (problem, headers);
        None
    }

    /// Returns the header fields of a 202 response that may name its status monitor, the URL that reports
    /// progress.
    ///
    /// The first one found is used.
    ///
    /// Default: `Operation-Location`, `Azure-AsyncOperation` and `Location` (RFC 9110 15.3.3 names no field).
    /// An address of another origin is not followed.
    fn monitor_headers(&self) -> Vec<HeaderName> {
        usual_monitors()
    }

    /// Returns whether the server stores documents exactly as they are sent.
    ///
    /// With `None` (default), a version in the response to a `PUT` is taken to mean this (RFC 9110 9.3.4),
    /// until a read shows otherwise. See [`Collection::stores_as_sent`](crate::Collection::stores_as_sent).
    fn stores_as_sent(&self) -> Option<bool> {
        None
    }

    /// Whether the body of a response to a write shows the resource as it is stored, with exactly the
    /// members that a read shows. See [`Collection::returns_stored`](crate::Collection::returns_stored).
    fn returns_stored(&self) -> bool {
        false
    }

    /// Returns the path segment below a resource under which its versions lie, such as `_history` in FHIR. A
    /// `Location` below it refers to the resource.
    fn versions_beneath(&self) -> Option<&'static str> {
        None
    }

    /// Returns the request by which the API applies several writes (default `None`).
    ///
    /// Transactions whose writes fit into it are committed by it. If it is [plain](Batch::plain), their steps are tried
    /// together by it.
    fn batch(&self) -> Option<Batch> {
        None
    }

    /// Returns how the API tells which resources of a collection have changed, or `None` (the default) if it does not.
    ///
    /// [`Collection::watch`](crate::Collection::watch) then polls the collection.
    fn feed(&self) -> Option<Feed> {
        None
    }

    /// Returns where the API tells of conflicts and takes what a person has decided (default: the paths and members of
    /// [`ConflictService`]).
    fn conflict_service(&self) -> ConflictService {
        ConflictService::new()
    }

    /// Whether the server honours idempotency keys (default `false`), so that a `POST` may be sent
    /// again after a lost response.
    fn honours_idempotency_keys(&self) -> bool {
        false
    }
}

/// The fields in which most APIs name the status monitor.
pub(super) fn usual_monitors() -> Vec<HeaderName> {
    vec![
        HeaderName::from_static("operation-location"),
        HeaderName::from_static("azure-asyncoperation"),
        LOCATION,
    ]
}
