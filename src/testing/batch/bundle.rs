//! Transaction bundles of FHIR.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue};
use serde_json::{Value, json};

use super::Writes;
use crate::json::Document;
use crate::testing::reply::Reply;
use crate::testing::state::IncomingRequest;

pub(super) fn writes(body: &[u8]) -> Writes {
    let bundle = Document::parse(body).ok()?;
    let entries = bundle.elements_at("/entry")?;
    entries.iter().map(write).collect()
}

fn write(entry: &Document) -> Option<IncomingRequest> {
    let text = |at: &str| entry.pointer(at).and_then(|text| text.as_id());
    let mut headers = HeaderMap::new();
    for (name, at) in [
        (IF_MATCH, "/request/ifMatch"),
        (IF_NONE_MATCH, "/request/ifNoneMatch"),
    ] {
        let value = text(at).and_then(|value| HeaderValue::from_str(&value).ok());
        headers.extend(value.map(|value| (name, value)));
    }
    let resource = entry.pointer("/resource");
    Some(IncomingRequest {
        method: text("/request/method")?.parse().ok()?,
        path: format!("/{}", text("/request/url")?),
        query: None,
        headers,
        body: resource.map_or_else(Vec::new, |it| it.as_str().as_bytes().to_vec()),
    })
}

pub(super) fn each(replies: &[Reply]) -> Reply {
    let entries: Vec<Value> = replies.iter().map(entry).collect();
    let bundle =
        json!({"resourceType": "Bundle", "type": "transaction-response", "entry": entries});
    Reply::new(200).json(&bundle)
}

fn entry(reply: &Reply) -> Value {
    let etag = reply.headers.get(ETAG).and_then(|tag| tag.to_str().ok());
    json!({"response": {"status": reply.status.as_str(), "etag": etag}})
}
