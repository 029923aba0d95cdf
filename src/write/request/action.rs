//! The request of an action, which contains no document of the resource.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use url::Url;

use crate::BoxError;
use crate::json::Document;
use crate::protocol::PlacedPart;
use crate::write::request::payload::{EncodedBody, NoPayload, RequestDraft, pointer, spelt};

/// The request of an action, without its precondition and key.
pub(crate) struct ActionRequest {
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ActionBody,
    /// Whether the action is only for a resource that does not exist.
    pub(crate) requires_absence: bool,
    /// Whether the body of a successful response is the resource as stored.
    pub(crate) returns_resource: bool,
}

impl ActionRequest {
    /// Whether the body has a media type that the caller has chosen.
    pub(crate) fn has_bytes(&self) -> bool {
        matches!(self.body, ActionBody::Other(..))
    }
}

/// The body of an action.
pub(crate) enum ActionBody {
    Empty,
    Json(Document),
    /// A body in another format, with its media type.
    Other(Bytes, HeaderValue),
}

const NO_PLACE: &str =
    "this API takes the version inside the body, and the body of the action is not a JSON object";

impl RequestDraft<'_> {
    /// Encodes the body of an action, with the version where the API wants it in the body.
    pub(super) fn action_body(
        &self,
        action: &ActionRequest,
        inside: &[PlacedPart<'_>],
    ) -> Result<EncodedBody, NoPayload> {
        let mut body = match &action.body {
            ActionBody::Empty => None,
            ActionBody::Json(document) => Some(document.clone()),
            ActionBody::Other(..) if !inside.is_empty() => {
                return Err(NoPayload::Unpinned(NO_PLACE));
            }
            ActionBody::Other(bytes, media_type) => {
                let media_type = media_type.to_str().map_err(BoxError::from)?.to_owned();
                let method = action.method.clone();
                return Ok(EncodedBody::bare(method, bytes.clone(), Some(media_type)));
            }
        };
        for part in inside {
            let around = body.unwrap_or_else(|| Document::from_trusted("{}"));
            let version = spelt(&part.value, part, self.base, &self.target.envelope())
                .map_err(BoxError::from)?;
            check_member(&around, pointer(part), &version)?;
            let pinned = around.with(pointer(part), &version);
            body = Some(pinned.map_err(|_| NoPayload::Unpinned(NO_PLACE))?);
        }
        let media_type = body
            .as_ref()
            .map(|_| self.target.shared.media_type().to_owned());
        let bytes = body.map_or_else(Bytes::new, |body| body.to_bytes());
        Ok(EncodedBody::bare(action.method.clone(), bytes, media_type))
    }

    /// Checks that the version does not replace a query parameter that the caller has set for the action.
    pub(super) fn check_parameter(
        &self,
        url: &Url,
        name: &str,
        version: &str,
    ) -> Result<(), NoPayload> {
        let is_another =
            |(set, value): (Cow<'_, str>, Cow<'_, str>)| set == name && value != version;
        if self.action.is_some() && url.query_pairs().any(is_another) {
            return Err(is_taken(&format!("query parameter {name:?}")));
        }
        Ok(())
    }

    /// Checks that the version does not replace a header that the caller has set for the action.
    pub(super) fn check_header(
        &self,
        name: &HeaderName,
        version: &HeaderValue,
    ) -> Result<(), NoPayload> {
        let set = self.action.and_then(|action| action.headers.get(name));
        if set.is_some_and(|set| set != version) {
            return Err(is_taken(&format!("header `{name}`")));
        }
        Ok(())
    }
}

/// Checks that the version does not replace a member that the caller has set in the body of the action.
fn check_member(body: &Document, pointer: &str, version: &Document) -> Result<(), NoPayload> {
    let set = body.pointer(pointer);
    let is_free = set.is_none_or(|set| {
        set.to_value().is_null() || set == *version || set.as_id() == version.as_id()
    });
    if is_free {
        return Ok(());
    }
    Err(is_taken(&format!("member {pointer:?} of its body")))
}

/// The error of an action that already has a value of its own where the version belongs.
fn is_taken(place: &str) -> NoPayload {
    let why = format!(
        "this API takes the version of the resource in the {place}, which has another value already"
    );
    NoPayload::Other(why.into())
}
