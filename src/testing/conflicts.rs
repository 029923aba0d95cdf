//! The conflict service of the test server.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use http::header::{ACCEPT, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, Method};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::feed::Feed;
use super::reply::{Reply, tag};
use super::server::lock;
use super::state::{IncomingRequest, SimulatedState, names};
use crate::json::Document;

/// Where the service is, as [`ConflictService`](crate::ConflictService) expects it.
const NOTIFICATIONS: &str = "/conflict-notifications";
const RESOLUTIONS: &str = "/resolve-conflict";

/// The conflict service of a [`ResourceServer`](super::ResourceServer), as
/// [`ConflictService`](crate::ConflictService) describes it.
///
/// A resolution has to name the current version of the resource, in `If-Match` or in its member `version`. It is refused as
/// a stale write is otherwise. A resolution of a conflict that is not open is refused with 404. What was decided is told to
/// all streams.
///
/// # Example
///
/// ```
/// use ifmatch::testing::ResourceServer;
/// use serde_json::json;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let server = ResourceServer::start().await;
/// server.put("/notes/1", r#"{"n": 2}"#);
/// let desk = server.conflicts();
/// desk.report("/notes/1", Some(&json!({"n": 1})), &json!({"n": 3}));
/// assert_eq!(desk.open().len(), 1);
/// # }
/// ```
#[derive(Clone)]
pub struct ConflictDesk {
    state: Arc<Mutex<SimulatedState>>,
}

/// The conflicts of one server.
#[derive(Default)]
pub(super) struct ConflictState {
    /// What is told of each open conflict.
    open: BTreeMap<String, Value>,
    /// The conflict and the decision of each resolution that was taken.
    resolved: Vec<(String, String)>,
    reported: u64,
    /// Counts the changes of the list, as its version.
    version: u64,
    takes_resolutions: bool,
    streams: bool,
}

impl ConflictDesk {
    pub(super) fn new(state: Arc<Mutex<SimulatedState>>) -> Self {
        let desk = Self { state };
        desk.with(|_| ());
        lock(&desk.state)
            .feeds
            .entry(NOTIFICATIONS.to_owned())
            .or_default()
            .is_of_documents = false;
        desk
    }

    fn with<R>(&self, act: impl FnOnce(&mut ConflictState) -> R) -> R {
        let mut state = lock(&self.state);
        act(state.conflicts.get_or_insert_with(|| ConflictState {
            takes_resolutions: true,
            streams: true,
            ..ConflictState::default()
        }))
    }

    /// Opens a conflict about the document at a path: a write of `local`, made to `base`, was refused. A `local` of `null` is
    /// a removal. Returns the id of the conflict.
    pub fn report(&self, path: &str, base: Option<&Value>, local: &Value) -> String {
        let mut told = json!({
            "type": "https://example.com/problems/stale", "resource": path.trim_start_matches('/'),
            "timestamp": "2026-11-27T12:00:00Z", "local": local,
        });
        if let Some(base) = base {
            told["base"] = base.clone();
        }
        self.tell(told)
    }

    /// Opens a conflict with these members. Returns its id, which is set if it has none.
    pub fn tell(&self, mut told: Value) -> String {
        let id = self.with(|conflicts| {
            conflicts.reported += 1;
            conflicts.version += 1;
            let id = match &told["id"] {
                Value::String(id) => id.clone(),
                _ => format!("c{}", conflicts.reported),
            };
            told["id"] = json!(id);
            conflicts.open.insert(id.clone(), told.clone());
            id
        });
        push(&mut lock(&self.state), "conflict", &told);
        id
    }

    /// Returns the ids of the open conflicts.
    pub fn open(&self) -> Vec<String> {
        self.with(|conflicts| conflicts.open.keys().cloned().collect())
    }

    /// Returns the conflict and the decision of each resolution that was taken.
    pub fn resolved(&self) -> Vec<(String, String)> {
        self.with(|conflicts| conflicts.resolved.clone())
    }

    /// Closes a conflict, as the resolution of another client would. The document stays as it is.
    pub fn close(&self, id: &str) {
        self.with(|conflicts| {
            conflicts.version += 1;
            conflicts.open.remove(id);
        });
        push(&mut lock(&self.state), "resolved", &json!({"id": id}));
    }

    /// Refuses resolutions with 405, as an API that has only the notifications.
    pub fn without_resolutions(&self) {
        self.with(|conflicts| conflicts.takes_resolutions = false);
    }

    /// Answers each request for a stream with the list.
    pub fn without_stream(&self) {
        self.with(|conflicts| conflicts.streams = false);
    }

    /// Returns the feed of the notifications, to script its streams.
    pub fn feed(&self) -> Feed {
        Feed::new(self.state.clone(), NOTIFICATIONS)
    }
}

