//! A server that is a function of a request, with streams that a test feeds.

use std::sync::{Arc, Mutex, MutexGuard};

use http::header::{ACCEPT, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{
    Bytes, Chunks, Fate, Request, Response, Streaming, Transport, TransportError,
};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// The status, the headers and the body of a response.
pub(super) type Answer = (u16, Vec<(&'static str, String)>, String);

type Respond = Box<dyn FnMut(&Request) -> Answer + Send>;

/// The server. Responses with a body of `STREAM` to a request for one go on with what the test says.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<WireState>>);

pub(super) const STREAM: &str = "stream";

pub(super) struct WireState {
    respond: Respond,
    /// The method, the address and the `Accept` header of each request.
    pub(super) asked: Vec<String>,
    /// The headers of the last request for a stream.
    pub(super) opened_with: HeaderMap,
    streams: Vec<UnboundedSender<Option<String>>>,
}

impl Wire {
    pub(super) fn of(respond: impl FnMut(&Request) -> Answer + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(WireState {
            respond: Box::new(respond),
            asked: Vec::new(),
            opened_with: HeaderMap::new(),
            streams: Vec::new(),
        })))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, WireState> {
        self.0.lock().unwrap()
    }

    /// What was asked for since the last call.
    pub(super) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    /// Sends a part of the stream.
    pub(super) fn say(&self, text: &str) {
        let mut state = self.state();
        state.streams.retain(|stream| !stream.is_closed());
        for stream in &state.streams {
            stream.send(Some(text.to_owned())).unwrap();
        }
    }

    /// Cuts the streams.
    pub(super) fn cut(&self) {
        for stream in self.state().streams.drain(..) {
            let _ = stream.send(None);
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let mut state = self.state();
        let accept = request.headers.get(ACCEPT).map(HeaderValue::to_str);
        let accept = accept.map_or("", |accept| accept.unwrap());
        let accept = accept.split(',').next().unwrap_or_default();
        let asked = format!("{} {} {accept}", request.method, request.url);
        state.asked.push(asked);
        (state.respond)(request)
    }
}

fn headers(pairs: Vec<(&'static str, String)>) -> HeaderMap {
    let pairs = pairs.into_iter();
    let pairs = pairs.map(|(name, value)| {
        let name = HeaderName::from_static(name);
        (name, HeaderValue::from_str(&value).unwrap())
    });
    pairs.collect()
}

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
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (status, pairs, body) = self.answer(&request);
        let status = StatusCode::from_u16(status).unwrap();
        Ok(Response::new(status, headers(pairs), body))
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let (status, pairs, body) = self.answer(&request);
        let status = StatusCode::from_u16(status).unwrap();
        let (sender, receiver) = unbounded_channel();
        let mut state = self.state();
        state.opened_with = request.headers;
        state.opened_with.remove(HOST);
        if let Some(first) = body.strip_prefix(STREAM) {
            sender.send(Some(first.to_owned())).unwrap();
            state.streams.push(sender);
        } else {
            sender.send(Some(body)).unwrap();
        }
        Ok(Streaming::new(
            status,
            headers(pairs),
            Box::new(Fed(receiver)),
        ))
    }
}
