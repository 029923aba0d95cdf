//! The bytes of one write.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use ifmatch_merge::internal::json_patch_if;
use url::Url;

use crate::BoxError;
use crate::exchange::Call;
use crate::json::patch::merge_patch;
use crate::json::{Document, JsonError};
use crate::protocol::{
    Creation, Envelope, PlacedPart, Precondition, Validator, VersionTarget, Versioning, WriteRoute,
};
use crate::store::StoredSnapshot;
use crate::write::machine::events::Condition;
use crate::write::recovery::stamp;
use crate::write::request::action::{ActionBody, ActionRequest};
use crate::write::request::scim_patch::scim_patch;
use crate::write::request::target::{Target, WriteMode};

/// One write request, with the resource that it would produce.
pub(crate) struct Payload {
    pub(crate) call: Call,
    /// The resource if this is stored as sent. `None` for a removal or an action.
    pub(crate) document: Option<Document>,
    /// The same document in its envelope, as a read would show it.
    pub(crate) body: Option<Document>,
    /// Whether the request carries a condition.
    pub(crate) has_condition: bool,
    /// Whether the condition is that the resource does not exist.
    pub(crate) requires_absence: bool,
    /// Whether the body is a JSON Patch with its own `test` operations.
    pub(crate) has_patch_tests: bool,
}

impl Payload {
    pub(crate) fn is_put(&self) -> bool {
        self.call.method == Method::PUT
    }
}

/// The reason why no request can be sent.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoPayload {
    /// The request would lack the condition that protects the writes of others.
    #[error("{0}")]
    Unpinned(&'static str),
    #[error(transparent)]
    Other(#[from] BoxError),
}

/// What a payload is made from.
pub(crate) struct RequestDraft<'a> {
    pub(crate) target: &'a Target,
    pub(crate) condition: &'a Condition<Validator>,
    /// The state that the write is pinned to.
    pub(crate) base: Option<&'a StoredSnapshot>,
    /// The wanted state of the resource. `None` removes it, unless there is an action.
    pub(crate) local: Option<&'a Document>,
    pub(crate) action: Option<&'a ActionRequest>,
    pub(crate) is_post: bool,
    /// The id of this logical write, if write stamps are used.
    pub(crate) write_id: Option<&'a str>,
    pub(crate) key: Option<&'a str>,
}

