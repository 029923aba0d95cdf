//! [`ResourceServer`]: a stateful resource server on wiremock.

use std::fmt;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use wiremock::matchers::any;
use wiremock::{Match, Mock, MockServer, Request, Respond, ResponseTemplate};

use super::dialect::Dialect;
use super::in_process::InProcess;
use super::recorded::Recorded;
use super::reply::Reply;
use super::requests::Requests;
use super::state::{IncomingRequest, SimulatedState};
use super::step::Step;
use crate::{Client, ClientBuilder};

/// A server on loopback that keeps JSON documents by path and takes conditional writes.
///
/// It knows `GET`, `HEAD`, `PUT`, `PATCH` (RFC 7396 and RFC 6902), `DELETE`, and `POST` to a
/// collection. Each write gives the resource a new strong entity tag: `"v1"`, `"v2"`, and so on for each
/// path. It honours `If-Match` and `If-None-Match`, and refuses stale writes as its
/// [dialect](Self::dialect) says. What else happens is [scripted](Self::next_write). It stops when it is
/// dropped.
///
/// It is reached over a socket at [`uri`](Self::uri), or [within the process](Self::in_process).
pub struct ResourceServer {
    server: MockServer,
    state: Arc<Mutex<SimulatedState>>,
}

impl ResourceServer {
    /// Starts a server without documents on a free port.
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

    /// The base address.
    pub fn uri(&self) -> String {
        self.server.uri()
    }

    /// A client of this server that needs no socket, to be set up further.
    ///
    /// Nothing but tokio's clock takes time then, so a test whose clock is paused
    /// (`#[tokio::test(start_paused = true)]`, tokio's feature `test-util`) never sleeps, however long
    /// the waits are. Over a real socket a paused clock does not work: it runs ahead while the socket
    /// is waited for.
    pub fn in_process(&self) -> ClientBuilder {
        Client::builder(self.uri()).transport(InProcess(self.state.clone()))
    }

    /// Stores a document, as somebody else would.
    pub fn put(&self, path: &str, document: &str) {
        self.state().store(path, document.to_owned());
    }

    /// Removes a document, as somebody else would.
    pub fn remove(&self, path: &str) {
        self.state().remove(path);
    }

    /// The document at a path, byte for byte.
    pub fn text(&self, path: &str) -> Option<String> {
        let state = self.state();
        state.current(path).map(|(_, text)| text.to_owned())
    }

    /// The number of the version at a path, counted from 1; its tag is `"v` and the number and `"`.
    pub fn version(&self, path: &str) -> Option<u64> {
        self.state().current(path).map(|(version, _)| version)
    }

    /// Says what the next write meets; called again, the one after that.
    pub fn next_write(&self, step: Step) {
        self.state().writes.push_back(step);
    }

    /// Says what the next `GET` or `HEAD` meets; called again, the one after that.
    pub fn next_read(&self, step: Step) {
        self.state().reads.push_back(step);
    }

    /// Says what a later write meets: 1 is the next one, 2 the one after it. What was scripted for that
    /// write before is replaced.
    ///
    /// # Example: before the second write somebody changes the title
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

    /// Lets somebody else change the document before the next write of it is looked at; called again,
    /// before the one after that.
    pub fn before_next_write(&self, edit: impl FnOnce(&mut Value) + Send + 'static) {
        self.next_write(Step::new().edit(edit));
    }

    /// Answers the next write with this status and Problem Details, and does not carry it out.
    ///
    /// # Panics
    ///
    /// The status is not a number from 100 to 999.
    pub fn refuse_next_write(&self, status: u16, problem: &Value) {
        let reply = Reply::new(status).body("application/problem+json", problem.to_string());
        self.next_write(Step::new().answer(reply));
    }

    /// Lets a resource be locked by somebody else: writes of it are refused with 423.
    pub fn lock(&self, path: &str) {
        self.state().locked.insert(path.to_owned());
    }

    /// Takes the lock away.
    pub fn unlock(&self, path: &str) {
        self.state().locked.remove(path);
    }

    /// How stale writes are refused.
    pub fn dialect(&self, dialect: Dialect) {
        self.state().dialect = dialect;
    }

    /// The status of the refusal of a stale write, if not the one of the dialect.
    ///
    /// # Panics
    ///
    /// The status is not a number from 100 to 999.
    pub fn stale_status(&self, status: u16) {
        self.state().stale_status = Some(Reply::new(status).status);
    }

    /// Everything that was asked and answered so far.
    pub fn recorded(&self) -> Vec<Recorded> {
        self.state().log.clone()
    }

    /// The same, to be narrowed, counted and asserted.
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

// A panic in a test's own change leaves documents and versions as they were.
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

/// Matches the requests of which something is to be lost, and carries them out as far as they get.
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
            // Only requests of which nothing is lost come here.
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
