//! A server in memory for a lock API, and a wire to it that loses requests and responses.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, StatusCode};
use ifmatch::transport::{self, Request, Response, Transport, TransportError};
use ifmatch::{Client, MemoryStore, async_trait};
use serde_json::Value;

/// What carries out requests.
pub(super) trait Answers: Send + Sync + 'static {
    fn answer(&self, request: &Request) -> Response;
}

/// What happens to one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Arrives,
    LoseReply,
    LoseRequest,
    NoConnection,
}

/// The way to a server. Clones lead to the same one.
pub(super) struct Wire<S>(Arc<Inner<S>>);

struct Inner<S> {
    server: S,
    script: Mutex<VecDeque<Fate>>,
    seen: Mutex<Vec<Request>>,
}

impl<S> Clone for Wire<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Answers> Wire<S> {
    pub(super) fn to(server: S) -> Self {
        Self(Arc::new(Inner {
            server,
            script: Mutex::default(),
            seen: Mutex::default(),
        }))
    }

    pub(super) fn server(&self) -> &S {
        &self.0.server
    }

    /// Lets so many requests arrive, and then this happens to the next one.
    pub(super) fn after(&self, arrive: usize, fate: Fate) {
        let mut script = self.0.script.lock().unwrap();
        script.extend(std::iter::repeat_n(Fate::Arrives, arrive));
        script.push_back(fate);
    }

    /// Lets all further requests arrive. Returns whether something was still to happen.
    pub(super) fn calm(&self) -> bool {
        let mut script = self.0.script.lock().unwrap();
        let left = script.iter().any(|fate| *fate != Fate::Arrives);
        script.clear();
        left
    }

    pub(super) fn seen(&self) -> Vec<Request> {
        self.0.seen.lock().unwrap().clone()
    }

    /// A client that shares only the server with others.
    pub(super) fn client(&self, base: &str) -> Client {
        let client = Client::builder(base).transport(self.clone());
        client.store(MemoryStore::default()).build().unwrap()
    }
}

#[async_trait]
impl<S: Answers> Transport for Wire<S> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // A response takes its time, so that requests at the same time cross.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let fate = self.0.script.lock().unwrap().pop_front();
        self.0.seen.lock().unwrap().push(request.clone());
        let lost = || {
            let fate = transport::Fate::Unknown;
            Err(TransportError::new(fate, "the connection was cut"))
        };
        match fate.unwrap_or(Fate::Arrives) {
            Fate::NoConnection => {
                let fate = transport::Fate::NotSent;
                Err(TransportError::new(fate, "no connection"))
            }
            Fate::LoseRequest => lost(),
            Fate::Arrives => Ok(self.0.server.answer(&request)),
            Fate::LoseReply => {
                self.0.server.answer(&request);
                lost()
            }
        }
    }
}

pub(super) fn json(status: u16, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let status = StatusCode::from_u16(status).unwrap();
    Response::new(status, headers, body.to_string())
}
