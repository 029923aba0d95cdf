//! Requests that read, the representations in their responses, and what a response to a write proves.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{
    ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, IF_MODIFIED_SINCE, IF_NONE_MATCH, LOCATION, PRAGMA,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::exchange::Call;
use crate::exchange::transport::Response;
use crate::json::{Document, JsonError};
use crate::protocol::{
    FoundVersion, Unwrapped, Validator, essence, is_coded, is_no_representation, is_problem,
};
use crate::store::{SnapshotOrigin, StoredSnapshot};
use crate::write::diagnosis::SharedError;
use crate::write::recovery::evidence::{self, Claim, Contradiction, Evidence, EvidenceDocument};
use crate::write::request::address;
use crate::write::request::body;
use crate::write::request::payload::Payload;
use crate::write::request::target::{Target, WriteMode};

/// Sets the client's `Accept` header and the field that asks for a version, unless the handle has its own.
///
/// Each content coding has its own tag (RFC 9110 8.8.3.3), so only `identity` is requested.
pub(crate) fn accept(target: &Target, headers: &mut HeaderMap) {
    let of_format = target.format.as_deref().map(body::accept);
    let of_format = of_format.and_then(|accept| HeaderValue::from_str(&accept).ok());
    let accepted = || of_format.unwrap_or_else(|| target.shared.accept.clone());
    headers.entry(ACCEPT).or_insert_with(accepted);
    if let Some((name, value)) = target.versioning.request() {
        headers.entry(name).or_insert_with(|| value.clone());
    }
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// Creates a read of the target. With `fresh` it bypasses every cache, because a refused write does not invalidate
/// them (RFC 9111 4.4).
pub(crate) fn read_call(target: &Target, method: Method, fresh: bool) -> Call {
    let mut headers = target.headers.clone();
    accept(target, &mut headers);
    if fresh {
        ask_past_caches(target, &mut headers);
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    Call {
        method,
        url: target.read_url.as_ref().unwrap_or(&target.url).clone(),
        headers,
        body: Bytes::new(),
    }
}

/// Asks for a representation only if it is of another version (RFC 9110 13.1.2 and 13.1.3).
pub(crate) fn ask_if_changed(headers: &mut HeaderMap, known: &Validator) {
    match known {
        Validator::Tag(tag) => {
            headers.insert(IF_NONE_MATCH, tag.to_header_value());
        }
        Validator::LastModified(date) => {
            headers.insert(IF_MODIFIED_SINCE, date.to_header_value());
        }
        _ => {}
    }
}

/// Asks for a representation of any version.
pub(crate) fn ask_anyway(headers: &mut HeaderMap) {
    headers.remove(IF_NONE_MATCH);
    headers.remove(IF_MODIFIED_SINCE);
}

/// Asks the origin server instead of a cache on the way, and keeps the caller's other cache directives.
pub(crate) fn ask_past_caches(target: &Target, headers: &mut HeaderMap) {
    let of_all = &target.shared.exchange.headers;
    let own = headers.get(CACHE_CONTROL).or(of_all.get(CACHE_CONTROL));
    let both = own.map(|own| [own.as_bytes(), b", no-cache"].concat());
    let asked = both.and_then(|both| HeaderValue::from_bytes(&both).ok());
    let asked = asked.unwrap_or(HeaderValue::from_static("no-cache"));
    headers.insert(CACHE_CONTROL, asked);
}

/// The reason why a successful response has no usable representation.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoRepresentation {
    #[error("the server answered {0} without a representation")]
    Empty(StatusCode),
    #[error("the representation has a content coding that was not requested")]
    Encoded,
    #[error("the body is not {what} (media type {media_type}){detail}")]
    Unreadable {
        media_type: String,
        what: String,
        detail: String,
        /// Whether it is a page for people.
        is_page: bool,
        source: Option<SharedError>,
    },
    #[error("{0}")]
    Misfit(JsonError),
    #[error("the body has no document at the place that `Envelope` names")]
    NotEnclosed,
    #[error("the server answered {0}, but the body is a refusal")]
    Refused(StatusCode),
    #[error("the server answered {0}, but the body says that the resource does not exist")]
    Absent(StatusCode),
}

/// A representation that was read, with its version.
pub(crate) struct Representation {
    pub(crate) snapshot: StoredSnapshot,
    pub(crate) found: FoundVersion,
}

/// Parses the body of a 200 or 203 response.
pub(crate) fn body(target: &Target, reply: &Response) -> Result<Document, NoRepresentation> {
    if reply.status != StatusCode::OK && reply.status != StatusCode::NON_AUTHORITATIVE_INFORMATION {
        return Err(NoRepresentation::Empty(reply.status));
    }
    if is_coded(&reply.headers) {
        return Err(NoRepresentation::Encoded);
    }
    let labelled = essence(&reply.headers);
    if labelled.as_deref().is_some_and(is_problem) {
        return Err(NoRepresentation::Refused(reply.status));
    }
    target
        .parse(reply)
        .map_err(|error| NoRepresentation::Unreadable {
            media_type: labelled.unwrap_or_else(|| "none".to_owned()),
            what: error.what,
            detail: error.detail,
            is_page: target.read_kind(reply) == evidence::BodyKind::Page,
            source: error.source,
        })
}

/// Takes a representation from a 200 or 203 response.
pub(crate) fn representation(
    target: &Target,
    reply: &Response,
) -> Result<Representation, NoRepresentation> {
    let is_empty =
        reply.body.is_empty() && matches!(reply.status, StatusCode::OK | StatusCode::NO_CONTENT);
    if is_empty && target.envelope().empty_tells_absence() {
        return Err(NoRepresentation::Absent(reply.status));
    }
    let body = body(target, reply)?;
    if target.envelope().tells_absence(&body) {
        return Err(NoRepresentation::Absent(reply.status));
    }
    let headers = target
        .versioning
        .with_trailers(&reply.headers, &reply.trailers);
    let mut found = target
        .versioning
        .of_read(&headers, &body, SystemTime::now());
    if reply.status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
        // A proxy that changed the representation may have left out members, which a write would then remove.
        found = FoundVersion::Unusable {
            becomes_usable: false,
            why: "a proxy on the way has changed the representation (203)",
        };
    }
    let validator = match &found {
        FoundVersion::Version(validator) => Some(validator.clone()),
        _ => None,
    };
    let depth = target.shared.exchange.limits.depth;
    // A body with a version is the resource, whatever its members are called.
    if validator.is_none()
        && (is_no_representation(&target.shared.hidden, &body)
            || target.read_kind(reply) == evidence::BodyKind::Problem
            || shows_hidden_refusal(target, reply))
    {
        return Err(NoRepresentation::Refused(reply.status));
    }
    let unwrapped = target.envelope().unwrap_body(&body, depth);
    let unwrapped = unwrapped.ok_or(NoRepresentation::NotEnclosed)?;
    Ok(Representation {
        snapshot: snapshot(unwrapped, validator, headers.into_owned(), reply.origin),
        found,
    })
}

