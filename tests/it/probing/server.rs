//! A server in memory that is wrong in one way.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, async_trait};
use tokio::time::Instant;

/// What is wrong with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    IgnoresIfMatch,
    IgnoresIfNoneMatch,
    RemovesWhatIsStale,
    NoVersions,
    /// `W/"1"`, and that is what it wants back.
    WeakTags,
    /// A proxy writes `W/"1"`, and the server behind it wants `"1"`.
    WeakenedTags,
    /// A proxy writes `"1-gzip"`, and the server behind it wants `"1"`.
    SuffixedTags,
    /// The same, only where `gzip` is asked for.
    SuffixedUnderGzip,
    /// No tag is ever accepted.
    AcceptsNoTag,
    /// Each read shows another one.
    RestlessTags,
    /// The tag is the second of the last change.
    TagsOfSeconds,
    /// One tag for all states.
    OneTag,
    /// The tag in the reply to a write is that of the reply.
    TagOfTheReply,
    /// Writes are answered 202 and done at the third read after that.
    PutsOff,
    /// A stale write is answered 200.
    HidesRefusals,
    /// A stale write is answered 412 and carried out.
    RefusesAndDoes,
    /// It looks at the condition first, and writes a moment later.
    ChecksThenWrites,
    /// A stale write is answered 403.
    RefusesOddly,
    /// A write is answered 204 and forgotten.
    Forgets,
    /// 405 to DELETE.
    KeepsForever,
    /// New resources by POST alone.
    PostsOnly,
    /// The same, and the reply does not say where.
    PostsNamelessly,
    /// The reply to this request and to all later writes but removals is lost.
    CutsFrom(usize),
    /// Everything but removals and reads is answered 403.
    Forbids,
}

#[derive(Default)]
struct State {
    documents: BTreeMap<String, Stored>,
    versions: u64,
    reads: u64,
    put_off: Vec<(u64, Request)>,
    seen: Vec<(Method, String)>,
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

    pub(super) fn left(&self) -> usize {
        self.state.lock().unwrap().documents.len()
    }

    pub(super) fn seen(&self) -> Vec<(Method, String)> {
        self.state.lock().unwrap().seen.clone()
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
            _ => sent == plain,
        }
    }

    /// Whether this is a change of the version that is there.
    fn passes(&self, request: &Request) -> bool {
        let state = self.state.lock().unwrap();
        let stored = state.documents.get(request.url.path());
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
            Some(stored) => self.reply(state, 200, Some(&stored), request),
            None => self.reply(state, 204, None, request),
        }
    }

    fn carry_out(&self, state: &mut State, request: &Request, path: &str) {
        if request.method == Method::DELETE {
            state.documents.remove(path);
            return;
        }
        state.versions += 1;
        let stored = Stored {
            version: state.versions,
            second: self.begun.elapsed().as_secs(),
            body: request.body.to_vec(),
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

#[async_trait]
impl Transport for Server {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path().to_owned();
        if self.fault == Fault::ChecksThenWrites && self.passes(&request) {
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
