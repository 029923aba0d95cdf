//! A server and its network in virtual time. A seed determines when messages arrive and which get lost.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ETAG, HeaderMap, HeaderValue, IF_MATCH};
use http::{Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use serde_json::{Value, json};

/// A mistake that a queue might make, made on the way instead.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Mistake {
    None,
    /// Of several edits in one request the last is left out.
    LeavesOneOut,
    /// Of several edits in one request one is made twice.
    MakesOneTwice,
}

/// What may happen to one request.
enum Way {
    Smooth,
    /// It never arrives.
    Lost,
    /// The client gives up, and it arrives so much later.
    Late(Duration),
    /// It is carried out, and nobody hears of it.
    ReplyLost,
    /// 503, carried out or not.
    Busy(bool),
    /// Another client writes first.
    Foreign,
}

/// One applied write: the marks that it added, and how far it moved the counter.
#[derive(Debug, PartialEq)]
pub(super) struct Applied {
    pub(super) marks: Vec<String>,
    pub(super) counted: i64,
}

struct State {
    rng: fastrand::Rng,
    documents: BTreeMap<String, (u64, Value)>,
    log: Vec<Applied>,
    foreign: u32,
    mistake: Mistake,
}

/// The network with the server behind it; clones are the same one.
#[derive(Clone)]
pub(super) struct Net(Arc<Mutex<State>>);

impl Net {
    pub(super) fn new(seed: u64, mistake: Mistake) -> Self {
        Self(Arc::new(Mutex::new(State {
            rng: fastrand::Rng::with_seed(seed),
            documents: BTreeMap::new(),
            log: Vec::new(),
            foreign: 0,
            mistake,
        })))
    }

    /// Everything that was applied, in order, and the marks that are there in the end.
    pub(super) fn close(&self) -> (Vec<Applied>, Vec<String>) {
        let mut state = self.0.lock().unwrap();
        let there = state.documents.values();
        let there = there.flat_map(|(_, document)| marks(document)).collect();
        (std::mem::take(&mut state.log), there)
    }
}

impl State {
    /// Draws what happens to a request, and how long it takes there and back.
    fn draw(&mut self) -> (Way, [Duration; 2]) {
        let way = match self.rng.u32(..100) {
            0..3 => Way::Lost,
            3..6 => Way::Late(Duration::from_millis(self.rng.u64(1..3_000))),
            6..11 => Way::ReplyLost,
            11..15 => Way::Busy(self.rng.bool()),
            15..25 => Way::Foreign,
            _ => Way::Smooth,
        };
        let mut trip = || Duration::from_millis(self.rng.u64(0..12));
        (way, [trip(), trip()])
    }

    fn document(&mut self, path: &str) -> &mut (u64, Value) {
        let empty = || (1, json!({"n": 0, "ids": [], "title": "", "untouched": 1.5}));
        self.documents.entry(path.to_owned()).or_insert_with(empty)
    }

    /// Another client leaves a mark, and now and then another title.
    fn foreign(&mut self, path: &str) {
        self.foreign += 1;
        let (mark, titled) = (format!("foreign-{}", self.foreign), self.rng.bool());
        let (version, document) = self.document(path);
        *version += 1;
        document["ids"]
            .as_array_mut()
            .unwrap()
            .push(mark.as_str().into());
        if titled {
            document["title"] = mark.into();
        }
    }

    fn carry_out(&mut self, request: &Request) -> Response {
        let path = request.url.path();
        let (mistake, (version, before)) = (self.mistake, self.document(path));
        let tag = format!("\"{version}\"");
        if request.method == Method::GET {
            return reply(200, Some(*version), before.to_string());
        }
        assert_eq!(request.method, Method::PUT);
        if request.headers[IF_MATCH] != tag {
            return reply(412, None, r#"{"title":"stale"}"#.to_owned());
        }
        let mut after: Value = serde_json::from_slice(&request.body).unwrap();
        let added = |after: &Value| without(marks(after), &marks(before));
        if added(&after).iter().any(|mark| mark.starts_with("bad")) {
            return reply(422, None, r#"{"title":"a bad word"}"#.to_owned());
        }
        if added(&after).len() > 1 {
            match mistake {
                Mistake::None => {}
                Mistake::LeavesOneOut => drop(after["ids"].as_array_mut().unwrap().pop()),
                Mistake::MakesOneTwice => after["n"] = (after["n"].as_i64().unwrap() + 1).into(),
            }
        }
        assert_eq!(
            without(marks(before), &marks(&after)),
            [""; 0],
            "taken away"
        );
        assert_eq!(after["untouched"], before["untouched"]);
        let applied = Applied {
            marks: added(&after),
            counted: after["n"].as_i64().unwrap() - before["n"].as_i64().unwrap(),
        };
        (*version, *before) = (*version + 1, after);
        let version = *version;
        self.log.push(applied);
        reply(204, Some(version), String::new())
    }
}

#[async_trait]
impl Transport for Net {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let lost = || Err(TransportError::new(Fate::Unknown, "the connection was cut"));
        let (way, [there, back]) = self.0.lock().unwrap().draw();
        tokio::time::sleep(there).await;
        let reply = {
            let mut state = self.0.lock().unwrap();
            match way {
                Way::Smooth => Some(state.carry_out(&request)),
                Way::Lost => None,
                Way::ReplyLost => {
                    state.carry_out(&request);
                    None
                }
                Way::Late(later) => {
                    let server = self.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(later).await;
                        server.0.lock().unwrap().carry_out(&request);
                    });
                    None
                }
                Way::Busy(done) => {
                    if done {
                        state.carry_out(&request);
                    }
                    Some(reply(503, None, String::new()))
                }
                Way::Foreign => {
                    state.foreign(request.url.path());
                    Some(state.carry_out(&request))
                }
            }
        };
        tokio::time::sleep(back).await;
        reply.map_or_else(lost, Ok)
    }
}

fn reply(status: u16, version: Option<u64>, body: String) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    if let Some(version) = version {
        let tag = HeaderValue::from_str(&format!("\"{version}\""));
        headers.insert(ETAG, tag.unwrap());
    }
    Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
}

fn marks(document: &Value) -> Vec<String> {
    let ids = document["ids"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

fn without(mut marks: Vec<String>, others: &[String]) -> Vec<String> {
    marks.retain(|mark| !others.contains(mark));
    marks
}
