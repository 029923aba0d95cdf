//! Reads for writes, and what replies say.

use std::time::{Duration, SystemTime};

use ::http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, LOCATION, PRAGMA};
use ::http::{HeaderMap, HeaderValue, Method, StatusCode};
use bytes::Bytes;
use url::Url;

use super::payload::Payload;
use super::target::Target;
use crate::exchange::{Call, within_origin};
use crate::http::{Validator, is_coded};
use crate::json::{Document, JsonError};
use crate::refusal::{Found, Opened, is_no_representation};
use crate::store::StoredSnapshot;
use crate::transport::Response;

/// Asks for what the client asks for, unless the handle was told otherwise.
///
/// A content coding has a tag of its own (RFC 9110 8.8.3.3), so none is asked for.
pub(crate) fn accept(target: &Target, headers: &mut HeaderMap) {
    let accepted = || target.shared.accept.clone();
    headers.entry(ACCEPT).or_insert_with(accepted);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
}

/// A read of the target; `fresh`: past every cache, because a refusal does not invalidate one
/// (RFC 9111 4.4).
pub(crate) fn read_call(target: &Target, method: Method, fresh: bool) -> Call {
    let mut headers = target.headers.clone();
    accept(target, &mut headers);
    if fresh {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    Call {
        method,
        url: target.url.clone(),
        headers,
        body: Bytes::new(),
    }
}

/// Why a successful reply is no representation.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoRepresentation {
    #[error("the server answered {0} without a representation")]
    Empty(StatusCode),
    #[error("the representation came in a content coding that was not asked for")]
    Encoded,
    #[error("the body is not a JSON document (media type {media_type}): {source}")]
    NotJson {
        media_type: String,
        source: JsonError,
    },
    #[error("the document does not fit the type: {0}")]
    Misfit(JsonError),
    #[error("the body has no document where `Envelope` says that it lies")]
    NotEnclosed,
    #[error("the server answered {0}, and its body says that it refuses")]
    Refused(StatusCode),
    #[error("the server answered {0}, and its body says that nothing is there")]
    Absent(StatusCode),
}

/// A representation that was read, with what is known of its version.
pub(crate) struct Representation {
    pub(crate) snapshot: StoredSnapshot,
    pub(crate) found: Found,
}

/// Takes a body from a 200.
pub(crate) fn body(target: &Target, reply: &Response) -> Result<Document, NoRepresentation> {
    if reply.status != StatusCode::OK && reply.status != StatusCode::NON_AUTHORITATIVE_INFORMATION {
        return Err(NoRepresentation::Empty(reply.status));
    }
    if is_coded(&reply.headers) {
        return Err(NoRepresentation::Encoded);
    }
    let depth = target.shared.exchange.limits.depth;
    Document::parse_with_depth(&reply.body, depth).map_err(|source| NoRepresentation::NotJson {
        media_type: crate::http::essence(&reply.headers).unwrap_or_else(|| "none".to_owned()),
        source,
    })
}

/// Takes a representation from a 200.
pub(crate) fn representation(
    target: &Target,
    reply: &Response,
) -> Result<Representation, NoRepresentation> {
    let body = body(target, reply)?;
    if target.envelope().tells_absence(&body) {
        return Err(NoRepresentation::Absent(reply.status));
    }
    let headers = target.versioning.headers_of(reply);
    let mut found = target
        .versioning
        .of_read(&headers, &body, SystemTime::now());
    if reply.status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
        // Whoever changed it on the way may have left out what a write would then remove.
        found = Found::Unusable {
            may_heal: false,
            why: "a proxy on the way has changed the representation (203)",
        };
    }
    let validator = match &found {
        Found::Version(validator) => Some(validator.clone()),
        _ => None,
    };
    // What has a version is the resource, whatever its members are called.
    if validator.is_none() && is_no_representation(&target.shared.hidden, &body) {
        return Err(NoRepresentation::Refused(reply.status));
    }
    let depth = target.shared.exchange.limits.depth;
    let opened = target.envelope().open(&body, depth);
    let opened = opened.ok_or(NoRepresentation::NotEnclosed)?;
    Ok(Representation {
        snapshot: snapshot(opened, validator, headers.into_owned()),
        found,
    })
}

