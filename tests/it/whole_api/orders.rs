//! An order of a shop with its actions, in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Merge, async_trait};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Merge)]
pub(super) struct Order {
    pub(super) paid: bool,
    pub(super) shipments: Vec<String>,
}

/// What happens to one request that is no read.
pub(super) enum Event {
    Plain,
    /// Another client changes the order first.
    Foreign(fn(&mut Order)),
    /// It is carried out, and the response is lost.
    LoseResponse,
    /// It is carried out, the response is lost, and then another client changes the order.
    LoseResponseThen(fn(&mut Order)),
    /// It never arrives, and the client cannot know.
    LoseRequest,
    /// It is answered so, and not carried out.
    Answer(u16, &'static str),
    /// It is carried out, and answered so.
    AnswerAfter(u16),
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a habit of its own")]
pub(super) struct State {
    order: Option<Order>,
    version: u32,
    /// Whether an action leaves the version as it is.
    keeps_version: bool,
    demands_version: bool,
    knows_keys: bool,
    answers_with_order: bool,
    keys: Vec<String>,
    script: VecDeque<Event>,
    pub(super) seen: Vec<Request>,
}

/// The server; clones are the same one.
#[derive(Clone, Default)]
pub(super) struct Shop(Arc<Mutex<State>>);

impl Shop {
    pub(super) fn new(paid: bool) -> Self {
        let shop = Self::default();
        shop.set(|state| {
            let shipments = Vec::new();
            (state.order, state.version) = (Some(Order { paid, shipments }), 1);
        });
        shop
    }

    pub(super) fn set(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.0.lock().unwrap());
    }

    pub(super) fn keeps_version(self) -> Self {
        self.set(|state| state.keeps_version = true);
        self
    }

    pub(super) fn demands_version(self) -> Self {
        self.set(|state| state.demands_version = true);
        self
    }

    pub(super) fn knows_keys(self) -> Self {
        self.set(|state| state.knows_keys = true);
        self
    }

    pub(super) fn answers_with_order(self) -> Self {
        self.set(|state| state.answers_with_order = true);
        self
    }

    pub(super) fn script(&self, events: impl IntoIterator<Item = Event>) {
        self.set(|state| state.script.extend(events));
    }

    pub(super) fn shipments(&self) -> usize {
        self.0
            .lock()
            .unwrap()
            .order
            .as_ref()
            .unwrap()
            .shipments
            .len()
    }

    /// Every request as one line.
    pub(super) fn lines(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let line = |request: &Request| {
            let tag = request.headers.get("if-match");
            let tag = tag.map_or_else(String::new, |tag| format!(" {}", tag.to_str().unwrap()));
            format!("{} {}{tag}", request.method, request.url.path())
        };
        state.seen.iter().map(line).collect()
    }

    pub(super) fn keys(&self) -> Vec<String> {
        let state = self.0.lock().unwrap();
        let keys = state
            .seen
            .iter()
            .filter_map(|request| request.headers.get("idempotency-key"));
        keys.map(|key| key.to_str().unwrap().to_owned()).collect()
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        Client::builder("http://shop.test/v1").transport(self.clone())
    }

    pub(super) fn client(&self) -> Client {
        self.builder().build().unwrap()
    }
}

impl State {
    fn tag(&self) -> String {
        format!("\"{}\"", self.version)
    }

    fn act(&mut self, request: &Request) -> Response {
        let header = |name: &str| {
            request
                .headers
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let key = header("idempotency-key");
        if self.knows_keys && key.as_ref().is_some_and(|key| self.keys.contains(key)) {
            return self.done();
        }
        match header("if-match") {
            None if self.demands_version => {
                return answer(428, &[], &json!({"title": "which version?"}));
            }
            Some(tag) if tag != self.tag() => return answer(412, &[], &json!({"title": "stale"})),
            _ => {}
        }
        let body: Value = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        let Some(order) = &mut self.order else {
            return answer(404, &[], &json!({"title": "no such order"}));
        };
        if request.method == Method::PUT && request.url.path() == "/v1/orders/7" {
            *order = serde_json::from_value(body).unwrap();
            self.version += 1;
            return answer(204, &[("etag", self.tag())], &Value::Null);
        }
        order
            .shipments
            .push(body["number"].as_str().unwrap_or("-").to_owned());
        self.version += u32::from(!self.keeps_version);
        self.keys.extend(key);
        self.done()
    }

    fn done(&self) -> Response {
        if self.answers_with_order {
            let at = ("content-location", "/v1/orders/7".to_owned());
            return answer(200, &[("etag", self.tag()), at], &json!(self.order));
        }
        answer(200, &[], &json!({"number": "S-1"}))
    }

    fn handle(&mut self, request: &Request) -> Result<Response, TransportError> {
        self.seen.push(request.clone());
        if request.method == Method::GET {
            return Ok(match &self.order {
                Some(order) => answer(200, &[("etag", self.tag())], &json!(order)),
                None => answer(404, &[], &json!({"title": "no such order"})),
            });
        }
        let lost = || TransportError::new(Fate::Unknown, "cut");
        match self.script.pop_front().unwrap_or(Event::Plain) {
            Event::Plain => Ok(self.act(request)),
            Event::Foreign(change) => {
                self.foreign(change);
                Ok(self.act(request))
            }
            Event::LoseResponse => {
                self.act(request);
                Err(lost())
            }
            Event::LoseResponseThen(change) => {
                self.act(request);
                self.foreign(change);
                Err(lost())
            }
            Event::LoseRequest => Err(lost()),
            Event::Answer(status, title) => Ok(answer(status, &[], &json!({"title": title}))),
            Event::AnswerAfter(status) => {
                self.act(request);
                Ok(answer(status, &[], &Value::Null))
            }
        }
    }

    fn foreign(&mut self, change: fn(&mut Order)) {
        change(self.order.as_mut().unwrap());
        self.version += 1;
    }
}

fn answer(status: u16, fields: &[(&'static str, String)], body: &Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    for (name, value) in fields {
        let value = HeaderValue::from_str(value).unwrap();
        headers.insert(HeaderName::from_static(name), value);
    }
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
}

#[async_trait]
impl Transport for Shop {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.lock().unwrap().handle(&request)
    }
}
