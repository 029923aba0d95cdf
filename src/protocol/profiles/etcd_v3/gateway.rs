//! Requests as calls of the gateway, and the results of calls as responses.

use http::header::LINK;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use url::Url;
use url::form_urlencoded::Serializer;

use super::keys::{base64, id_of, range_of};
use super::txn::{empty, result_of_several, result_of_single, several, single, with_json};
use super::wanted::{FROM, PREFIX, Wanted};
use super::{events, keys};
use crate::BoxError;
use crate::json::Document;
use crate::protocol::{RemoteCall, RequestParts, ResponseParts, Translate, Untranslated};

const RANGE: &str = "v3/kv/range";
const TXN: &str = "v3/kv/txn";
const WATCH: &str = "v3/watch";
/// How many keys a page of a list has.
const PAGE: u32 = 100;

/// The gateway of an etcd server.
pub(super) struct Gateway {
    /// What each key begins with.
    prefix: String,
    base: Url,
}

impl Gateway {
    pub(super) fn new(prefix: &str, base: &Url) -> Self {
        Self {
            prefix: prefix.to_owned(),
            base: base.clone(),
        }
    }
}

impl Translate for Gateway {
    fn call(&self, request: &RequestParts<'_>) -> Result<Option<RemoteCall>, BoxError> {
        let Some(wanted) = Wanted::of(&self.prefix, &self.base, request)? else {
            return Ok(None);
        };
        let (path, body) = call_for(&wanted);
        let mut url = self.base.clone();
        let root = self.base.path().trim_end_matches('/');
        url.set_path(&format!("{root}/{path}"));
        url.set_query(None);
        let body = body.to_string().into();
        Ok(Some(RemoteCall { url, body }))
    }

    fn response(
        &self,
        request: &RequestParts<'_>,
        mut result: ResponseParts,
    ) -> Result<ResponseParts, Untranslated> {
        let Some(wanted) = Wanted::of(&self.prefix, &self.base, request)? else {
            return Ok(result);
        };
        if !result.status.is_success() {
            return match result.status {
                status if is_about_the_call(status) => Err(Untranslated::Unknown(status)),
                _ => Ok(result),
            };
        }
        let body = Document::parse(&result.body)?;
        // It would otherwise mean that nothing exists, because etcd leaves out what is empty.
        if revision_of(&body).is_none() {
            return Err("the result has no revision, so it is not from etcd".into());
        }
        let translated = match &wanted {
            Wanted::Key(key) => match found(&body, key)? {
                Some(found) => with_json(StatusCode::OK, found.to_bytes()),
                None => empty(StatusCode::NOT_FOUND),
            },
            Wanted::Keys { collection, .. } => list(collection, &body)?,
            Wanted::Change(change) => result_of_single(change, &body)?,
            Wanted::Changes(changes) => result_of_several(changes, &body)?,
            Wanted::Watch { .. } => return Ok(result),
        };
        result.headers.extend(translated.headers);
        Ok(ResponseParts {
            headers: result.headers,
            ..translated
        })
    }

    fn changes(&self, opened: &Url, line: &Document) -> Vec<Document> {
        let (headers, body) = (http::HeaderMap::new(), bytes::Bytes::new());
        let request = RequestParts {
            method: &http::Method::GET,
            url: opened,
            headers: &headers,
            body: &body,
        };
        match Wanted::of(&self.prefix, &self.base, &request) {
            Ok(Some(Wanted::Watch { collection, since })) => {
                let (first, _) = range_of(collection);
                events::changes(&first, since, line)
            }
            _ => Vec::new(),
        }
    }
}

/// Returns the path and the body of the call.
fn call_for(wanted: &Wanted) -> (&'static str, Value) {
    match wanted {
        Wanted::Key(key) => (RANGE, json!({ "key": base64(key) })),
        Wanted::Keys { collection, from } => {
            let (first, end) = range_of(collection.clone());
            let from = from.as_ref().unwrap_or(&first);
            let limit = PAGE.to_string();
            let range = json!({ "key": base64(from), "range_end": base64(&end), "limit": limit });
            (RANGE, range)
        }
        Wanted::Watch { collection, since } => {
            let (first, end) = range_of(collection.clone());
            let mut create = json!({
                "key": base64(&first), "range_end": base64(&end), "progress_notify": true,
            });
            if let Some(since) = since {
                create["start_revision"] = since.saturating_add(1).to_string().into();
            }
            (WATCH, json!({ "create_request": create }))
        }
        Wanted::Change(change) => (TXN, single(change)),
        Wanted::Changes(changes) => (TXN, several(changes)),
    }
}

/// Whether a status would mean something else for a resource than for a call.
fn is_about_the_call(status: StatusCode) -> bool {
    status.is_redirection() || matches!(status.as_u16(), 404 | 405 | 409 | 410 | 412)
}

/// Returns a page of the keys of a collection.
///
/// A later page is not of the revision of the first one, because that may be compacted by then. A watch that continues from
/// the revision of the first page is told what has changed since.
fn list(collection: &[u8], body: &Document) -> Result<ResponseParts, BoxError> {
    let (first, _) = range_of(collection.to_vec());
    let found = body.elements_at("/kvs").unwrap_or_default();
    let mut items = Vec::new();
    let mut last = None;
    for kv in &found {
        let key = kv.pointer("/key").and_then(|key| key.as_id());
        let key = key.ok_or("a key is missing")?;
        if let Some(id) = id_of(&key, &first) {
            let item = kv.with("/id", &Document::encode(&id)?)?;
            items.push(item.as_str().to_owned());
        }
        last = Some(key);
    }
    let revision = revision_of(body).ok_or("the list has no revision")?;
    let text = format!(
        "{{\"revision\":\"{revision}\",\"kvs\":[{}]}}",
        items.join(",")
    );
    let mut response = with_json(StatusCode::OK, text.into());
    let has_more = body
        .pointer("/more")
        .is_some_and(|more| more.as_str() == "true");
    if let Some(last) = last.filter(|_| has_more) {
        let query = Serializer::new(String::new())
            .append_pair(PREFIX, "true")
            .append_pair(FROM, &keys::after(&last)?)
            .finish();
        let link = HeaderValue::from_str(&format!("<?{query}>; rel=\"next\""))?;
        response.headers.insert(LINK, link);
    }
    Ok(response)
}

/// Returns what a range of one key has found.
pub(super) fn found(range: &Document, key: &[u8]) -> Result<Option<Document>, BoxError> {
    let Some(found) = range.pointer("/kvs/0") else {
        return Ok(None);
    };
    let named = found.pointer("/key").and_then(|named| named.as_id());
    if named.as_deref() != Some(&*base64(key)) {
        return Err("the result is about another key".into());
    }
    Ok(Some(found))
}

/// Returns the revision of the store when it answered.
pub(super) fn revision_of(result: &Document) -> Option<u64> {
    result.pointer("/header/revision")?.as_id()?.parse().ok()
}