impl fmt::Debug for ConflictDesk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConflictDesk").finish_non_exhaustive()
    }
}

fn push(state: &mut SimulatedState, event_type: &str, told: &Value) {
    if let Some(feed) = state.feeds.get_mut(NOTIFICATIONS) {
        feed.push(event_type, &told.to_string());
    }
}

impl ConflictState {
    /// Whether a request is for the list, although it is at the address of the feed.
    pub(super) fn is_for_list(&self, path: &str, headers: &HeaderMap) -> bool {
        let accepts = headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let wants_stream = accepts.is_some_and(|accept| accept.contains("event-stream"));
        path == NOTIFICATIONS && !(self.streams && wants_stream)
    }

    fn list(&self, asked: &IncomingRequest) -> Reply {
        if names(asked, &IF_NONE_MATCH, self.version) {
            return Reply::new(304).version(self.version);
        }
        let query = asked.query.as_deref().unwrap_or_default();
        let wanted: Vec<_> = form_urlencoded::parse(query.as_bytes())
            .filter(|(name, _)| name == "resource")
            .map(|(_, value)| value.into_owned())
            .collect();
        let is_wanted = |told: &&Value| {
            let resource = told["resource"].as_str().unwrap_or_default();
            let is_at = |wanted: &String| {
                let beneath = resource.strip_prefix(wanted.trim_end_matches('/'));
                beneath.is_some_and(|beneath| beneath.is_empty() || beneath.starts_with('/'))
            };
            wanted.is_empty() || wanted.iter().any(is_at)
        };
        let open: Vec<&Value> = self.open.values().filter(is_wanted).collect();
        Reply::new(200).json(&json!(open)).version(self.version)
    }
}

impl SimulatedState {
    /// Answers a request to the conflict service. Returns `None` if it is for something else.
    pub(super) fn ask_desk(&mut self, asked: &IncomingRequest) -> Option<Reply> {
        let conflicts = self.conflicts.as_ref()?;
        match (asked.method.clone(), asked.path.as_str()) {
            (Method::GET, NOTIFICATIONS) => Some(conflicts.list(asked)),
            (Method::POST, RESOLUTIONS) if conflicts.takes_resolutions => {
                Some(self.resolve(&asked.body, asked))
            }
            (_, NOTIFICATIONS | RESOLUTIONS) => Some(Reply::problem(
                405,
                "method",
                "This method is not supported",
            )),
            _ => None,
        }
    }

    /// Returns the path of the document that a resolution is about.
    pub(super) fn resolved_path(&self, asked: &IncomingRequest) -> Option<String> {
        let is_resolution = asked.method == Method::POST && asked.path == RESOLUTIONS;
        let body: Value = serde_json::from_slice(&asked.body).ok()?;
        let told = self
            .conflicts
            .as_ref()?
            .open
            .get(body["conflict"].as_str()?)?;
        is_resolution.then(|| format!("/{}", told["resource"].as_str().unwrap_or_default()))
    }

    fn resolve(&mut self, body: &[u8], asked: &IncomingRequest) -> Reply {
        let unread = || Reply::problem(400, "not-a-resolution", "This is no resolution");
        let Some(document) = Document::parse(body).ok() else {
            return unread();
        };
        let body = document.to_value();
        let (Some(id), Some(decision)) = (body["conflict"].as_str(), body["resolution"].as_str())
        else {
            return unread();
        };
        let Some(path) = self.resolved_path(asked) else {
            return Reply::problem(404, "not-open", "There is no such open conflict");
        };
        let current = self.current(&path);
        let version = current.map(|(version, _)| version);
        let is_named = version.is_none_or(|version| {
            let in_header = asked.headers.contains_key(IF_MATCH);
            let named = names(asked, &IF_MATCH, version);
            named || (!in_header && body["version"] == json!(tag(version)))
        });
        let is_stale = !is_named || (version.is_none() && asked.headers.contains_key(IF_MATCH));
        if is_stale {
            return self.dialect.refusal(self.stale_status, current);
        }
        match (decision, document.pointer("/document")) {
            ("local" | "merged", Some(document)) => {
                self.store(&path, document.as_str().to_owned());
            }
            ("delete", _) => drop(self.remove(&path)),
            ("remote", _) => {}
            _ => return unread(),
        }
        let told =
            json!({"id": id, "resource": path.trim_start_matches('/'), "resolution": decision});
        if let Some(conflicts) = &mut self.conflicts {
            conflicts.version += 1;
            conflicts.open.remove(id);
            let taken = (id.to_owned(), decision.to_owned());
            conflicts.resolved.push(taken);
        }
        push(self, "resolved", &told);
        Reply::new(204)
    }
}
