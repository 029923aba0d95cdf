//! Requests as objects in a list.

use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use super::Writes;
use crate::json::Document;
use crate::testing::reply::Reply;
use crate::testing::state::IncomingRequest;

pub(super) fn writes(body: &[u8]) -> Writes {
    let whole = Document::parse(body).ok()?;
    let requests = whole.elements_at("/requests")?;
    requests.iter().map(write).collect()
}

fn write(request: &Document) -> Option<IncomingRequest> {
    let text = |at: &str| request.pointer(at).and_then(|text| text.as_id());
    let mut headers = HeaderMap::new();
    if let Some(Value::Object(named)) = request.pointer("/headers").map(|it| it.to_value()) {
        for (name, value) in named {
            let name: HeaderName = name.parse().ok()?;
            headers.insert(name, HeaderValue::from_str(value.as_str()?).ok()?);
        }
    }
    let address = text("/path")?;
    let (path, query) = match address.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (address, None),
    };
    let body = request.pointer("/body");
    Some(IncomingRequest {
        method: text("/method")?.parse().ok()?,
        path,
        query,
        headers,
        body: body.map_or_else(Vec::new, |body| body.as_str().as_bytes().to_vec()),
    })
}

pub(super) fn each(replies: &[Reply]) -> Reply {
    let responses: Vec<Value> = replies.iter().map(response).collect();
    Reply::new(200).json(&json!({"responses": responses}))
}

fn response(reply: &Reply) -> Value {
    let headers = reply.headers.iter().map(|(name, value)| {
        let value = value.to_str().unwrap_or_default();
        (name.to_string(), Value::from(value))
    });
    let headers: Map<String, Value> = headers.collect();
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    json!({"status": reply.status.as_u16(), "headers": headers, "body": body})
}