/// A document out of its envelope, with what is known of it.
pub(crate) fn snapshot(
    opened: Opened,
    validator: Option<Validator>,
    headers: HeaderMap,
) -> StoredSnapshot {
    StoredSnapshot {
        frame: opened.frame,
        ..StoredSnapshot::new(opened.document, validator, headers)
    }
}

/// How long the server asks to wait.
pub(crate) fn told_to_wait(headers: &HeaderMap) -> Option<Duration> {
    crate::http::retry_after(headers, SystemTime::now())
}

/// Where the reply to a `POST` says that the new resource is: by `Location` (RFC 9110 10.2.2), or by the
/// member `id`, which is what most APIs mean by it.
pub(crate) fn location(target: &Target, reply: &Response) -> Option<Url> {
    if let Some(location) = reply.headers.get(LOCATION) {
        return within_origin(&target.url, location.to_str().ok()?);
    }
    let depth = target.shared.exchange.limits.depth;
    let body = Document::parse_with_depth(&reply.body, depth).ok()?;
    let named = |document: &Document| document.pointer("/id")?.as_id();
    let opened = target.envelope().open(&body, depth);
    let id = opened.and_then(|opened| named(&opened.document));
    crate::path::item(&target.url, &id.or_else(|| named(&body))?).ok()
}

/// What is stored after a 2xx to a write, as far as the reply tells.
///
/// The validator in the reply to a `PUT` names what was sent, because a server may send one only if
/// it stored that untouched (RFC 9110 9.3.4); many send one all the same, with the representation
/// they made of it, which then counts. The validator in the reply to a `PATCH` or a `POST` names a
/// document that is not in our hands unless it came along (RFC 5789 2.1).
pub(crate) fn stored(
    target: &Target,
    reply: &Response,
    before: Option<&Document>,
    payload: &Payload,
) -> Option<StoredSnapshot> {
    let (sent, sent_body) = (payload.document.as_ref()?, payload.body.as_ref()?);
    let depth = target.shared.exchange.limits.depth;
    let body = Document::parse_with_depth(&reply.body, depth).ok();
    let (versioning, envelope) = (&target.versioning, target.envelope());
    let headers = versioning.headers_of(reply);
    let found = versioning.of_reply(&headers, body.as_ref(), SystemTime::now());
    // Some servers answer a write with what it replaced.
    let outdated = |document: &Document| before == Some(document) && document != sent;
    let is_current = |body: &&Document| {
        let opened = envelope.open(body, depth);
        opened.is_some_and(|Opened { document, .. }| {
            is_representation(target, reply, &document, sent) && !outdated(&document)
        })
    };
    let returned = body.as_ref().filter(is_current);
    let validator = match found {
        Found::Version(validator) if returned.is_some() || payload.call.method == Method::PUT => {
            Some(validator)
        }
        _ => None,
    };
    let mut opened = match returned {
        Some(body) => envelope.open(body, depth)?,
        None => envelope.reopen(sent_body, depth),
    };
    let now = envelope.whole(&opened.document, opened.frame.as_ref());
    if let (Some(body), Some(_), Some(mut now)) = (&body, &validator, now) {
        for (field, version) in versioning.told_in(body) {
            // As the server spells it, a number or a text, which is how it wants it back.
            now = now.with(field, &version).unwrap_or(now);
        }
        opened = envelope.open(&now, depth).unwrap_or(opened);
    }
    Some(snapshot(opened, validator, headers.into_owned()))
}

/// Whether the body of a reply to a write is the resource and not a report about it: the server
/// says so (RFC 9110 8.7, RFC 7240 3), or it has every member that was sent.
pub(super) fn is_representation(
    target: &Target,
    reply: &Response,
    body: &Document,
    sent: &Document,
) -> bool {
    let header = |name: &str| {
        reply
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let applied = header("preference-applied")
        .is_some_and(|p| p.to_ascii_lowercase().contains("return=representation"));
    let located = header("content-location")
        .and_then(|location| target.url.join(location).ok())
        .is_some_and(|location| location == target.url);
    if applied || located {
        return true;
    }
    match (body.to_value(), sent.to_value()) {
        (serde_json::Value::Object(body), serde_json::Value::Object(sent)) => {
            !sent.is_empty() && sent.keys().all(|name| body.contains_key(name))
        }
        _ => false,
    }
}
