//! `_bulk_docs` of `CouchDB`.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};

use super::Writes;
use crate::address::{decoded, encode};
use crate::json::Document;
use crate::testing::reply::Reply;
use crate::testing::state::IncomingRequest;

/// Returns the writes to the documents of the collection that the endpoint is part of.
pub(super) fn writes(collection: &str, body: &[u8]) -> Writes {
    let docs = Document::parse(body).ok()?.elements_at("/docs")?;
    docs.iter().map(|doc| write(collection, doc)).collect()
}

fn write(collection: &str, doc: &Document) -> Option<IncomingRequest> {
    let text = |at: &str| doc.pointer(at).and_then(|text| text.as_id());
    let mut path = format!("{collection}/");
    encode(&text("/_id")?, &mut path);
    let removes = doc
        .pointer("/_deleted")
        .is_some_and(|it| it.as_str() == "true");
    let (name, value) = match text("/_rev") {
        Some(version) => (IF_MATCH, format!("\"{version}\"")),
        None => (IF_NONE_MATCH, "*".to_owned()),
    };
    let headers = HeaderMap::from_iter([(name, HeaderValue::from_str(&value).ok()?)]);
    let (method, body) = if removes {
        (Method::DELETE, Vec::new())
    } else {
        let document = doc.without("/_id").without("/_rev");
        (Method::PUT, document.as_str().as_bytes().to_vec())
    };
    Some(IncomingRequest {
        method,
        path,
        query: None,
        headers,
        body,
    })
}

pub(super) fn each(writes: &[IncomingRequest], replies: &[Reply]) -> Reply {
    let results = writes.iter().zip(replies).map(result);
    Reply::new(201).json(&results.collect())
}

fn result((write, reply): (&IncomingRequest, &Reply)) -> Value {
    let (_, id) = write.path.rsplit_once('/').unwrap_or_default();
    let id = decoded(id);
    if !reply.status.is_success() {
        let error = match reply.status.as_u16() {
            409 | 412 => "conflict",
            404 => "not_found",
            403 | 423 => "forbidden",
            _ => "internal_server_error",
        };
        return json!({"id": id, "error": error, "reason": reply.body});
    }
    // A removal has a version of its own, which this server does not know.
    let tag = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    let version = tag.unwrap_or("removed").trim_matches('"');
    json!({"ok": true, "id": id, "rev": version})
}
