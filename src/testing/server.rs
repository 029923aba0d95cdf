//! A stateful test server, [`ResourceServer`], on wiremock.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::batch::{BatchBehaviour, BatchEndpoint};
use super::conflicts::ConflictDesk;
use super::dialect::Dialect;
use super::feed::Feed;
use super::in_process::InProcess;
use super::listener::Listener;
use super::recorded::Recorded;
use super::reply::Reply;
use super::requests::Requests;
use super::state::{IncomingRequest, SimulatedState};
use super::step::Step;
use crate::{Batch, Client, ClientBuilder};

/// A server on loopback that stores JSON documents by path and supports conditional writes.
///
/// It supports `GET`, `HEAD`, `PUT`, `PATCH` (RFC 7396 and RFC 6902), `DELETE`, and `POST` to a collection. A `GET` of
/// a [collection](Self::collection) lists its documents. Each write gives the resource a new strong entity tag: `"v1"`,
/// `"v2"`, and so on for each path. It honours `If-Match` and `If-None-Match`, and refuses stale writes in its
/// [dialect](Self::dialect). Other behaviour is [scripted](Self::next_write). It stops when it is dropped.
///
/// Clients reach it over a socket at [`uri`](Self::uri), or [within the process](Self::in_process). A
/// [feed](Self::feed) streams its changes.
pub struct ResourceServer {
    server: MockServer,
    state: Arc<Mutex<SimulatedState>>,
}

impl ResourceServer {
    /// Starts a server without documents, on a free port.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(SimulatedState::new()));
        let server = MockServer::start().await;
        Mock::given(Losing(state.clone()))
            .respond_with_err(cut)
            .with_priority(1)
            .mount(&server)
            .await;
        Mock::given(any())
            .respond_with(Stateful(state.clone()))
            .mount(&server)
            .await;
        Self { server, state }
    }

    fn state(&self) -> MutexGuard<'_, SimulatedState> {
        lock(&self.state)
    }

    /// Returns the base address.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// Returns a builder for a client of this server that needs no socket.
    ///
    /// Then only tokio's clock takes time, so a test with a paused clock (`#[tokio::test(start_paused = true)]`,
    /// tokio's feature `test-util`) never sleeps, however long the waits are. A paused clock does not work with a
    /// real socket, because it advances while the socket is idle, unless [`hold_clock`](super::hold_clock()) holds it.
    pub fn in_process(&self) -> ClientBuilder {
        Client::builder(self.uri()).transport(InProcess(self.state.clone()))
    }

    /// Starts a socket at which clients reach this server and its [feeds](Self::feed).
    ///
    /// # Errors
    ///
    /// Returns an error if no port is free.
    pub async fn listen(&self) -> io::Result<Listener> {
        Listener::start(InProcess(self.state.clone())).await
    }

    /// Returns the feed at a path, which streams the changes of all documents as server-sent events. The first call with a
    /// path creates it.
    pub fn feed(&self, path: &str) -> Feed {
        Feed::new(self.state.clone(), path)
    }

    /// Returns the conflict service, at `/conflict-notifications` and `/resolve-conflict`. The first call creates it.
    pub fn conflicts(&self) -> ConflictDesk {
        ConflictDesk::new(self.state.clone())
    }

    /// Stores a document, as another client would.
    pub fn put(&self, path: &str, document: &str) {
        self.state().store(path, document.to_owned());
    }

    /// Removes a document, as another client would.
    pub fn remove(&self, path: &str) {
        self.state().remove(path);
    }

    /// Returns the document at a path, byte for byte.
    pub fn text(&self, path: &str) -> Option<String> {
        let state = self.state();
        state.current(path).map(|(_, text)| text.to_owned())
    }

    /// Returns the version number at a path, counted from 1. Its tag is `"v` followed by the number and `"`.
    pub fn version(&self, path: &str) -> Option<u64> {
        self.state().current(path).map(|(version, _)| version)
    }

    /// Declares that a path is a collection, so that it can be listed although nothing is beneath it.
    ///
    /// A path beneath which there is or was a document is a collection as well. A list is an array of the documents
    /// directly beneath the path, ordered by id. A document without a member `id` is listed with its id, although a
    /// read does not show it. Give documents their own `id` to remove the items of a list. A query parameter that is the
    /// name of a member keeps the documents with that value (`?status=open`). The page is in `page`, counted from 1, and
    /// its size in `per_page`. A `Link` header leads to the next one.
    pub fn collection(&self, path: &str) {
        let path = path.trim_end_matches('/').to_owned();
        self.state().collections.insert(path);
    }

    /// Sets the largest number of documents in one page of a list (default: no limit).
    pub fn page_size(&self, size: usize) {
        self.state().page_size = size;
    }

    /// Scripts the next write. A second call scripts the one after that, and so on.
    pub fn next_write(&self, step: Step) {
        self.state().writes.push_back(step);
    }

    /// Scripts the next `GET` or `HEAD`. A second call scripts the one after that, and so on.
    pub fn next_read(&self, step: Step) {
        self.state().reads.push_back(step);
    }

    /// Scripts a later write: 1 is the next one, 2 the one after it. Replaces an earlier step for that write.
    ///
    /// # Example: another client changes the title before the second write
    ///
    /// ```
    /// use ifmatch::testing::{ResourceServer, Step};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/notes/1", r#"{"title": "old", "n": 0}"#);
    /// let notes = server.in_process().build()?.collection::<serde_json::Value>("notes");
    ///
    /// server.nth_write(2, Step::new().edit(|note| note["title"] = "theirs".into()));
    /// for n in [1, 2] {
    ///     notes.update(1, move |note| note["n"] = n.into()).await?;
    /// }
    /// assert_eq!(server.text("/notes/1").as_deref(), Some(r#"{"title": "theirs", "n": 2}"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn nth_write(&self, nth: usize, step: Step) {
        let mut state = self.state();
        while state.writes.len() < nth {
            state.writes.push_back(Step::new());
        }
        if let Some(place) = state.writes.get_mut(nth.saturating_sub(1)) {
            *place = step;
        }
    }

    /// Lets another client change the document just before the next write is handled. A second call does so before
    /// the write after that.
    pub fn before_next_write(&self, edit: impl FnOnce(&mut Value) + Send + 'static) {
        self.next_write(Step::new().edit(edit));
    }

    /// Responds to the next write with this status and Problem Details, without carrying it out.
    ///
    /// The problem is sent as it is, extension members included. [`Reply::problem`] makes one with a type and a title.
    ///
    /// # Panics
    ///
    /// Panics if the status is not a number from 100 to 999.
    pub fn refuse_next_write(&self, status: u16, problem: &Value) {
        let reply = Reply::new(status).body("application/problem+json", problem.to_string());
        self.next_write(Step::new().answer(reply));
    }

    /// Opens an endpoint that takes several writes in one request.
    ///
    /// A step that is scripted for such a request edits the resource of its first write. With
    /// [`Batch::bulk`], documents below `{index}/_doc` are read and written as Elasticsearch does it, so that
    /// [`profiles::Elasticsearch`](crate::profiles::Elasticsearch) can be used.
    ///
    /// # Example: a transaction that is one request
    ///
    /// ```
    /// use ifmatch::testing::{BatchBehaviour, ResourceServer};
    /// use ifmatch::{Batch, CommittedBy, Generic};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let server = ResourceServer::start().await;
    /// let batch = Batch::change_set("$batch");
    /// server.batch(&batch, BatchBehaviour::Atomic);
    /// for path in ["/notes/1", "/notes/2"] {
    ///     server.put(path, r#"{"n": 1}"#);
    /// }
    /// let client = server.in_process().profile(Generic::new().batch(batch)).build()?;
    /// let notes = client.collection::<Value>("notes");
    ///
    /// let both = client.transaction();
    /// let both = both.update(&notes, 1, |note| note["n"] = 2.into());
    /// let done = both.update(&notes, 2, |note| note["n"] = 0.into()).commit().await?;
    /// assert_eq!(done.report().by, CommittedBy::Batch);
    /// server.requests().writes().assert_one();
    /// # Ok(())
    /// # }
    /// ```
    pub fn batch(&self, batch: &Batch, behaviour: BatchBehaviour) {
        self.state().batch = Some(BatchEndpoint::new(batch, behaviour));
    }

    /// Locks a resource on behalf of another client. Writes to it are refused with 423.
    pub fn lock(&self, path: &str) {
        self.state().locked.insert(path.to_owned());
    }

    /// Removes the lock.
    pub fn unlock(&self, path: &str) {
        self.state().locked.remove(path);
    }

    /// Sets how stale writes are refused.
    pub fn dialect(&self, dialect: Dialect) {
        self.state().dialect = dialect;
    }

    /// Sets the status of the refusal of a stale write, instead of the dialect's status.
    ///
    /// # Panics
    ///
    /// Panics if the status is not a number from 100 to 999.
    pub fn stale_status(&self, status: u16) {
        self.state().stale_status = Some(Reply::new(status).status);
    }

    /// Returns all exchanges so far.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state().log.clone()
    }

    /// Returns all requests so far, to be filtered, counted and asserted.
    pub fn requests(&self) -> Requests {
        Requests::new(self.recorded())
    }
}

