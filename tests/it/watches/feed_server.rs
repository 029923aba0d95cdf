//! A server in memory with a collection `articles` and a feed of its changes, which can forget, repeat and break.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http::header::{CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{
    Bytes, Chunks, Fate, Request, Response, Streaming, Transport, TransportError,
};
use ifmatch::{Client, Collection, Feed, Generic, async_trait};
use serde_json::{Value, json};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::Instant;

/// How the feed answers one opening.
pub(super) enum Opening {
    Status(u16, &'static [(&'static str, &'static str)]),
    /// Nothing comes, not even the head.
    NoHead,
    /// The head, and then nothing.
    Silent,
    /// The head, this text, and then the end.
    Text(&'static str),
    /// The first bytes of what it would say, and then a cut.
    CutAfter(usize),
}

pub(super) struct Logged {
    pub(super) id: String,
    is_removal: bool,
}

pub(super) struct State {
    pub(super) documents: BTreeMap<String, (u64, String)>,
    pub(super) log: Vec<Logged>,
    /// How many events the feed can repeat.
    pub(super) history: usize,
    pub(super) openings: VecDeque<Opening>,
    streams: Vec<UnboundedSender<Option<String>>>,
    /// The last event ids of the openings, and when they came.
    pub(super) opened: Vec<(Option<String>, Instant)>,
    pub(super) reads: usize,
    pub(super) lists: usize,
    pub(super) refused_writes: usize,
    /// Resources that the reader may not see.
    pub(super) forbidden: Vec<String>,
    /// Whether events carry the state.
    pub(super) tells_states: bool,
    /// Whether a cache on the way answers 304 to every conditional read.
    pub(super) claims_unchanged: bool,
    pub(super) lists_have_tags: bool,
}

#[derive(Clone)]
pub(super) struct FeedServer(Arc<Mutex<State>>);

impl FeedServer {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            documents: BTreeMap::new(),
            log: Vec::new(),
            history: usize::MAX,
            openings: VecDeque::new(),
            streams: Vec::new(),
            opened: Vec::new(),
            reads: 0,
            lists: 0,
            refused_writes: 0,
            forbidden: Vec::new(),
            tells_states: false,
            claims_unchanged: false,
            lists_have_tags: false,
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// The feed, as its users describe it.
    pub(super) fn feed() -> Feed {
        Feed::event_stream("events")
            .tag_at("/tag")
            .document_at("/document")
    }

    pub(super) fn client(&self) -> Client {
        self.client_with(Self::feed())
    }

    pub(super) fn client_with(&self, feed: Feed) -> Client {
        let builder = Client::builder("http://api.test").transport(self.clone());
        builder.profile(Generic::new().feed(feed)).build().unwrap()
    }

    pub(super) fn articles(&self) -> Collection<Value> {
        self.client().collection("articles")
    }

    /// Another client writes.
    pub(super) fn put(&self, id: &str, n: u64) {
        self.state()
            .store(id, &json!({"id": id, "n": n}).to_string());
    }

    /// Another client removes.
    pub(super) fn remove(&self, id: &str) {
        let mut state = self.state();
        state.documents.remove(id);
        state.change(id, true);
    }

    /// The feed says something else.
    pub(super) fn say(&self, text: &str) {
        self.state().say(text);
    }

    /// Cuts all connections.
    pub(super) fn cut(&self) {
        for stream in self.state().streams.drain(..) {
            let _ = stream.send(None);
        }
    }

    /// The number of connections that are open.
    pub(super) fn connections(&self) -> usize {
        let mut state = self.state();
        state.streams.retain(|stream| !stream.is_closed());
        state.streams.len()
    }

    pub(super) fn next_opening(&self, opening: Opening) {
        self.state().openings.push_back(opening);
    }
}

impl State {
    fn store(&mut self, id: &str, text: &str) -> u64 {
        let version = self.log.len() as u64 + 1;
        self.documents
            .insert(id.to_owned(), (version, text.to_owned()));
        self.change(id, false);
        version
    }

    fn change(&mut self, id: &str, is_removal: bool) {
        self.log.push(Logged {
            id: id.to_owned(),
            is_removal,
        });
        let text = self.event(self.log.len());
        self.say(&text);
    }

    /// The event of the change with this number.
    pub(super) fn event(&self, number: usize) -> String {
        let Logged { id, is_removal } = &self.log[number - 1];
        let mut data = json!({"id": id, "tag": number.to_string()});
        let now = self
            .documents
            .get(id)
            .filter(|(version, _)| *version == number as u64);
        if let Some((_, text)) = now.filter(|_| self.tells_states) {
            data["document"] = serde_json::from_str(text).unwrap();
        }
        let name = if *is_removal { "deleted" } else { "put" };
        format!("id: {number}\nevent: {name}\ndata: {data}\n\n")
    }

    fn say(&mut self, text: &str) {
        self.streams
            .retain(|stream| stream.send(Some(text.to_owned())).is_ok());
    }

    fn respond(&mut self, request: &Request) -> Response {
        let path = request.url.path();
        let Some(id) = path.strip_prefix("/articles/") else {
            self.lists += 1;
            if self.claims_unchanged && request.headers.contains_key(IF_NONE_MATCH) {
                return answer(304, Some(self.log.len() as u64), "");
            }
            let items: Vec<&str> = self
                .documents
                .values()
                .map(|(_, text)| text.as_str())
                .collect();
            let version = self.lists_have_tags.then_some(self.log.len() as u64);
            return answer(200, version, &format!("[{}]", items.join(",")));
        };
        if self.forbidden.iter().any(|forbidden| forbidden == id) {
            return answer(403, None, "{}");
        }
        let current = self.documents.get(id);
        let header = |name| {
            request
                .headers
                .get(name)
                .and_then(|value| value.to_str().ok())
        };
        let is_current = |named: &str| current.is_some_and(|(version, _)| named == tag(*version));
        if request.method == Method::PUT {
            if header(IF_MATCH).is_some_and(|named| !is_current(named)) {
                self.refused_writes += 1;
                return answer(412, None, "{}");
            }
            let text = std::str::from_utf8(&request.body).unwrap();
            let version = self.store(id, text);
            return answer(204, Some(version), "");
        }
        self.reads += 1;
        match current {
            None => answer(404, None, "{}"),
            Some((version, _))
                if header(IF_NONE_MATCH)
                    .is_some_and(|named| self.claims_unchanged || is_current(named)) =>
            {
                answer(304, Some(*version), "")
            }
            Some((version, text)) => answer(200, Some(*version), text),
        }
    }

    fn replay(&self, after: Option<&str>) -> Vec<String> {
        let oldest = self.log.len().saturating_sub(self.history);
        let after = after
            .and_then(|id| id.parse().ok())
            .unwrap_or(self.log.len());
        (after.max(oldest)..self.log.len())
            .map(|number| self.event(number + 1))
            .collect()
    }
}

fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

fn answer(status: u16, version: Option<u64>, body: &str) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(version) = version {
        headers.insert(ETAG, tag(version).parse().unwrap());
    }
    Response::new(
        StatusCode::from_u16(status).unwrap(),
        headers,
        body.to_owned(),
    )
}

/// A stream that a test feeds. `None` cuts it.
struct Fed(UnboundedReceiver<Option<String>>);

#[async_trait]
impl Chunks for Fed {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self.0.recv().await {
            Some(Some(text)) => Ok(Some(text.into())),
            Some(None) => Err(TransportError::new(Fate::Unknown, "the connection was cut")),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Transport for FeedServer {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        Ok(self.state().respond(&request))
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let last = request.headers.get("last-event-id");
        let last = last.map(|last| last.to_str().unwrap().to_owned());
        let opening = {
            let mut state = self.state();
            state.opened.push((last.clone(), Instant::now()));
            state.openings.pop_front()
        };
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        let (sender, receiver) = unbounded_channel();
        let mut status = StatusCode::OK;
        match opening {
            Some(Opening::NoHead) => tokio::time::sleep(Duration::from_secs(86_400)).await,
            Some(Opening::Status(code, more)) => {
                status = StatusCode::from_u16(code).unwrap();
                for (name, value) in more {
                    headers.insert(*name, HeaderValue::from_static(value));
                }
            }
            Some(Opening::Silent) => keep(sender),
            Some(Opening::Text(text)) => drop(sender.send(Some(text.to_owned()))),
            Some(Opening::CutAfter(bytes)) => {
                let mut text = self.state().replay(last.as_deref()).concat();
                text.truncate(bytes);
                let _ = sender.send(Some(text));
                let _ = sender.send(None);
            }
            None => {
                for event in self.state().replay(last.as_deref()) {
                    let _ = sender.send(Some(event));
                }
                self.state().streams.push(sender);
            }
        }
        Ok(Streaming::new(status, headers, Box::new(Fed(receiver))))
    }
}

/// Keeps a connection open that never says anything.
fn keep(sender: UnboundedSender<Option<String>>) {
    tokio::spawn(async move { sender.closed().await });
}
