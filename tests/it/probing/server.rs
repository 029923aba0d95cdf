//! A server in memory with one fault.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, async_trait};
use tokio::time::Instant;

use super::fault::Fault;

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Stored>,
    versions: u64,
    reads: u64,
    put_off: Vec<(u64, Request)>,
    seen: Vec<(Method, String)>,
    writes: Vec<Request>,
}

#[derive(Clone)]
struct Stored {
    version: u64,
    second: u64,
    body: Vec<u8>,
}

#[derive(Clone)]
pub(super) struct Server {
    fault: Fault,
    begun: Instant,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub(super) fn with(fault: Fault) -> Self {
        Self {
            fault,
            begun: Instant::now(),
            state: Arc::default(),
        }
    }

    pub(super) fn client(&self) -> Client {
        let builder = Client::builder("http://server.test/v1").transport(self.clone());
        builder.build().unwrap()
    }

    /// A server on which this is there.
    pub(super) fn holding(fault: Fault, path: &str, body: &str) -> Self {
        let server = Self::with(fault);
        let stored = Stored {
            version: 0,
            second: 0,
            body: body.into(),
        };
        let mut state = server.state.lock().unwrap();
        state.documents.insert(path.to_owned(), stored);
        drop(state);
        server
    }

    pub(super) fn text(&self, path: &str) -> Option<String> {
        let state = self.state.lock().unwrap();
        let stored = state.documents.get(path);
        stored.map(|stored| String::from_utf8(stored.body.clone()).unwrap())
    }

    pub(super) fn left(&self) -> usize {
        self.state.lock().unwrap().documents.len()
    }

    pub(super) fn seen(&self) -> Vec<(Method, String)> {
        self.state.lock().unwrap().seen.clone()
    }

