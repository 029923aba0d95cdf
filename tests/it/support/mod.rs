//! A server in memory that follows the rules of HTTP and a test's script.

pub(crate) mod api;
pub(crate) mod dialect;
pub(crate) mod etcd_gateway;
pub(crate) mod feeds;
mod handles;
#[cfg(feature = "redis")]
pub(crate) mod redis_server;
pub(crate) mod served;
pub(crate) mod subscribed;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Error, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) use handles::{AT, Always, Removes, articles, counters, draft, edit, values};

/// The resource type of most tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Article {
    pub(crate) title: String,
    pub(crate) body: String,
    pub(crate) views: u64,
}

pub(crate) const ARTICLE: &str = r#"{"title":"old","body":"text","views":1}"#;

type Foreign = Box<dyn Fn(&mut Value) + Send>;

/// What happens to one request.
pub(crate) enum Event {
    /// Nothing unusual.
    Plain,
    /// Another client changes the resource first.
    Foreign(Foreign),
    /// Another client puts this text there first.
    ForeignText(String),
    /// Another client removes the resource first.
    ForeignRemoval,
    /// It is carried out, and the reply is lost.
    LoseReply,
    /// It never arrives, and the client cannot know.
    LoseRequest,
    /// It is not even sent.
    NoConnection,
    /// It is answered so, and not carried out.
    Answer(u16, &'static [(&'static str, &'static str)], &'static str),
    /// It is carried out, and answered so.
    AnswerAfter(u16, &'static [(&'static str, &'static str)]),
    /// It is carried out, and answered with what was there before.
    AnswerReplaced,
    /// It is carried out, and nobody ever answers.
    Hang,
    /// It is held up, and carried out only when the next request comes in, before that.
    Delay,
    /// It is answered so, and carried out all the same just before the request after the next.
    AnswerLate(u16),
}

pub(crate) fn foreign(change: impl Fn(&mut Value) + Send + 'static) -> Event {
    Event::Foreign(Box::new(change))
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Seen {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

#[derive(Default)]
pub(crate) struct State {
    documents: BTreeMap<String, (u64, Vec<u8>)>,
    versions: u64,
    script: VecDeque<Event>,
    pub(crate) seen: Vec<Seen>,
    delayed: Vec<Request>,
    later: Vec<Request>,
    /// Successful writes, whoever made them.
    pub(crate) applied: u32,
    posts: u64,
    /// The reply to a write carries no tag.
    pub(crate) silent: bool,
    /// A stale write is answered with this.
    pub(crate) stale: Option<(u16, &'static str)>,
    /// How a version is spelled as a tag.
    pub(crate) tag: Option<fn(u64) -> String>,
}

/// The server; clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Server(pub Arc<Mutex<State>>);

impl Server {
    pub(crate) fn with(path: &str, document: &str) -> Self {
        let server = Self::default();
        server.put(path, document);
        server
    }

    pub(crate) fn put(&self, path: &str, document: &str) {
        let mut state = self.0.lock().unwrap();
        state.versions += 1;
        let version = state.versions;
        state
            .documents
            .insert(path.to_owned(), (version, document.as_bytes().to_vec()));
    }

    /// Removes a document, as another client.
    pub(crate) fn remove(&self, path: &str) {
        self.0.lock().unwrap().documents.remove(path);
    }

    pub(crate) fn script(&self, events: impl IntoIterator<Item = Event>) {
        self.0.lock().unwrap().script.extend(events);
    }

    /// Ends the script, so that nothing unusual happens from now on.
    pub(crate) fn end_script(&self) {
        self.0.lock().unwrap().script.clear();
    }

    pub(crate) fn text(&self, path: &str) -> Option<String> {
        let state = self.0.lock().unwrap();
        state
            .documents
            .get(path)
            .map(|(_, body)| String::from_utf8(body.clone()).unwrap())
    }

    pub(crate) fn value(&self, path: &str) -> Value {
        serde_json::from_str(&self.text(path).expect("nothing is there")).unwrap()
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    /// Successful writes so far, whoever made them.
    pub(crate) fn applied(&self) -> u32 {
        self.0.lock().unwrap().applied
    }

    pub(crate) fn methods(&self) -> Vec<String> {
        self.seen()
            .iter()
            .map(|seen| seen.method.to_string())
            .collect()
    }

    /// The number of requests that were no reads.
    pub(crate) fn writes(&self) -> usize {
        let methods = self.methods();
        methods.iter().filter(|method| *method != "GET").count()
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder("http://server.test/v1").transport(self.clone())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }
}

impl State {
    fn tag(&self, version: u64) -> String {
        self.tag
            .map_or_else(|| format!("\"{version}\""), |tag| tag(version))
    }

    fn reply(&self, status: u16, version: Option<u64>, body: &[u8]) -> Response {
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(version) = version {
            headers.insert(ETAG, HeaderValue::from_str(&self.tag(version)).unwrap());
        }
        Response::new(
            StatusCode::from_u16(status).unwrap(),
            headers,
            body.to_vec(),
        )
    }

    fn handle(&mut self, request: &Request) -> Response {
        let path = request.url.path().to_owned();
        let current = self.documents.get(&path).cloned();
        let tag = current.as_ref().map(|(version, _)| self.tag(*version));
        let header = |name| {
            request
                .headers
                .get(name)
                .map(|value: &HeaderValue| value.to_str().unwrap().to_owned())
        };
        if request.method == Method::GET || request.method == Method::HEAD {
            return match current {
                Some((version, _)) if header(IF_NONE_MATCH) == tag => {
                    self.reply(304, Some(version), b"")
                }
                Some((version, body)) => self.reply(200, Some(version), &body),
                None => self.reply(404, None, b"{\"title\":\"not here\"}"),
            };
        }
        if request.method == Method::POST {
            self.posts += 1;
            self.versions += 1;
            self.applied += 1;
            let (version, id) = (self.versions, self.posts);
            let at = format!("{path}/{id}");
            self.documents
                .insert(at.clone(), (version, request.body.to_vec()));
            let mut reply = self.reply(201, Some(version), &request.body);
            reply
                .headers
                .insert("location", HeaderValue::from_str(&at).unwrap());
            return reply;
        }
        let wanted = header(IF_MATCH);
        let stale = wanted.is_some()
            && (wanted != tag || tag.as_ref().is_some_and(|tag| tag.starts_with("W/")));
        if stale || header(IF_NONE_MATCH).is_some() && current.is_some() {
            let (status, body) = self.stale.unwrap_or((412, "{\"title\":\"stale\"}"));
            return self.reply(status, None, body.as_bytes());
        }
        self.applied += 1;
        if request.method == Method::DELETE {
            self.documents.remove(&path);
            return self.reply(204, None, b"");
        }
        self.versions += 1;
        let version = self.versions;
        let body = patched(request, current.as_ref().map(|(_, body)| &body[..]));
        self.documents.insert(path, (version, body));
        let status = if current.is_some() { 204 } else { 201 };
        self.reply(status, (!self.silent).then_some(version), b"")
    }
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let lost = || Err(TransportError::new(Fate::Unknown, "the connection was cut"));
        let hang = {
            let mut state = self.0.lock().unwrap();
            for late in std::mem::take(&mut state.delayed) {
                state.handle(&late);
            }
            state.delayed = std::mem::take(&mut state.later);
            state.seen.push(Seen {
                method: request.method.clone(),
                path: request.url.path().to_owned(),
                query: request.url.query().map(str::to_owned),
                headers: request.headers.clone(),
                body: request.body.to_vec(),
            });
            let path = request.url.path().to_owned();
            match state.script.pop_front().unwrap_or(Event::Plain) {
                Event::Plain => return Ok(state.handle(&request)),
                Event::Foreign(change) => {
                    let (_, body) = state
                        .documents
                        .get(&path)
                        .cloned()
                        .unwrap_or((0, b"{}".to_vec()));
                    let mut document: Value = serde_json::from_slice(&body).unwrap();
                    change(&mut document);
                    state.versions += 1;
                    let version = state.versions;
                    state
                        .documents
                        .insert(path, (version, serde_json::to_vec(&document).unwrap()));
                    return Ok(state.handle(&request));
                }
                Event::ForeignText(text) => {
                    state.versions += 1;
                    let version = state.versions;
                    state.documents.insert(path, (version, text.into_bytes()));
                    return Ok(state.handle(&request));
                }
                Event::ForeignRemoval => {
                    state.documents.remove(&path);
                    return Ok(state.handle(&request));
                }
                Event::LoseReply => {
                    state.handle(&request);
                    return lost();
                }
                Event::LoseRequest => return lost(),
                Event::NoConnection => {
                    return Err(TransportError::new(Fate::NotSent, "no connection"));
                }
                Event::Answer(status, headers, body) => {
                    return Ok(answer(state.reply(status, None, body.as_bytes()), headers));
                }
                Event::AnswerAfter(status, headers) => {
                    state.handle(&request);
                    return Ok(answer(state.reply(status, None, b""), headers));
                }
                Event::AnswerReplaced => {
                    let replaced = state.documents[&path].1.clone();
                    let mut reply = state.handle(&request);
                    (reply.status, reply.body) = (StatusCode::OK, replaced.into());
                    return Ok(reply);
                }
                Event::Hang => {
                    state.handle(&request);
                }
                Event::AnswerLate(status) => {
                    state.later.push(request);
                    return Ok(state.reply(status, None, b""));
                }
                Event::Delay => {
                    state.delayed.push(request);
                    return lost();
                }
            }
            std::future::pending::<()>()
        };
        hang.await;
        lost()
    }
}

fn answer(mut reply: Response, headers: &'static [(&'static str, &'static str)]) -> Response {
    for (name, value) in headers {
        reply.headers.insert(*name, HeaderValue::from_static(value));
    }
    reply
}

/// What a write makes of the document: its body, or the body applied as a merge patch (RFC 7396).
fn patched(request: &Request, current: Option<&[u8]>) -> Vec<u8> {
    let media_type = request.headers.get("content-type");
    if media_type.is_none_or(|value| value != "application/merge-patch+json") {
        return request.body.to_vec();
    }
    let mut document = serde_json::from_slice(current.unwrap_or(b"{}")).unwrap();
    apply(
        &mut document,
        &serde_json::from_slice(&request.body).unwrap(),
    );
    serde_json::to_vec(&document).unwrap()
}

fn apply(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    for (name, value) in patch {
        let members = target.as_object_mut().unwrap();
        if value.is_null() {
            members.remove(name);
        } else {
            apply(members.entry(name.clone()).or_insert(Value::Null), value);
        }
    }
}

/// The server, ten milliseconds away.
#[derive(Clone)]
pub(crate) struct Far(pub Server);

#[async_trait]
impl Transport for Far {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let reply = self.0.send(request).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        reply
    }
}

/// The title of the edited article that an error gives back.
pub(crate) fn given_back(error: &Error) -> String {
    let sides = error.sides::<Article>().unwrap();
    sides.local.as_ref().unwrap().title.clone()
}
