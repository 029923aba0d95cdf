//! A server with one document, and the network to it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{ETAG, IF_MATCH};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use ifmatch::async_trait;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use serde::{Deserialize, Serialize};

/// The document that everybody edits: each edit leaves its own entry.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ifmatch::Merge)]
pub struct Ledger {
    pub entries: BTreeMap<String, u32>,
}

/// What the way to the server is like.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// From a request to its reply.
    pub round_trip: Duration,
    /// By which part of it each way may be shorter or longer.
    pub jitter: f64,
    /// The part of requests, and again of replies, that are lost; the client learns of it after a round
    /// trip, as from a connection that is cut.
    pub loss: f64,
    /// The part of requests, and again of replies, that are late.
    pub late: f64,
    /// By how much.
    pub delay: Duration,
}

/// Clones are the same network.
#[derive(Clone)]
pub struct Network {
    inner: Arc<Inner>,
    /// The length of this way to the server, as a multiple of the usual one.
    distance: f64,
    /// Requests of those who share this counter.
    own: Arc<AtomicU32>,
}

struct Inner {
    weather: Weather,
    /// Versions are numbers; otherwise they tell nothing.
    numbered: bool,
    requests: AtomicU32,
    /// The version, which is the number of commits, and the document.
    document: Mutex<(u32, Vec<u8>)>,
}

impl Network {
    pub fn new(weather: Weather, numbered: bool) -> Self {
        let empty = serde_json::to_vec(&Ledger::default()).expect("a ledger is JSON");
        Self {
            inner: Arc::new(Inner {
                weather,
                numbered,
                requests: AtomicU32::new(0),
                document: Mutex::new((0, empty)),
            }),
            distance: 1.0,
            own: Arc::default(),
        }
    }

    /// The same network, for one writer whose requests are counted apart.
    pub fn counted(&self) -> Self {
        Self {
            own: Arc::default(),
            ..self.clone()
        }
    }

    /// The same network, for a writer that is nearer to the server or farther from it.
    pub fn at(&self, distance: f64) -> Self {
        Self {
            distance,
            ..self.clone()
        }
    }

    pub fn own_requests(&self) -> u32 {
        self.own.load(Ordering::Relaxed)
    }

    pub fn round_trip(&self) -> Duration {
        self.inner.weather.round_trip
    }

    pub fn requests(&self) -> u32 {
        self.inner.requests.load(Ordering::Relaxed)
    }

    pub fn ledger(&self) -> Ledger {
        let document = self.inner.document.lock().expect("no panic");
        serde_json::from_slice(&document.1).expect("only ledgers are stored")
    }

    /// One way.
    async fn travel(&self) {
        let weather = &self.inner.weather;
        let swing = 1.0 + weather.jitter * (2.0 * fastrand::f64() - 1.0);
        let late = fastrand::f64() < weather.late;
        let extra = if late { weather.delay } else { Duration::ZERO };
        tokio::time::sleep((weather.round_trip / 2).mul_f64(swing * self.distance) + extra).await;
    }

    fn lost(&self) -> bool {
        fastrand::f64() < self.inner.weather.loss
    }

    fn tag(&self, version: u32) -> HeaderValue {
        let tag = if self.inner.numbered {
            format!("\"{version}\"")
        } else {
            // An odd factor makes it one to one.
            format!("\"x{:08x}\"", version.wrapping_mul(0x9e37_79b1))
        };
        HeaderValue::from_str(&tag).expect("it is ASCII")
    }

    fn serve(&self, method: &Method, if_match: Option<&HeaderValue>, body: &[u8]) -> Response {
        let mut document = self.inner.document.lock().expect("no panic");
        let tagged = |version| HeaderMap::from_iter([(ETAG, self.tag(version))]);
        if method == Method::GET {
            return Response::new(StatusCode::OK, tagged(document.0), document.1.clone());
        }
        if if_match != Some(&self.tag(document.0)) {
            return Response::new(StatusCode::PRECONDITION_FAILED, HeaderMap::new(), "");
        }
        *document = (document.0 + 1, body.to_vec());
        Response::new(StatusCode::NO_CONTENT, tagged(document.0), "")
    }

    /// One request; `None`: it or its reply was lost.
    pub async fn exchange(
        &self,
        method: &Method,
        if_match: Option<&HeaderValue>,
        body: &[u8],
    ) -> Option<Response> {
        self.inner.requests.fetch_add(1, Ordering::Relaxed);
        self.own.fetch_add(1, Ordering::Relaxed);
        self.travel().await;
        let reply = (!self.lost()).then(|| self.serve(method, if_match, body));
        self.travel().await;
        reply.filter(|_| !self.lost())
    }
}

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let if_match = request.headers.get(IF_MATCH);
        self.exchange(&request.method, if_match, &request.body)
            .await
            .ok_or_else(|| TransportError::new(Fate::Unknown, "the connection was cut"))
    }
}
