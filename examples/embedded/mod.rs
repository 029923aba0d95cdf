//! A server inside the example. It keeps documents by path, and the example defines how its API responds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use serde_json::Value;

/// The documents, each with a version that is unique among all states.
#[derive(Default)]
pub(crate) struct Documents {
    pub(crate) kept: BTreeMap<String, (u64, Value)>,
    versions: u64,
    foreign: Option<Foreign>,
}

type Foreign = Box<dyn FnOnce(&mut Value) + Send>;

impl Documents {
    /// Stores a document and returns its version.
    pub(crate) fn put(&mut self, path: &str, document: Value) -> u64 {
        self.versions += 1;
        self.kept.insert(path.to_owned(), (self.versions, document));
        self.versions
    }
}

/// Returns the response of an API to one request.
type Api = fn(&mut Documents, &Request) -> Response;

/// The server. Its clones share their state.
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

    /// Makes another client change the document right before the next write of it arrives.
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

/// Returns a response with a JSON body.
pub(crate) fn json(status: StatusCode, body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    let media_type = HeaderValue::from_static("application/json");
    headers.insert("content-type", media_type);
    Response::new(status, headers, body.to_string())
}