impl RequestDraft<'_> {
    pub(crate) fn payload(&self) -> Result<Payload, NoPayload> {
        let versioning = &self.target.versioning;
        if let Condition::Match(version) = self.condition
            && !versioning.accepts(version)
        {
            return Err(NoPayload::Unpinned(
                "its version is of another kind than this API takes",
            ));
        }
        let mut headers = self.target.headers.clone();
        let mut url = self.target.url.clone();
        if let Some(action) = self.action {
            url = action.url.clone();
            for (name, value) in &action.headers {
                headers.insert(name, value.clone());
            }
        }
        crate::write::request::reading::accept(self.target, &mut headers);
        if self.action.is_some() && !self.target.is_json() {
            // The response to an action is usually JSON, whatever the format of the resource is.
            let also = headers
                .get(ACCEPT)
                .map(|accept| [accept.as_bytes(), ALSO_JSON].concat());
            let also = also.and_then(|both| HeaderValue::from_bytes(&both).ok());
            headers.extend(also.map(|both| (ACCEPT, both)));
        }
        let preferred = headers.contains_key(PREFER)
            || self.target.shared.exchange.headers.contains_key(PREFER);
        // A removal returns no representation, and OData servers reject this preference on it.
        if self.local.is_some() && !preferred {
            headers.insert(PREFER, HeaderValue::from_static("return=representation"));
        }
        let set = self.action.map(|action| &action.headers);
        let has_own_key = set.is_some_and(|set| set.contains_key(IDEMPOTENCY_KEY));
        if let Some(key) = self.key.filter(|_| !has_own_key) {
            // A structured-field string (RFC 9651 3.3.3); a UUID needs no escapes.
            headers.insert(
                IDEMPOTENCY_KEY,
                HeaderValue::from_str(&format!("\"{key}\"")).map_err(BoxError::from)?,
            );
        }
        if self.local.is_some() && !self.is_post {
            url = self.route().lead(&url)?;
        }
        if let Some(lease) = &self.target.lease {
            lease.stamp(&mut headers, &mut url)?;
        }
        let inside = self.pin(versioning, &mut headers, &mut url)?;
        let encoded = match (self.action, self.local) {
            (Some(action), _) => self.action_body(action, &inside)?,
            (None, Some(local)) => self.encode(local, &self.target.envelope(), &inside)?,
            (None, None) => self.removal(versioning, &inside)?,
        };
        if matches!(
            self.action,
            Some(ActionRequest {
                body: ActionBody::Other(..),
                ..
            })
        ) {
            // The media type was given with the bytes. The header of the handle is for documents.
            headers.remove(CONTENT_TYPE);
        }
        if let Some(media_type) = encoded.media_type {
            // The client's `Content-Type` is for documents, not for patches and forms.
            let own = self.target.shared.exchange.headers.get(CONTENT_TYPE);
            let is_document = media_type == self.target.media_type();
            let own = own.filter(|_| is_document && self.target.format.is_none());
            let own = own.map_or_else(|| HeaderValue::from_str(&media_type), |own| Ok(own.clone()));
            headers
                .entry(CONTENT_TYPE)
                .or_insert(own.map_err(BoxError::from)?);
        }
        Ok(Payload {
            call: Call {
                method: encoded.method,
                url,
                headers,
                body: encoded.bytes,
            },
            document: encoded.document,
            body: encoded.body,
            has_condition: *self.condition != Condition::None,
            requires_absence: *self.condition == Condition::Absent,
            has_patch_tests: encoded.has_patch_tests,
        })
    }

    /// The route of this write of a whole document.
    fn route(&self) -> &WriteRoute {
        let route = &self.target.route;
        if *self.condition == Condition::Absent {
            route.of_creation()
        } else {
            route
        }
    }

    /// Puts the condition into headers and query. Returns the parts that belong in the body.
    fn pin<'v>(
        &self,
        versioning: &'v Versioning,
        headers: &mut HeaderMap,
        url: &mut Url,
    ) -> Result<Vec<PlacedPart<'v>>, NoPayload> {
        self.precondition(versioning)?.apply(headers);
        match (self.condition, versioning.creation()) {
            (Condition::Absent, Creation::Query(name, value)) => {
                crate::address::set_parameter(url, name, value);
            }
            (Condition::Absent, Creation::Header(name, value)) => {
                headers.insert(name, header_value(value)?);
            }
            _ => {}
        }
        let mut inside = Vec::new();
        let Condition::Match(Validator::Version(version)) = self.condition else {
            return Ok(inside);
        };
        let removal = self.local.is_none() && self.action.is_none();
        let placed = versioning.placed(version, removal);
        for part in placed.map_err(NoPayload::Unpinned)? {
            match part.target {
                VersionTarget::Body(_) => inside.push(part),
                VersionTarget::Query(name) => {
                    self.check_parameter(url, name, &part.value)?;
                    crate::address::set_parameter(url, name, &part.value);
                }
                VersionTarget::Header(name) => {
                    let version = header_value(&part.value)?;
                    self.check_header(name, &version)?;
                    headers.insert(name, version);
                }
                VersionTarget::Tag => {
                    headers.insert(IF_MATCH, header_value(&part.value)?);
                }
            }
        }
        Ok(inside)
    }

    fn precondition(&self, versioning: &Versioning) -> Result<Precondition, NoPayload> {
        if self.action.is_some_and(|action| action.requires_absence) {
            return Ok(Precondition::IfNoneMatchAny);
        }
        Ok(match (self.condition, versioning.creation()) {
            (Condition::Match(validator), _) => Precondition::for_validator(validator),
            (Condition::Absent, Creation::Standard) => Precondition::IfNoneMatchAny,
            (Condition::Absent, Creation::Never) => {
                let why = "this API would overwrite an existing resource: create new resources with `post`";
                return Err(NoPayload::Other(why.into()));
            }
            (Condition::Absent | Condition::None, _) => Precondition::None,
        })
    }

    /// Creates the request of a removal. It has no document to carry the version, so the version gets its own body.
    fn removal(
        &self,
        versioning: &Versioning,
        inside: &[PlacedPart<'_>],
    ) -> Result<EncodedBody, BoxError> {
        let (mut body, envelope) = (versioning.removal_body(), self.target.envelope());
        for part in inside {
            let around = body.unwrap_or_else(|| Document::from_trusted("{}"));
            let version = spelt(&part.value, part, self.base, &envelope)?;
            body = Some(around.with(pointer(part), &version)?);
        }
        let media_type = body
            .as_ref()
            .map(|_| self.target.shared.media_type().to_owned());
        let bytes = body.map_or_else(Bytes::new, |body| body.to_bytes());
        Ok(EncodedBody::bare(Method::DELETE, bytes, media_type))
    }

    /// Encodes the body: the document in its envelope, the write stamp, and the version where the API wants it in
    /// the body.
    fn encode(
        &self,
        local: &Document,
        envelope: &Envelope,
        inside: &[PlacedPart<'_>],
    ) -> Result<EncodedBody, BoxError> {
        let mut document = local.clone();
        if let (Some(pointer), Some(id)) = (&self.target.stamp, self.write_id) {
            let pinned_to = self.base.map_or(local, |base| &base.document);
            document = stamp::stamped(&document, pinned_to, pointer, id)?;
        }
        if let Some(lease) = &self.target.lease {
            document = lease.mark(document, self.base.map(|base| &base.document))?;
        }
        let base = match self.base {
            Some(base) if *self.condition != Condition::Absent && !self.is_post => Some(base),
            _ => None,
        };
        if *self.condition == Condition::Absent {
            for field in self.target.versioning.fields() {
                if let Some(inner) = envelope.within(field) {
                    document = document.without(inner);
                }
            }
        }
        // Put the version into the stored document only where a read shows it. A member that exists only in the
        // request, for the version or the next number, never appears in a read.
        for part in inside {
            if let Some(inner) = envelope.within(pointer(part))
                && part.origin == Some(pointer(part))
            {
                let received = spelt(&part.received, part, base, envelope)?;
                document = document.with(inner, &received)?;
            }
        }
        document = envelope.with_known_omitted(document, base.map(|base| &base.document))?;
        let plain = envelope.wrap(&document, base.and_then(|base| base.rest.as_ref()))?;
        let mut body = envelope.without_omitted(&plain);
        if *self.condition == Condition::Absent {
            for field in self.target.versioning.fields() {
                body = body.without(field);
            }
            if let Creation::Body(pointer, value) = self.target.versioning.creation() {
                body = body.with(pointer, &Document::from_value(value))?;
            }
        }
        let (mut versions, mut tests) = (Vec::new(), Vec::new());
        for part in inside {
            let version = spelt(&part.value, part, base, envelope)?;
            body = body.with(pointer(part), &version)?;
            versions.push((pointer(part), version));
            if let Some(origin) = part.origin {
                tests.push((origin, spelt(&part.received, part, base, envelope)?));
            }
        }
        let encoded = EncodedBody {
            method: if self.is_post {
                Method::POST
            } else {
                self.route().method().clone()
            },
            media_type: None,
            bytes: Bytes::new(),
            body: Some(envelope.as_read(
                &document,
                &plain,
                base.and_then(|base| base.rest.as_ref()),
            )?),
            document: Some(document),
            has_patch_tests: false,
        };
        // A resource that does not exist cannot be patched.
        let Some(base) = base.filter(|_| self.target.mode != WriteMode::Put) else {
            let (bytes, media_type, read) = self.target.write(&body)?;
            let mut encoded = encoded;
            if self.target.format.is_some() && envelope.view().is_none() {
                // A format may leave out what reads alike, such as a member that is `null`.
                (encoded.document, encoded.body) = (Some(read.clone()), Some(read));
            }
            return Ok(EncodedBody {
                bytes,
                media_type: Some(media_type),
                ..encoded
            });
        };
        let known = envelope.wrap(&base.document, base.rest.as_ref())?;
        let known = envelope.without_omitted(&known);
        // A patch omits unchanged members, and so the version, which must be added.
        let (media_type, mut patch) = match self.target.mode {
            WriteMode::JsonPatch => (JSON_PATCH, json_patch_if(&known, &body, &tests)),
            WriteMode::ScimPatch => (self.target.media_type(), scim_patch(&known, &body)?),
            WriteMode::Put | WriteMode::MergePatch => {
                let patch = envelope.wrap_patch(merge_patch(&known, &body)?, &body)?;
                (self.target.shared.profile.patch_media_type(), patch)
            }
        };
        if media_type != JSON_PATCH {
            for (pointer, version) in &versions {
                patch = patch.with(pointer, version)?;
            }
        }
        Ok(EncodedBody {
            method: Method::PATCH,
            media_type: Some(media_type.to_owned()),
            bytes: patch.to_bytes(),
            has_patch_tests: media_type == JSON_PATCH,
            ..encoded
        })
    }
}

/// Returns the JSON Pointer to the place of this part in the body.
pub(super) fn pointer<'v>(part: &PlacedPart<'v>) -> &'v str {
    match part.target {
        VersionTarget::Body(pointer) => pointer,
        _ => "",
    }
}

