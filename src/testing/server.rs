//! A stateful resource server on wiremock.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ::http::{HeaderMap, Method};
use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use crate::json::Document;

/// A server on loopback that keeps JSON documents by path and takes conditional writes.
///
/// It knows `GET`, `HEAD`, `PUT`, `DELETE`, and `POST` to a collection; it hands out a new strong entity
/// tag with each write, honours `If-Match` and `If-None-Match`, and refuses stale writes with Problem
/// Details. It stops when it is dropped.
pub struct ResourceServer {
    server: MockServer,
    state: Arc<Mutex<State>>,
}

/// One exchange, as the server saw it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: String,
    /// The headers of the request.
    pub headers: HeaderMap,
    /// The body of the request, as text.
    pub body: String,
    /// The status of the reply.
    pub status: u16,
    /// The body of the reply, as text.
    pub reply: String,
}

impl Recorded {
    /// A header of the request as text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

type Change = Box<dyn FnOnce(&mut Value) + Send>;

#[derive(Default)]
struct State {
    documents: BTreeMap<String, (u64, String)>,
    versions: u64,
    named: u64,
    stale_status: u16,
    before_writes: VecDeque<Change>,
    refusals: VecDeque<(u16, String)>,
    log: Vec<Recorded>,
}

impl ResourceServer {
    /// Starts a server without documents on a free port.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(State {
            stale_status: 412,
            ..State::default()
        }));
        let server = MockServer::start().await;
        Mock::given(any())
            .respond_with(Stateful(state.clone()))
            .mount(&server)
            .await;
        Self { server, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// The base address.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// Stores a document, as somebody else would.
    pub fn put(&self, path: &str, document: &str) {
        self.state().store(path, document.to_owned());
    }

    /// Removes a document, as somebody else would.
    pub fn remove(&self, path: &str) {
        self.state().documents.remove(path);
    }

    /// The document at a path, byte for byte.
    pub fn text(&self, path: &str) -> Option<String> {
        let state = self.state();
        state.documents.get(path).map(|(_, text)| text.clone())
    }

    /// Lets somebody else change the document before the next write of it is looked at; called again,
    /// before the one after that.
    pub fn before_next_write(&self, change: impl FnOnce(&mut Value) + Send + 'static) {
        self.state().before_writes.push_back(Box::new(change));
    }

    /// Answers the next write with this status and body, and does not carry it out.
    pub fn refuse_next_write(&self, status: u16, problem: &Value) {
        self.state()
            .refusals
            .push_back((status, problem.to_string()));
    }

    /// The status of the refusal of a stale write, 412 if not set; many APIs say 409.
    pub fn stale_status(&self, status: u16) {
        self.state().stale_status = status;
    }

    /// Everything that was asked and answered so far.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state().log.clone()
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("uri", &self.uri())
            .finish_non_exhaustive()
    }
}

// A panic in a test's own change leaves documents and versions as they were.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Stateful(Arc<Mutex<State>>);

impl Respond for Stateful {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = lock(&self.0);
        let reply = state.answer(request);
        state.log.push(Recorded {
            method: request.method.clone(),
            path: request.url.path().to_owned(),
            headers: request.headers.clone(),
            body: String::from_utf8_lossy(&request.body).into_owned(),
            status: reply.status,
            reply: reply.body.clone(),
        });
        let mut template =
            ResponseTemplate::new(reply.status).set_body_raw(reply.body, reply.media_type);
        if let Some(version) = reply.version {
            template = template.insert_header("etag", tag(version));
        }
        if let Some(location) = reply.location {
            template = template.insert_header("location", location);
        }
        template
    }
}

struct Reply {
    status: u16,
    body: String,
    media_type: &'static str,
    version: Option<u64>,
    location: Option<String>,
}

impl Reply {
    fn document(status: u16, version: u64, body: String) -> Self {
        Self {
            status,
            body,
            media_type: "application/json",
            version: Some(version),
            location: None,
        }
    }

    fn problem(status: u16, kind: &str, title: &str) -> Self {
        let kind = format!("https://ifmatch.test/problems/{kind}");
        let problem = json!({"type": kind, "title": title, "status": status});
        Self::refusal(status, problem.to_string())
    }

    fn refusal(status: u16, body: String) -> Self {
        Self {
            status,
            body,
            media_type: "application/problem+json",
            version: None,
            location: None,
        }
    }
}

fn tag(version: u64) -> String {
    format!("\"v{version}\"")
}

impl State {
    fn store(&mut self, path: &str, document: String) -> u64 {
        self.versions += 1;
        self.documents
            .insert(path.to_owned(), (self.versions, document));
        self.versions
    }

    fn answer(&mut self, request: &Request) -> Reply {
        let path = request.url.path().to_owned();
        match request.method {
            Method::GET | Method::HEAD => self.read(&path, request),
            Method::PUT | Method::DELETE => self.write(&path, request),
            Method::POST => self.append(&path, request),
            _ => Reply::problem(405, "method", "This method is not known"),
        }
    }

    fn read(&self, path: &str, request: &Request) -> Reply {
        let Some((version, text)) = self.documents.get(path) else {
            return Reply::problem(404, "not-found", "Nothing is here");
        };
        if names(request, "if-none-match", *version) {
            return Reply::document(304, *version, String::new());
        }
        Reply::document(200, *version, text.clone())
    }

    fn write(&mut self, path: &str, request: &Request) -> Reply {
        if let Some((status, body)) = self.refusals.pop_front() {
            return Reply::refusal(status, body);
        }
        self.somebody_else(path);
        let current = self.documents.get(path).map(|(version, _)| *version);
        let stale = match current {
            Some(version) => {
                request.headers.contains_key("if-match") && !names(request, "if-match", version)
                    || names(request, "if-none-match", version)
            }
            None => request.headers.contains_key("if-match"),
        };
        if stale {
            return Reply::problem(self.stale_status, "stale", "Somebody else wrote first");
        }
        if request.method == Method::DELETE {
            let found = self.documents.remove(path).is_some();
            let status = if found { 204 } else { 404 };
            return Reply {
                version: None,
                ..Reply::document(status, 0, String::new())
            };
        }
        let Ok(document) = Document::parse(&request.body) else {
            return Reply::problem(400, "not-json", "This is not JSON");
        };
        let version = self.store(path, document.as_str().to_owned());
        let status = if current.is_some() { 204 } else { 201 };
        Reply::document(status, version, String::new())
    }

    fn somebody_else(&mut self, path: &str) {
        if let Some((_, text)) = self.documents.get(path)
            && let Ok(document) = Document::parse(text.as_bytes())
            && let Some(change) = self.before_writes.pop_front()
        {
            let mut value = document.to_value();
            change(&mut value);
            self.store(path, value.to_string());
        }
    }

    fn append(&mut self, path: &str, request: &Request) -> Reply {
        if let Some((status, body)) = self.refusals.pop_front() {
            return Reply::refusal(status, body);
        }
        let Ok(document) = Document::parse(&request.body) else {
            return Reply::problem(400, "not-json", "This is not JSON");
        };
        self.named += 1;
        let location = format!("{}/{}", path.trim_end_matches('/'), self.named);
        let text = document.as_str().to_owned();
        let version = self.store(&location, text.clone());
        Reply {
            location: Some(location),
            ..Reply::document(201, version, text)
        }
    }
}

/// Whether a condition names this version, or any.
fn names(request: &Request, header: &str, version: u64) -> bool {
    let value = request
        .headers
        .get(header)
        .and_then(|value| value.to_str().ok());
    value
        .is_some_and(|value| value == "*" || value.split(',').any(|one| one.trim() == tag(version)))
}
