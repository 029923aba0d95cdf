//! Transports with a deliberate mistake, to check that the accounts detect it.

use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderMap, Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use reqwest::header::IF_MATCH;

/// Leaves the condition out.
pub(crate) struct DropsCondition(pub(crate) reqwest::Client);

/// Sends a request whose reply was lost once more, and takes the second reply for the first.
pub(crate) struct ResendsBlindly(pub(crate) reqwest::Client);

/// Takes every second count on a document for sent, and counts twice for it the next time.
pub(crate) struct CancelsOut {
    wire: reqwest::Client,
    owed: Mutex<HashSet<String>>,
}

impl CancelsOut {
    pub(crate) fn new(wire: reqwest::Client) -> Self {
        Self {
            wire,
            owed: Mutex::default(),
        }
    }
}

/// Sees nothing from a lost reply on until the next write.
pub(crate) struct NeverLooks {
    wire: reqwest::Client,
    blind: AtomicBool,
}

impl NeverLooks {
    pub(crate) fn new(wire: reqwest::Client) -> Self {
        Self {
            wire,
            blind: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl Transport for DropsCondition {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        request.headers.remove(IF_MATCH);
        send(&self.0, request).await
    }
}

#[async_trait]
impl Transport for ResendsBlindly {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut reply = send(&self.0, request.clone()).await;
        for _ in 0..5 {
            if reply.is_ok() {
                break;
            }
            reply = send(&self.0, request.clone()).await;
        }
        reply
    }
}

#[async_trait]
impl Transport for CancelsOut {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let path = request.url.path();
        if request.method == Method::PUT && path.starts_with("/counters/") {
            if self.owed.lock().unwrap().insert(path.to_owned()) {
                let headers = HeaderMap::new();
                return Ok(Response::new(StatusCode::NO_CONTENT, headers, ""));
            }
            self.owed.lock().unwrap().remove(path);
            let mut page: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
            page["n"] = (page["n"].as_i64().unwrap() + 1).into();
            request.body = serde_json::to_vec(&page).unwrap().into();
        }
        send(&self.wire, request).await
    }
}

#[async_trait]
impl Transport for NeverLooks {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let writes = request.method != Method::GET;
        let reply = send(&self.wire, request).await;
        if writes {
            let lost = reply
                .as_ref()
                .is_ok_and(|reply| reply.status.is_server_error());
            self.blind.store(lost || reply.is_err(), Ordering::Relaxed);
        } else if self.blind.load(Ordering::Relaxed) {
            return Err(TransportError::new(Fate::Unknown, "not looked at"));
        }
        reply
    }
}

async fn send(client: &reqwest::Client, request: Request) -> Result<Response, TransportError> {
    let lost =
        |error: reqwest::Error| TransportError::new(Fate::Unknown, "lost").with_source(error);
    let sent = client
        .request(request.method, request.url)
        .headers(request.headers)
        .body(request.body)
        .timeout(request.timeout);
    let reply = sent.send().await.map_err(lost)?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    Ok(Response::new(
        status,
        headers,
        reply.bytes().await.map_err(lost)?,
    ))
}