/// Encodes a version as a number or a string, whichever the body that was read has.
pub(super) fn spelt(
    version: &str,
    part: &PlacedPart<'_>,
    base: Option<&StoredSnapshot>,
    envelope: &Envelope,
) -> Result<Document, JsonError> {
    let found = base
        .and_then(|base| envelope.wrap_original(&base.document, base.rest.as_ref()))
        .and_then(|body| body.pointer(part.origin.unwrap_or(pointer(part))));
    let number = part.is_number || found.is_some_and(|found| found.to_value().is_number());
    match Document::parse(version.as_bytes()) {
        Ok(parsed) if number && parsed.to_value().is_number() => Ok(parsed),
        _ => Document::encode(version),
    }
}

fn header_value(version: &str) -> Result<HeaderValue, NoPayload> {
    HeaderValue::from_str(version)
        .map_err(|_| NoPayload::Unpinned("its version has characters that are invalid in a header"))
}

/// An encoded request body, with the documents that it stands for.
pub(super) struct EncodedBody {
    method: Method,
    media_type: Option<String>,
    bytes: Bytes,
    document: Option<Document>,
    body: Option<Document>,
    has_patch_tests: bool,
}

impl EncodedBody {
    /// Creates a body that contains no document of the resource.
    pub(super) fn bare(method: Method, bytes: Bytes, media_type: Option<String>) -> Self {
        Self {
            method,
            media_type,
            bytes,
            document: None,
            body: None,
            has_patch_tests: false,
        }
    }
}

const ALSO_JSON: &[u8] = b", application/json;q=0.9";
const JSON_PATCH: &str = "application/json-patch+json";

const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
