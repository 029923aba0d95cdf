//! A server that answers by a script, and an exchange in front of it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};

use super::*;

/// The body of a scripted response. It goes on for ever after its chunks, unless it ends.
pub(super) struct Script {
    chunks: VecDeque<Bytes>,
    ends: bool,
    open: Arc<AtomicU32>,
}

#[async_trait]
impl Chunks for Script {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        match self.chunks.pop_front() {
            None if !self.ends => std::future::pending().await,
            chunk => Ok(chunk),
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A head, the time until it comes, and a body.
#[derive(Clone)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: &'static [(&'static str, &'static str)],
    pub(super) after: Duration,
    pub(super) body: &'static [&'static str],
    pub(super) ends: bool,
}

pub(super) const STREAM: Head = Head {
    status: 200,
    headers: &[("content-type", "text/event-stream")],
    after: Duration::ZERO,
    body: &["data: 1\n\n"],
    ends: false,
};

pub(super) fn refusal(status: u16) -> Head {
    Head {
        status,
        headers: &[],
        body: &["no"],
        ends: true,
        ..STREAM
    }
}

pub(super) fn moved(headers: &'static [(&'static str, &'static str)]) -> Head {
    Head {
        headers,
        ..refusal(307)
    }
}

/// A server that answers by a script, and keeps the requests.
#[derive(Default)]
pub(super) struct Server {
    pub(super) heads: Mutex<VecDeque<Head>>,
    pub(super) seen: Mutex<Vec<Request>>,
    pub(super) open: Arc<AtomicU32>,
}

#[async_trait]
impl Transport for Server {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        Ok(Response::new(StatusCode::OK, HeaderMap::new(), ""))
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        if let Ok(mut seen) = self.seen.lock() {
            seen.push(request);
        }
        let head = self
            .heads
            .lock()
            .ok()
            .and_then(|mut heads| heads.pop_front());
        let Some(head) = head else {
            return Err(TransportError::new(Fate::NotSent, "nothing is scripted"));
        };
        tokio::time::sleep(head.after).await;
        let pairs = head.headers.iter();
        let headers = pairs.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        self.open.fetch_add(1, Ordering::Relaxed);
        let body = Script {
            chunks: head.body.iter().map(|chunk| Bytes::from(*chunk)).collect(),
            ends: head.ends,
            open: self.open.clone(),
        };
        let status = StatusCode::from_u16(head.status).unwrap_or_default();
        Ok(Streaming::new(status, headers.collect(), Box::new(body)))
    }
}

/// Adds `key N`, where N counts the renewals.
#[derive(Default)]
pub(super) struct Keys(AtomicU32);

#[async_trait]
impl Authenticator for Keys {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let key = format!("key {}", self.0.load(Ordering::Relaxed));
        headers.insert(AUTHORIZATION, HeaderValue::from_str(&key)?);
        Ok(())
    }

    async fn renew(&self) -> Result<bool, BoxError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(true)
    }
}

/// Keeps the lines about the requests of a call.
#[derive(Default)]
pub(super) struct Log(pub(super) Mutex<Vec<String>>);

impl Watch for Log {
    fn template(&self) -> &'static str {
        "/feed"
    }

    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        let status = attempt.status.map_or(0, |status| status.as_u16());
        let line = format!("{status} {:?} {}", attempt.failure, attempt.took.as_secs());
        if let Ok(mut lines) = self.0.lock() {
            lines.push(line);
        }
    }

    fn waited(&self, _: WaitReason, _: Duration) {}
}

pub(super) struct Bench {
    pub(super) server: Arc<Server>,
    pub(super) exchange: Exchange,
    pub(super) log: Log,
    pub(super) call: Call,
    pub(super) home: Url,
    pub(super) head_time: Duration,
    pub(super) time: Duration,
    pub(super) elsewhere: Vec<Origin>,
}

impl Bench {
    pub(super) fn new(heads: impl IntoIterator<Item = Head>) -> Result<Self, Failed> {
        let server = Arc::new(Server::default());
        server.heads.lock().map_err(|_| "poisoned")?.extend(heads);
        let rate = Rate::new(100, Duration::from_secs(1));
        let default = [("x-key", "default"), ("x-mine", "default")];
        let default = default.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        let own = [
            ("accept", "text/event-stream"),
            ("x-mine", "own"),
            ("last-event-id", "7"),
        ];
        let own = own.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        Ok(Self {
            exchange: Exchange {
                translation: None,
                transport: server.clone(),
                authenticator: Some(Arc::new(Keys::default())),
                server: ServerState::new(&RetryPolicy::default(), Some(rate)),
                limits: Limits::default().refusal_body(5),
                headers: HeaderMap::from_iter(default),
                secret: Secret::random()?,
            },
            server,
            log: Log::default(),
            call: Call {
                method: Method::GET,
                url: Url::parse("http://api.test/feed?token=t")?,
                headers: HeaderMap::from_iter(own),
                body: Bytes::new(),
            },
            home: Url::parse("http://api.test/v1")?,
            head_time: 45 * SECOND,
            time: 90 * SECOND,
            elsewhere: Vec::new(),
        })
    }

    pub(super) async fn open(&self) -> Result<Opened, NoResponse> {
        let opening = Opening {
            call: &self.call,
            head_time: self.head_time,
            home: &self.home,
            elsewhere: &self.elsewhere,
        };
        let context = RequestContext {
            deadline: Instant::now() + self.time,
            stats: &mut RequestStats::default(),
            whose: None,
            sent: &mut || Ok(()),
            watched: Watched {
                watch: &self.log,
                purpose: RequestPurpose::Read,
                resends: 0,
            },
        };
        self.exchange.open(opening, context).await
    }

    pub(super) async fn refused(&self) -> Result<Response, Failed> {
        match self.open().await {
            Ok(Opened::Refused(reply)) => Ok(reply),
            other => Err(format!("{other:?}").into()),
        }
    }

    pub(super) async fn stream(&self) -> Result<Streaming, Failed> {
        match self.open().await {
            Ok(Opened::Stream(stream)) => Ok(stream),
            other => Err(format!("{other:?}").into()),
        }
    }

    pub(super) async fn lost(&self) -> Result<TransportError, Failed> {
        match self.open().await {
            Err(NoResponse::Transport(error)) => Ok(error),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// The requests that arrived, each with the values of these headers.
    pub(super) fn requests(&self, names: &[&str]) -> Vec<String> {
        let seen = self.server.seen.lock();
        let seen = seen.iter().flat_map(|seen| seen.iter());
        let line = |request: &Request| {
            let values = names.iter().map(|name| request.headers.get(*name));
            let values = values.map(|value| value.and_then(|value| value.to_str().ok()));
            let values: Vec<_> = values.map(|value| value.unwrap_or("-")).collect();
            format!("{} {}", request.url, values.join(" "))
        };
        seen.map(line).collect()
    }
}