    /// The bodies of all writes that had one.
    pub(super) fn bodies(&self) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let bodies = state.writes.iter().map(|write| write.body.to_vec());
        bodies
            .map(|body| String::from_utf8(body).unwrap())
            .collect()
    }

    /// What those writes say in a header.
    pub(super) fn values(&self, name: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let values = state
            .writes
            .iter()
            .filter_map(|write| write.headers.get(name));
        values
            .map(|value| value.to_str().unwrap().to_owned())
            .collect()
    }

    fn tag(&self, state: &State, stored: &Stored, request: &Request) -> Option<String> {
        let (version, is_read) = (stored.version, request.method == Method::GET);
        let coded = request.headers.get("accept-encoding");
        let coded = coded.is_some_and(|coding| coding == "gzip");
        Some(match self.fault {
            Fault::NoVersions => return None,
            Fault::WeakTags | Fault::WeakenedTags => format!("W/\"{version}\""),
            Fault::SuffixedTags => format!("\"{version}-gzip\""),
            Fault::SuffixedUnderGzip if coded => format!("\"{version}-gzip\""),
            Fault::RestlessTags => format!("\"{version}-{}\"", state.reads),
            Fault::TagsOfSeconds => format!("\"{}\"", stored.second),
            Fault::OneTag => "\"same\"".to_owned(),
            Fault::HashTags | Fault::HashTagsInTwoSteps => hash(&stored.body),
            Fault::TagOfTheReply if !is_read => "\"of the reply\"".to_owned(),
            _ => format!("\"{version}\""),
        })
    }

    fn accepts(&self, state: &State, stored: &Stored, sent: &str) -> bool {
        let plain = format!("\"{}\"", stored.version);
        match self.fault {
            Fault::AcceptsNoTag => false,
            Fault::WeakTags => sent == format!("W/{plain}"),
            Fault::RestlessTags => sent == format!("\"{}-{}\"", stored.version, state.reads),
            Fault::TagsOfSeconds => sent == format!("\"{}\"", stored.second),
            Fault::OneTag => sent == "\"same\"",
            Fault::HashTags | Fault::HashTagsInTwoSteps => sent == hash(&stored.body),
            _ => sent == plain,
        }
    }

    /// Whether it is a server in two steps, and this passes the first one.
    fn passes(&self, request: &Request) -> bool {
        let state = self.state.lock().unwrap();
        let stored = state.documents.get(request.url.path());
        match self.fault {
            Fault::ChecksThenWrites | Fault::HashTagsInTwoSteps => {}
            Fault::ChecksThenCreates => {
                return stored.is_none() && request.headers.contains_key(IF_NONE_MATCH);
            }
            _ => return false,
        }
        let sent = request.headers.get(IF_MATCH);
        let sent = sent.map(|sent| sent.to_str().unwrap());
        let accepted = stored
            .zip(sent)
            .is_some_and(|(it, sent)| self.accepts(&state, it, sent));
        request.method == Method::PUT && accepted
    }

    fn handle(&self, state: &mut State, request: &Request) -> Response {
        let path = request.url.path().to_owned();
        let current = state.documents.get(&path).cloned();
        let header = |name| {
            let value: Option<&HeaderValue> = request.headers.get(name);
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        if request.method == Method::GET {
            state.reads += 1;
            let due: Vec<_> = {
                let reads = state.reads;
                let (due, later) = std::mem::take(&mut state.put_off)
                    .into_iter()
                    .partition(|(at, _)| *at <= reads);
                state.put_off = later;
                due
            };
            for (_, request) in due {
                self.carry_out(state, &request, request.url.path());
            }
            return match state.documents.get(&path).cloned() {
                Some(stored) => self.reply(state, 200, Some(&stored), request),
                None => self.reply(state, 404, None, request),
            };
        }
        if request.method == Method::POST {
            let at = format!("{path}/{}", state.versions + 1);
            self.carry_out(state, request, &at);
            let stored = state.documents[&at].clone();
            let mut reply = self.reply(state, 201, Some(&stored), request);
            if self.fault == Fault::PostsNamelessly {
                reply.body = bytes::Bytes::new();
            } else {
                let at = HeaderValue::from_str(&at).unwrap();
                reply.headers.insert(LOCATION, at);
            }
            return reply;
        }
        let removes = request.method == Method::DELETE;
        match self.fault {
            Fault::KeepsForever if removes => return self.reply(state, 405, None, request),
            Fault::Forbids if !removes => return self.reply(state, 403, None, request),
            Fault::PostsOnly | Fault::PostsNamelessly if current.is_none() => {
                return self.reply(state, 405, None, request);
            }
            _ => {}
        }
        let outdated = match (&current, header(IF_MATCH)) {
            (Some(stored), Some(sent)) => !self.accepts(state, stored, &sent),
            (None, Some(_)) => true,
            _ => false,
        };
        let taken = current.is_some() && header(IF_NONE_MATCH).is_some();
        let overlooked = match self.fault {
            Fault::IgnoresIfMatch => outdated,
            Fault::IgnoresIfNoneMatch => taken,
            Fault::RemovesWhatIsStale => outdated && removes,
            Fault::MakesAgain => outdated && current.is_none() && !removes,
            _ => false,
        };
        if (outdated || taken) && !overlooked {
            match self.fault {
                Fault::HidesRefusals => return self.reply(state, 200, None, request),
                Fault::RefusesOddly => return self.reply(state, 403, None, request),
                Fault::RefusesAndDoes if outdated => self.carry_out(state, request, &path),
                _ => {}
            }
            return self.reply(state, 412, None, request);
        }
        match self.fault {
            Fault::PutsOff if !removes => {
                state.put_off.push((state.reads + 3, request.clone()));
                return self.reply(state, 202, None, request);
            }
            Fault::Forgets if !removes && current.is_some() => {}
            _ => self.carry_out(state, request, &path),
        }
        match state.documents.get(&path).cloned() {
            Some(stored) if matches!(self.fault, Fault::AddsSilently | Fault::Silent) => {
                let mut reply = self.reply(state, 204, Some(&stored), request);
                reply.body = bytes::Bytes::new();
                reply
            }
            Some(stored) => self.reply(state, 200, Some(&stored), request),
            None => self.reply(state, 204, None, request),
        }
    }

    fn carry_out(&self, state: &mut State, request: &Request, path: &str) {
        if request.method == Method::DELETE {
            state.documents.remove(path);
            return;
        }
        let mut body = request.body.to_vec();
        if self.fault == Fault::AddsSilently {
            let mut document: serde_json::Value = serde_json::from_slice(&body).unwrap();
            document["updated_by"] = "the server".into();
            body = serde_json::to_vec(&document).unwrap();
        }
        let there = state.documents.get(path);
        if self.fault == Fault::TagsOfChanges && there.is_some_and(|it| it.body == body) {
            return;
        }
        state.versions += 1;
        let stored = Stored {
            version: state.versions,
            second: self.begun.elapsed().as_secs(),
            body,
        };
        state.documents.insert(path.to_owned(), stored);
    }

    fn reply(
        &self,
        state: &State,
        status: u16,
        stored: Option<&Stored>,
        request: &Request,
    ) -> Response {
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert("content-type", json);
        if let Some(tag) = stored.and_then(|stored| self.tag(state, stored, request)) {
            headers.insert(ETAG, HeaderValue::from_str(&tag).unwrap());
        }
        let body = stored.map_or(Vec::new(), |stored| stored.body.clone());
        Response::new(StatusCode::from_u16(status).unwrap(), headers, body)
    }
}

fn hash(body: &[u8]) -> String {
    use std::hash::{DefaultHasher, Hash, Hasher};
    let mut hasher = DefaultHasher::new();
    body.hash(&mut hasher);
    format!("\"{:016x}\"", hasher.finish())
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // Requests that come at the same time are served in any order.
        for _ in 0..fastrand::u32(0..4) {
            tokio::task::yield_now().await;
        }
        let path = request.url.path().to_owned();
        if !request.body.is_empty() {
            self.state.lock().unwrap().writes.push(request.clone());
        }
        if self.passes(&request) {
            tokio::task::yield_now().await;
            let mut state = self.state.lock().unwrap();
            self.carry_out(&mut state, &request, &path);
            let stored = state.documents[&path].clone();
            return Ok(self.reply(&state, 200, Some(&stored), &request));
        }
        let mut state = self.state.lock().unwrap();
        state.seen.push((request.method.clone(), path));
        let reply = self.handle(&mut state, &request);
        match self.fault {
            Fault::CutsFrom(first)
                if state.seen.len() >= first
                    && (request.method == Method::PUT || state.seen.len() == first) =>
            {
                Err(TransportError::new(Fate::Unknown, "the connection was cut"))
            }
            _ => Ok(reply),
        }
    }
}
