//! A server that transforms what it stores, and responds in its own way.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Collection, async_trait};
use serde_json::Value;

/// One resource under a counted tag; `null`: nothing is there.
#[derive(Clone)]
pub(super) struct Maker(Arc<Mutex<State>>);

/// What a write found and made.
pub(super) struct Written {
    pub(super) before: Value,
    pub(super) sent: Value,
    pub(super) stored: Value,
    /// The tag of what is stored, in quotes.
    pub(super) tag: String,
}

type Makes = Box<dyn Fn(&Value, Value) -> Value + Send>;
type Answers = Box<dyn Fn(&Written) -> Response + Send>;

struct State {
    version: u32,
    document: Value,
    makes: Makes,
    answers: Answers,
    log: Vec<String>,
}

#[expect(clippy::needless_pass_by_value, reason = "a body is given as it comes")]
pub(super) fn reply(status: u16, headers: &[(&str, &str)], body: impl ToString) -> Response {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let name: HeaderName = name.parse().unwrap();
        map.append(name, HeaderValue::from_str(value).unwrap());
    }
    Response::new(StatusCode::from_u16(status).unwrap(), map, body.to_string())
}

/// 200 with this document, as JSON and under this tag.
pub(super) fn shown(document: &Value, tag: &str) -> Response {
    reply(
        200,
        &[("content-type", "application/json"), ("etag", tag)],
        document,
    )
}

impl Maker {
    /// It stores what it is sent and answers 204 with the tag of that.
    pub(super) fn with(document: Value) -> Self {
        Self(Arc::new(Mutex::new(State {
            version: 1,
            document,
            makes: Box::new(|_, sent| sent),
            answers: Box::new(|written| reply(204, &[("etag", &written.tag)], "")),
            log: Vec::new(),
        })))
    }

    /// What it stores, of what was there and what is sent.
    pub(super) fn makes(self, makes: impl Fn(&Value, Value) -> Value + Send + 'static) -> Self {
        self.0.lock().unwrap().makes = Box::new(makes);
        self
    }

    /// What it answers to a write.
    pub(super) fn answers(self, answers: impl Fn(&Written) -> Response + Send + 'static) -> Self {
        self.0.lock().unwrap().answers = Box::new(answers);
        self
    }

    pub(super) fn builder(&self) -> ClientBuilder {
        Client::builder("http://server.test").transport(self.clone())
    }

    pub(super) fn things(&self) -> Collection<Value> {
        self.builder().build().unwrap().collection("things")
    }

    pub(super) fn stored(&self) -> Value {
        self.0.lock().unwrap().document.clone()
    }

    /// The methods so far; `GET?` for a read with a condition.
    pub(super) fn methods(&self) -> String {
        self.0.lock().unwrap().log.join(" ")
    }
}

#[async_trait]
impl Transport for Maker {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut state = self.0.lock().unwrap();
        let state = &mut *state;
        let header = |name: &str| request.headers.get(name).map(|it| it.to_str().unwrap());
        let tag = format!("\"{}\"", state.version);
        if request.method == Method::GET {
            let asked = header("if-none-match");
            let mark = if asked.is_some() { "GET?" } else { "GET" };
            state.log.push(mark.to_owned());
            if asked == Some(&tag) {
                return Ok(reply(304, &[("etag", &tag)], ""));
            }
            if state.document.is_null() {
                return Ok(reply(404, &[], ""));
            }
            return Ok(shown(&state.document, &tag));
        }
        state.log.push(request.method.to_string());
        let creates = header("if-none-match") == Some("*") && state.document.is_null();
        if !creates && header("if-match") != Some(&tag) {
            return Ok(reply(412, &[], ""));
        }
        let sent: Value = serde_json::from_slice(&request.body).unwrap_or_default();
        let before = state.document.clone();
        state.document = (state.makes)(&before, sent.clone());
        state.version += 1;
        let written = Written {
            before,
            sent,
            stored: state.document.clone(),
            tag: format!("\"{}\"", state.version),
        };
        Ok((state.answers)(&written))
    }
}