/// Whether a body in another format is a refusal in JSON, by the rules for responses with status 200.
fn shows_hidden_refusal(target: &Target, reply: &Response) -> bool {
    let (hidden, depth) = (&target.shared.hidden, target.shared.exchange.limits.depth);
    if target.is_json() || hidden.is_empty() {
        return false;
    }
    let body = Document::parse_with_depth(&reply.body, depth);
    body.is_ok_and(|body| is_no_representation(hidden, &body))
}

/// Makes a snapshot of an unwrapped document, with its version, headers and origin.
pub(crate) fn snapshot(
    unwrapped: Unwrapped,
    validator: Option<Validator>,
    headers: HeaderMap,
    origin: SnapshotOrigin,
) -> StoredSnapshot {
    StoredSnapshot {
        rest: unwrapped.rest,
        origin,
        ..StoredSnapshot::new(unwrapped.document, validator, headers)
    }
}

/// Returns the wait that the server requests.
pub(crate) fn requested_wait(headers: &HeaderMap) -> Option<Duration> {
    crate::protocol::retry_after(headers, SystemTime::now())
}

/// What a response to a write proves, as snapshots.
pub(crate) enum Weighed {
    /// What is stored now, as far as the response shows. It has a validator only if it can be cached. `None` after
    /// a removal.
    Stored(Option<StoredSnapshot>, EvidenceDocument),
    /// The response contradicts its status. The validator is the version that it names.
    Contradicted(Contradiction, Option<Validator>),
}

