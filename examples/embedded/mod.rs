//! A server inside the example: it keeps documents by path, and the example says how its API speaks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use serde_json::Value;

/// The documents, each with a version that no other state ever had.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) kept: BTreeMap<String, (u64, Value)>,
    versions: u64,
    foreign: Option<Foreign>,
}

type Foreign = Box<dyn FnOnce(&mut Value) + Send>;

impl Documents {
    /// Stores a document, and tells its version.
    pub(crate) fn put(&mut self, path: &str, document: Value) -> u64 {
        self.versions += 1;
        self.kept.insert(path.to_owned(), (self.versions, document));
        self.versions
    }
}

/// How an API answers one request.
type Api = fn(&mut Documents, &Request) -> Response;

/// The server; clones are the same one.
#[derive(Clone)]
pub(crate) struct Server {
    documents: Arc<Mutex<Documents>>,
    api: Api,
}

impl Server {
    pub(crate) fn speaking(api: Api) -> Self {
        Self {
            documents: Arc::default(),
            api,
        }
    }

    pub(crate) fn documents(&self) -> MutexGuard<'_, Documents> {
        let documents = self.documents.lock();
        documents.unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets somebody else change the document right before the next write of it arrives.
    pub(crate) fn before_next_write(&self, edit: impl FnOnce(&mut Value) + Send + 'static) {
        self.documents().foreign = Some(Box::new(edit));
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut documents = self.documents();
        let path = request.url.path();
        if request.method != Method::GET
            && let Some((_, mut document)) = documents.kept.get(path).cloned()
            && let Some(edit) = documents.foreign.take()
        {
            edit(&mut document);
            documents.put(path, document);
        }
        let reply = (self.api)(&mut documents, &request);
        println!("   {} {path} -> {}", request.method, reply.status.as_u16());
        Ok(reply)
    }
}

/// A reply with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/json");
    headers.insert("content-type", media_type);
    Response::new(status, headers, body.to_string())
}
