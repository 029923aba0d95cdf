//! A server within the process. It keeps every document that is written, and counts the requests.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Request, Response, Transport, TransportError};

/// A document of about one kilobyte.
pub fn document() -> String {
    let text = "Lorem ipsum dolor sit amet. ".repeat(36);
    format!(r#"{{"n":0,"text":"{text}"}}"#)
}

#[derive(Clone, Default)]
pub struct Server {
    documents: Arc<Mutex<HashMap<String, (u64, bytes::Bytes)>>>,
    pub requests: Arc<AtomicUsize>,
    delay: Duration,
}

impl Server {
    pub fn with_delay(delay: Duration) -> Self {
        Self {
            delay,
            ..Self::default()
        }
    }

    pub fn builder(&self) -> ifmatch::ClientBuilder {
        ifmatch::Client::builder("http://bench.test").transport(self.clone())
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        if !self.delay.is_zero() {
            tokio::time::sleep(self.delay).await;
        }
        let mut documents = self.documents.lock().unwrap();
        let kept = documents.entry(request.url.path().to_owned());
        let (version, body) = kept.or_insert_with(|| (1, document().into()));
        let mut status = StatusCode::OK;
        if request.method == Method::PUT {
            let wanted = request
                .headers
                .get(IF_MATCH)
                .and_then(|it| it.to_str().ok());
            if wanted == Some(&format!("\"{version}\"")) {
                *version += 1;
                *body = request.body.clone();
                status = StatusCode::NO_CONTENT;
            } else {
                status = StatusCode::PRECONDITION_FAILED;
            }
        }
        let mut headers = HeaderMap::new();
        headers.insert(
            ETAG,
            HeaderValue::from_str(&format!("\"{version}\"")).unwrap(),
        );
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        let body = if status == StatusCode::OK {
            body.clone()
        } else {
            bytes::Bytes::new()
        };
        Ok(Response::new(status, headers, body))
    }
}
