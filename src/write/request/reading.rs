//! Reads for writes, and what replies say.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL, LOCATION, PRAGMA};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use url::Url;

use crate::exchange::Call;
use crate::exchange::transport::Response;
use crate::json::{Document, JsonError};
use crate::protocol::{
    FoundVersion, Unwrapped, Validator, essence, is_coded, is_no_representation, is_problem,
};
use crate::store::{SnapshotOrigin, StoredSnapshot};
use crate::write::recovery::evidence::{self, Claim, Contradiction, Evidence, EvidenceDocument};
use crate::write::request::address;
use crate::write::request::payload::Payload;
use crate::write::request::target::Target;

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
        ask_past_caches(target, &mut headers);
        headers.insert(PRAGMA, HeaderValue::from_static("no-cache"));
    }
    Call {
        method,
        url: target.url.clone(),
        headers,
        body: Bytes::new(),
    }
}

/// Asks the server itself and not a cache on the way, with whatever else the caller asks of caches.
pub(crate) fn ask_past_caches(target: &Target, headers: &mut HeaderMap) {
    let of_all = &target.shared.exchange.headers;
    let own = headers.get(CACHE_CONTROL).or(of_all.get(CACHE_CONTROL));
    let both = own.map(|own| [own.as_bytes(), b", no-cache"].concat());
    let asked = both.and_then(|both| HeaderValue::from_bytes(&both).ok());
    let asked = asked.unwrap_or(HeaderValue::from_static("no-cache"));
    headers.insert(CACHE_CONTROL, asked);
}

/// Why a successful reply is no representation.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum NoRepresentation {
    #[error("the server answered {0} without a representation")]
    Empty(StatusCode),
    #[error("the representation came in a content coding that was not asked for")]
    Encoded,
    #[error("the body is not a JSON document (media type {media_type}): {error}")]
    NotJson {
        media_type: String,
        error: JsonError,
    },
    #[error("{0}")]
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
    pub(crate) found: FoundVersion,
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
    let labelled = essence(&reply.headers);
    if labelled.as_deref().is_some_and(is_problem) {
        return Err(NoRepresentation::Refused(reply.status));
    }
    Document::parse_with_depth(&reply.body, depth).map_err(|error| NoRepresentation::NotJson {
        media_type: labelled.unwrap_or_else(|| "none".to_owned()),
        error,
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
    let headers = target
        .versioning
        .with_trailers(&reply.headers, &reply.trailers);
    let mut found = target
        .versioning
        .of_read(&headers, &body, SystemTime::now());
    if reply.status == StatusCode::NON_AUTHORITATIVE_INFORMATION {
        // Whoever changed it on the way may have left out what a write would then remove.
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
    // What has a version is the resource, whatever its members are called.
    if validator.is_none()
        && (is_no_representation(&target.shared.hidden, &body)
            || evidence::body(&reply.headers, &reply.body, depth) == evidence::BodyKind::Problem)
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

/// A document out of its envelope, with what is known of it and whose it is.
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

/// How long the server asks to wait.
pub(crate) fn requested_wait(headers: &HeaderMap) -> Option<Duration> {
    crate::protocol::retry_after(headers, SystemTime::now())
}

/// What a reply to a write proves, as snapshots.
pub(crate) enum Weighed {
    /// What is stored now, as far as the reply tells; with a validator if it is cached. `None`: the write
    /// was a removal.
    Stored(Option<StoredSnapshot>),
    /// The reply does not fit its status, and tells this version.
    Contradicted(Contradiction, Option<Validator>),
}

/// Weighs a 2xx to a write; the rules are those of [`evidence`].
pub(crate) fn weigh(
    target: &Target,
    reply: &Response,
    base: Option<&StoredSnapshot>,
    onto: Option<&Validator>,
    payload: &Payload,
) -> Weighed {
    let (Some(sent), Some(sent_body)) = (&payload.document, &payload.body) else {
        return Weighed::Stored(None);
    };
    let depth = target.shared.exchange.limits.depth;
    let (versioning, envelope) = (&target.versioning, target.envelope());
    let headers = versioning.with_trailers(&reply.headers, &reply.trailers);
    // What a proxy has changed on the way shows nothing (203).
    let whole = reply.status != StatusCode::NON_AUTHORITATIVE_INFORMATION;
    let body = Some(&reply.body).filter(|body| whole && !body.is_empty() && !is_coded(&headers));
    let body = body.and_then(|body| Document::parse_with_depth(body, depth).ok());
    let version = match versioning.of_reply(&headers, body.as_ref(), SystemTime::now()) {
        FoundVersion::Version(version) if whole => Some(version),
        _ => None,
    };
    let shown = body
        .as_ref()
        .and_then(|body| envelope.unwrap_body(body, depth));
    let mut given = vec!["/id"];
    if envelope.view().is_none() {
        given.extend(versioning.pointers());
    }
    let practice = &target.practice;
    let weighed = evidence::weigh(&Claim {
        method: &payload.call.method,
        onto,
        base: base.map(|base| &base.document),
        sent,
        version: version.as_ref(),
        unmoved: onto.is_some_and(|onto| whole && evidence::has_tag_of(&headers, onto)),
        shown: shown.as_ref().map(|shown| &shown.document),
        // What shows nothing need not be asked what it is.
        named: shown.is_some() && is_named(target, reply, payload.call.method == Method::POST),
        created: reply.status == StatusCode::CREATED,
        another: body
            .as_ref()
            .is_some_and(|body| target.is_another(base, body)),
        given: &given,
        as_sent: target.stores_as_sent(),
        as_shown: practice.returns_stored == Some(true),
    });
    let (which, validator) = match weighed {
        Evidence::Contradicted(why) => return Weighed::Contradicted(why, version),
        // The body shows another resource (RFC 9110 8.7), so nothing shows what became of this one.
        Evidence::Stored(_) | Evidence::StoredUnseen(_)
            if address::is_of_another(target, reply) =>
        {
            (EvidenceDocument::Sent, None)
        }
        Evidence::Stored(which) => (which, version),
        Evidence::StoredUnseen(which) => (which, None),
    };
    let mut unwrapped = match (which, shown) {
        (EvidenceDocument::Shown, Some(shown)) => shown,
        _ => envelope.unwrap_sent(sent_body, depth),
    };
    let now = envelope.wrap_original(&unwrapped.document, unwrapped.rest.as_ref());
    if let (Some(body), Some(_), Some(mut now)) = (&body, &validator, now) {
        for (field, version) in versioning.versions_in(body) {
            // As the server spells it, a number or a text, which is how it wants it back.
            now = now.with(field, &version).unwrap_or(now);
        }
        unwrapped = envelope.unwrap_body(&now, depth).unwrap_or(unwrapped);
    }
    let vouched = practice.stores_as_sent == Some(true) || practice.returns_stored == Some(true);
    Weighed::Stored(Some(StoredSnapshot {
        unread: !vouched,
        ..snapshot(unwrapped, validator, headers.into_owned(), reply.origin)
    }))
}

/// Whether the reply says itself that its body is the resource (RFC 9110 8.7, RFC 7240 3).
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
    let path = |url: Url| url.path().trim_end_matches('/').to_owned();
    let located = address_in("content-location").map(path);
    applied || (located.is_some() && located == resource.map(path))
}

/// Whether the body of a reply to a write is the resource and not a report about it: the server
/// says so (RFC 9110 8.7, RFC 7240 3), or it has every member that was sent.
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
        _ => false,
    }
}
