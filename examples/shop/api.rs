//! The API of the shop, in memory: documents, texts and images with entity tags, and an action.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get, post};
use serde_json::{Value, json};

#[derive(Clone, Default)]
pub(crate) struct Api(Arc<Mutex<Stored>>);

#[derive(Default)]
struct Stored {
    /// Version, media type and body, by path.
    files: HashMap<String, (u64, String, Bytes)>,
    version: u64,
    /// The results of the requests with an idempotency key.
    answered: HashMap<String, String>,
}

impl Api {
    pub(crate) fn routes(&self) -> Router {
        Router::new()
            .route("/orders", post(order))
            .route("/orders/{id}/ship", post(ship))
            .route("/report", get(report))
            .route("/{collection}/{id}", any(file))
            .with_state(self.clone())
    }

    fn stored(&self) -> MutexGuard<'_, Stored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Stored {
    fn put(&mut self, path: &str, media_type: &str, body: Bytes) -> String {
        self.version += 1;
        let file = (self.version, media_type.to_owned(), body);
        self.files.insert(path.to_owned(), file);
        self.tag(path)
    }

    fn tag(&self, path: &str) -> String {
        let version = self.files.get(path).map_or(0, |(version, ..)| *version);
        format!("\"{version}\"")
    }

    fn json(&self, path: &str) -> Option<Value> {
        serde_json::from_slice(&self.files.get(path)?.2).ok()
    }

    fn passes(&self, path: &str, headers: &HeaderMap) -> bool {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        match (header(IF_MATCH), header(IF_NONE_MATCH)) {
            (Some(tag), _) => tag == self.tag(path),
            (None, Some("*")) => !self.files.contains_key(path),
            _ => true,
        }
    }
}

fn problem(status: StatusCode, title: &str) -> Response {
    let body = json!({"status": status.as_u16(), "title": title}).to_string();
    (status, [(CONTENT_TYPE, "application/problem+json")], body).into_response()
}

fn key(headers: &HeaderMap) -> String {
    let key = headers.get("idempotency-key");
    key.map(|key| format!("{key:?}")).unwrap_or_default()
}

/// Reads, writes and removes one file.
async fn file(
    State(api): State<Api>,
    Path((collection, id)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let path = format!("/{collection}/{id}");
    let mut stored = api.stored();
    if method == Method::GET {
        return match stored.files.get(&path) {
            None => problem(StatusCode::NOT_FOUND, "There is nothing here"),
            Some((_, media_type, body)) => {
                let fields = [
                    (ETAG, stored.tag(&path)),
                    (CONTENT_TYPE, media_type.clone()),
                ];
                (fields, body.clone()).into_response()
            }
        };
    }
    if !stored.passes(&path, &headers) {
        return problem(StatusCode::PRECONDITION_FAILED, "The resource has changed");
    }
    if method == Method::DELETE {
        stored.files.remove(&path);
        return StatusCode::NO_CONTENT.into_response();
    }
    let media_type = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let tag = stored.put(&path, media_type.unwrap_or_default(), body);
    (StatusCode::NO_CONTENT, [(ETAG, tag)]).into_response()
}

/// Takes an order. The same key never makes two.
async fn order(State(api): State<Api>, headers: HeaderMap, body: Bytes) -> Response {
    let mut stored = api.stored();
    let known = stored.answered.get(&key(&headers)).cloned();
    let path = known.unwrap_or_else(|| {
        let path = format!("/orders/{}", stored.answered.len() + 1);
        stored.put(&path, "application/json", body.clone());
        stored.answered.insert(key(&headers), path.clone());
        path
    });
    let fields = [(LOCATION, path.clone()), (ETAG, stored.tag(&path))];
    (StatusCode::CREATED, fields, body).into_response()
}

/// Ships an order, which has to be paid.
async fn ship(State(api): State<Api>, Path(id): Path<String>, headers: HeaderMap) -> Response {
    let path = format!("/orders/{id}");
    let mut stored = api.stored();
    let Some(mut order) = stored.json(&path) else {
        return problem(StatusCode::NOT_FOUND, "There is no such order");
    };
    if !stored.passes(&path, &headers) {
        return problem(StatusCode::PRECONDITION_FAILED, "The order has changed");
    }
    if order["paid"] != true || !order["shipment"].is_null() {
        return problem(StatusCode::CONFLICT, "The order is not ready to ship");
    }
    let shipment = format!("S-{}", stored.version);
    order["shipment"] = json!(shipment);
    stored.put(&path, "application/json", order.to_string().into());
    axum::Json(json!({"number": shipment})).into_response()
}

/// Lists the shipped orders, as CSV.
async fn report(State(api): State<Api>) -> Response {
    let stored = api.stored();
    let mut rows: Vec<String> = Vec::new();
    for path in stored
        .files
        .keys()
        .filter(|path| path.starts_with("/orders/"))
    {
        let order = stored.json(path).unwrap_or_default();
        if let (Some(product), Some(shipment)) =
            (order["product"].as_str(), order["shipment"].as_str())
        {
            rows.push(format!("{path},{product},{shipment}"));
        }
    }
    rows.sort();
    ([(CONTENT_TYPE, "text/csv")], rows.join("\n")).into_response()
}