/// Weighs a 2xx response to a write by the rules of [`evidence`].
pub(crate) fn weigh(
    target: &Target,
    reply: &Response,
    base: Option<&StoredSnapshot>,
    onto: Option<&Validator>,
    payload: &Payload,
) -> Weighed {
    let (Some(sent), Some(sent_body)) = (&payload.document, &payload.body) else {
        return Weighed::Stored(None, EvidenceDocument::Sent);
    };
    let depth = target.shared.exchange.limits.depth;
    let (versioning, envelope) = (&target.versioning, target.envelope());
    let headers = versioning.with_trailers(&reply.headers, &reply.trailers);
    // A body that a proxy has changed proves nothing (203).
    let whole = reply.status != StatusCode::NON_AUTHORITATIVE_INFORMATION;
    let body = Some(&reply.body).filter(|body| whole && !body.is_empty() && !is_coded(&headers));
    let body = body.and_then(|_| target.parse(reply).ok());
    let version = match versioning.of_reply(&headers, body.as_ref(), SystemTime::now()) {
        FoundVersion::Version(version) if whole => Some(version),
        _ => None,
    };
    let shown = body
        .as_ref()
        .and_then(|body| envelope.unwrap_body(body, depth));
    let is_post = payload.call.method == Method::POST;
    let vouched_for =
        is_named(target, reply, is_post) || target.storage_behaviour.returns_stored == Some(true);
    let is_report = !vouched_for && target.is_labelled_otherwise(reply, &payload.call.headers);
    let shown = shown.filter(|_| !is_report);
    let mut given = vec!["/id"];
    given.extend(envelope.omitted_members());
    if envelope.view().is_none() {
        given.extend(versioning.pointers());
    }
    let storage_behaviour = &target.storage_behaviour;
    let weighed = evidence::weigh(&Claim {
        method: &payload.call.method,
        replaces_whole: payload.is_put() || (base.is_some() && target.mode == WriteMode::Put),
        onto,
        base: base.map(|base| &base.document),
        sent,
        version: version.as_ref(),
        has_replaced_version: onto
            .is_some_and(|onto| whole && evidence::has_tag_of(&headers, onto)),
        shown: shown.as_ref().map(|shown| &shown.document),
        // Without a body that fits there is no need to check what it represents.
        body_is_resource: shown.is_some()
            && is_named(
                target,
                reply,
                base.is_none() && payload.call.method == Method::POST,
            ),
        status_is_created: reply.status == StatusCode::CREATED,
        shows_another: body
            .as_ref()
            .is_some_and(|body| target.is_another(base, body)),
        server_members: &given,
        stores_as_sent: target.stores_as_sent(),
        returns_stored: storage_behaviour.returns_stored == Some(true),
    });
    let (which, validator) = match weighed {
        Evidence::Contradicted(why) => return Weighed::Contradicted(why, version),
        // The body shows another resource (RFC 9110 8.7), so it proves nothing about this one.
        Evidence::Stored(_) | Evidence::StoredUnseen(_)
            if address::is_of_another(target, reply) =>
        {
            (EvidenceDocument::Sent, None)
        }
        Evidence::Stored(which) => (which, version),
        Evidence::StoredUnseen(which) => (which, None),
    };
    let (mut unwrapped, which) = match (which, shown) {
        (EvidenceDocument::Shown, Some(shown)) => (shown, EvidenceDocument::Shown),
        _ => (
            envelope.unwrap_sent(sent_body, depth),
            EvidenceDocument::Sent,
        ),
    };
    let now = envelope.wrap_original(&unwrapped.document, unwrapped.rest.as_ref());
    if let (Some(body), Some(_), Some(mut now)) = (&body, &validator, now) {
        for (field, version) in versioning.versions_in(body) {
            // Keep the server's spelling, number or string: it expects the version back in the same form.
            now = now.with(field, &version).unwrap_or(now);
        }
        unwrapped = envelope.unwrap_body(&now, depth).unwrap_or(unwrapped);
    }
    let vouched = storage_behaviour.stores_as_sent == Some(true)
        || storage_behaviour.returns_stored == Some(true);
    let stored = StoredSnapshot {
        is_unread: !vouched,
        ..snapshot(unwrapped, validator, headers.into_owned(), reply.origin)
    };
    Weighed::Stored(Some(stored), which)
}

/// Whether the response states that its body is the resource (RFC 9110 8.7, RFC 7240 3).
fn is_named(target: &Target, reply: &Response, of_post: bool) -> bool {
    let header = |name: &str| {
        let value = reply.headers.get(name);
        value.and_then(|value| value.to_str().ok())
    };
    let address_in = |name: &str| header(name).and_then(|text| address::resolve(target, text));
    let applied = header("preference-applied")
        .is_some_and(|p| p.to_ascii_lowercase().contains("return=representation"));
    let resource = if of_post {
        address_in(LOCATION.as_str())
    } else {
        Some(target.url.clone())
    };
    let located = resource.zip(address_in("content-location"));
    applied || located.is_some_and(|(resource, at)| address::is_whole(&resource, &at))
}

/// Whether the body of a response to a write is the resource and not a report about it. Either the server says so
/// (RFC 9110 8.7, RFC 7240 3), or the body has every member that was sent.
pub(in crate::write) fn is_representation(
    target: &Target,
    reply: &Response,
    body: &Document,
    sent: &Document,
) -> bool {
    if is_named(target, reply, false) {
        return true;
    }
    match (body.to_value(), sent.to_value()) {
        (serde_json::Value::Object(body), serde_json::Value::Object(sent)) => {
            !sent.is_empty() && sent.keys().all(|name| body.contains_key(name))
        }
        _ => body == sent,
    }
}