impl fmt::Debug for ResourceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResourceServer")
            .field("uri", &self.uri())
            .finish_non_exhaustive()
    }
}

// A panic in a change scripted by a test leaves documents and versions unchanged.
pub(super) fn lock(state: &Mutex<SimulatedState>) -> MutexGuard<'_, SimulatedState> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<&Request> for IncomingRequest {
    fn from(request: &Request) -> Self {
        Self {
            method: request.method.clone(),
            path: request.url.path().to_owned(),
            query: request.url.query().map(str::to_owned),
            headers: request.headers.clone(),
            body: request.body.clone(),
        }
    }
}

/// Matches the requests that are to be lost, or whose response is, and handles them as far as they get.
struct Losing(Arc<Mutex<SimulatedState>>);

impl Match for Losing {
    fn matches(&self, request: &Request) -> bool {
        let mut state = lock(&self.0);
        let loses = state.loses(&request.method);
        if loses {
            state.handle(request.into());
        }
        loses
    }
}

/// The error that makes wiremock drop the connection.
fn cut(_: &Request) -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

struct Stateful(Arc<Mutex<SimulatedState>>);

impl Respond for Stateful {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let answered = lock(&self.0).handle(request.into());
        let Some(reply) = answered.reply else {
            // Only requests without a scripted loss reach this responder.
            return ResponseTemplate::new(500);
        };
        let mut template = ResponseTemplate::new(reply.status)
            .set_body_bytes(reply.body)
            .set_delay(answered.delay);
        for (name, value) in reply.headers {
            template =
                template.insert_header(name.as_ref().map_or("", |name| name.as_str()), value);
        }
        template
    }
}
