//! `_bulk` of Elasticsearch, with the versions of the test server as `_seq_no`.

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::Writes;
use crate::address::{decoded, encode};
use crate::json::Document;
use crate::testing::reply::{Reply, tag};
use crate::testing::state::{IncomingRequest, is_read};

/// Returns the writes that the lines say. The endpoint is below this path.
pub(super) fn writes(root: &str, body: &[u8]) -> Writes {
    let mut lines = std::str::from_utf8(body).ok()?.lines();
    let mut writes = Vec::new();
    while let Some(line) = lines.next() {
        let action = Document::parse(line.as_bytes()).ok()?;
        let named = |name: &'static str| {
            let members = action.pointer(&format!("/{name}"))?;
            Some((name, members))
        };
        let (name, members) = ["index", "create", "delete"].into_iter().find_map(named)?;
        let document = match name {
            "delete" => None,
            _ => Some(lines.next()?),
        };
        writes.push(write(root, name, &members, document)?);
    }
    Some(writes)
}

fn write(
    root: &str,
    name: &str,
    members: &Document,
    document: Option<&str>,
) -> Option<IncomingRequest> {
    let text = |at: &str| members.pointer(at).and_then(|text| text.as_id());
    let mut path = root.to_owned();
    if let Some(index) = text("/_index") {
        path.push('/');
        encode(&index, &mut path);
    }
    path.push_str("/_doc/");
    encode(&text("/_id")?, &mut path);
    let condition = match (name, text("/if_seq_no")) {
        ("create", _) => Some((IF_NONE_MATCH, "*".to_owned())),
        (_, Some(version)) => Some((IF_MATCH, tag(version.parse().ok()?))),
        _ => None,
    };
    let condition =
        condition.map(|(name, value)| Some((name, HeaderValue::from_str(&value).ok()?)));
    let headers: HeaderMap = condition.into_iter().collect::<Option<_>>()?;
    Some(IncomingRequest {
        method: document.map_or(Method::DELETE, |_| Method::PUT),
        path,
        query: (name == "create").then(|| "op_type=create".to_owned()),
        headers,
        body: document.unwrap_or_default().as_bytes().to_vec(),
    })
}

pub(super) fn each(writes: &[IncomingRequest], replies: &[Reply]) -> Reply {
    let has_errors = replies.iter().any(|reply| !reply.status.is_success());
    let items = writes.iter().zip(replies).map(|(write, reply)| {
        let name = match (&write.method, &write.query) {
            (&Method::DELETE, _) => "delete",
            (_, Some(_)) => "create",
            _ => "index",
        };
        let (status, mut result) = told(write, reply);
        result["status"] = status.into();
        json!({name: result})
    });
    let items: Vec<Value> = items.collect();
    Reply::new(200).json(&json!({"took": 1, "errors": has_errors, "items": items}))
}

/// Returns the status and the result of a write.
fn told(write: &IncomingRequest, reply: &Reply) -> (u16, Value) {
    let (id, status) = (id(&write.path), reply.status.as_u16());
    if reply.status.is_success() {
        let result = match status {
            201 => "created",
            _ if write.method == Method::DELETE => "deleted",
            _ => "updated",
        };
        // A body says more than a status.
        let status = if status == 204 { 200 } else { status };
        let version = version(reply);
        let told = json!({"_id": id, "result": result, "_seq_no": version, "_primary_term": 1});
        return (status, told);
    }
    let (status, kind) = match status {
        409 | 412 => (409, "version_conflict_engine_exception"),
        404 => return (404, json!({"_id": id, "result": "not_found"})),
        other => (other, "exception"),
    };
    let error = json!({"type": kind, "reason": reply.body});
    (status, json!({"_id": id, "error": error}))
}

fn id(path: &str) -> Option<String> {
    let (_, id) = path.rsplit_once('/')?;
    decoded(id)
}

/// Returns the version in a response.
fn version(reply: &Reply) -> Option<u64> {
    let tag = reply.headers.get(ETAG)?.to_str().ok()?;
    let number = tag.trim_matches(|it: char| !it.is_ascii_digit());
    number.parse().ok()
}

/// Returns the request for a single document as this server spells it. `None` if it is for something else.
pub(super) fn single(asked: &IncomingRequest) -> Option<IncomingRequest> {
    asked.path.contains("/_doc/").then_some(())?;
    let mut headers = HeaderMap::new();
    let query = asked.query.as_deref().unwrap_or_default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "if_seq_no" => {
                let tag = tag(value.parse().ok()?);
                headers.insert(IF_MATCH, HeaderValue::from_str(&tag).ok()?);
            }
            "op_type" if value == "create" => {
                headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
            }
            _ => {}
        }
    }
    Some(IncomingRequest {
        method: asked.method.clone(),
        path: asked.path.clone(),
        query: None,
        headers,
        body: asked.body.clone(),
    })
}

/// Returns the response for a single document as Elasticsearch spells it.
pub(super) fn answer(asked: &IncomingRequest, reply: &Reply) -> Reply {
    if !is_read(&asked.method) {
        let (status, mut told) = told(asked, reply);
        if told.get("error").is_some() {
            told = json!({"error": told["error"], "status": status});
        }
        return Reply::new(status).json(&told);
    }
    let id = json!(id(&asked.path));
    if !reply.status.is_success() {
        return Reply::new(404).json(&json!({"_id": id, "found": false}));
    }
    let (version, source) = (version(reply).unwrap_or_default(), &reply.body);
    // The text of its numbers stays.
    let body = format!(
        r#"{{"_id":{id},"_version":{version},"_seq_no":{version},"_primary_term":1,"found":true,"_source":{source}}}"#
    );
    Reply::new(200).body("application/json", body)
}
