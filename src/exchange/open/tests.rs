//! What holds for a call whose response is read as it arrives.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderValue, Method};

use super::*;
use crate::BoxError;
use crate::exchange::transport::{Chunks, Fate, layered};
use crate::exchange::{AttemptSeen, Authenticator, RequestPurpose, RequestStats, Watch, Watched};
use crate::retry::{BlockedBy, Limits, Rate, RetryPolicy, ServerState, WaitReason};
use crate::store::{CredentialsDigest, Secret};

type Failed = Box<dyn std::error::Error>;

const SECOND: Duration = Duration::from_secs(1);

/// The body of a scripted response. It goes on for ever after its chunks, unless it ends.
struct Script {
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
struct Head {
    status: u16,
    headers: &'static [(&'static str, &'static str)],
    after: Duration,
    body: &'static [&'static str],
    ends: bool,
}

const STREAM: Head = Head {
    status: 200,
    headers: &[("content-type", "text/event-stream")],
    after: Duration::ZERO,
    body: &["data: 1\n\n"],
    ends: false,
};

fn refusal(status: u16) -> Head {
    Head {
        status,
        headers: &[],
        body: &["no"],
        ends: true,
        ..STREAM
    }
}

fn moved(headers: &'static [(&'static str, &'static str)]) -> Head {
    Head {
        headers,
        ..refusal(307)
    }
}

/// A server that answers by a script, and keeps the requests.
#[derive(Default)]
struct Server {
    heads: Mutex<VecDeque<Head>>,
    seen: Mutex<Vec<Request>>,
    open: Arc<AtomicU32>,
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
struct Keys(AtomicU32);

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
struct Log(Mutex<Vec<String>>);

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

struct Bench {
    server: Arc<Server>,
    exchange: Exchange,
    log: Log,
    call: Call,
    home: Url,
    head_time: Duration,
    time: Duration,
    elsewhere: Vec<Origin>,
}

impl Bench {
    fn new(heads: impl IntoIterator<Item = Head>) -> Result<Self, Failed> {
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

    async fn open(&self) -> Result<Opened, NoResponse> {
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

    async fn refused(&self) -> Result<Response, Failed> {
        match self.open().await {
            Ok(Opened::Refused(reply)) => Ok(reply),
            other => Err(format!("{other:?}").into()),
        }
    }

    async fn stream(&self) -> Result<Streaming, Failed> {
        match self.open().await {
            Ok(Opened::Stream(stream)) => Ok(stream),
            other => Err(format!("{other:?}").into()),
        }
    }

    async fn lost(&self) -> Result<TransportError, Failed> {
        match self.open().await {
            Err(NoResponse::Transport(error)) => Ok(error),
            other => Err(format!("{other:?}").into()),
        }
    }

    /// The requests that arrived, each with the values of these headers.
    fn requests(&self, names: &[&str]) -> Vec<String> {
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

#[tokio::test(start_paused = true)]
async fn a_stream_is_opened_with_the_headers_and_credentials_of_every_request() -> Result<(), Failed>
{
    let bench = Bench::new([STREAM])?;
    let mut stream = bench.stream().await?;
    assert_eq!(stream.next().await?.as_deref(), Some(&b"data: 1\n\n"[..]));
    let names = ["authorization", "x-key", "x-mine", "last-event-id"];
    assert_eq!(
        bench.requests(&names),
        ["http://api.test/feed?token=t key 0 default own 7"]
    );
    assert!(
        stream
            .origin
            .credentials
            .is_some_and(|whose| whose != CredentialsDigest::ANONYMOUS)
    );
    assert!(stream.origin.is_storable);
    assert_eq!(*bench.log.0.lock().map_err(|_| "poisoned")?, ["200 None 0"]);
    drop(stream);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn credentials_are_renewed_once_and_then_the_refusal_is_returned() -> Result<(), Failed> {
    let bench = Bench::new([refusal(401), STREAM])?;
    drop(bench.stream().await?);
    let bench = Bench::new([refusal(401), refusal(401), STREAM])?;
    assert_eq!(bench.refused().await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        bench.requests(&["authorization"]),
        [
            "http://api.test/feed?token=t key 0",
            "http://api.test/feed?token=t key 1"
        ]
    );
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_redirect_is_followed_within_the_origin_and_no_further() -> Result<(), Failed> {
    let bench = Bench::new([moved(&[("location", "/other")]), STREAM])?;
    drop(bench.stream().await?);
    let requests = bench.requests(&["authorization"]);
    assert_eq!(requests[1], "http://api.test/other?token=t key 0");

    let bench = Bench::new([moved(&[("location", "http://far.test/feed")]), STREAM])?;
    let reply = bench.refused().await?;
    assert_eq!(reply.status, StatusCode::TEMPORARY_REDIRECT);
    assert_eq!(bench.requests(&[]).len(), 1);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn another_origin_that_is_allowed_gets_no_credentials() -> Result<(), Failed> {
    let far = moved(&[("location", "http://u:p@far.test/feed?ns=1")]);
    let on = moved(&[("location", "/on")]);
    let home = moved(&[("location", "http://api.test/private")]);
    let mut bench = Bench::new([far.clone(), on, STREAM, far, home, refusal(401)])?;
    bench
        .elsewhere
        .push(Url::parse("http://far.test")?.origin());
    let stream = bench.stream().await?;
    assert!(stream.origin.credentials == Some(CredentialsDigest::ANONYMOUS));
    // The other origin does not choose what is asked of the API with its credentials.
    assert_eq!(
        bench.refused().await?.status,
        StatusCode::TEMPORARY_REDIRECT
    );
    let names = ["authorization", "x-key", "x-mine", "last-event-id"];
    let (api, far) = ("http://api.test/feed?token=t", "http://far.test");
    let (kept, left_out) = ("key 0 default own 7", "- - - 7");
    assert_eq!(
        bench.requests(&names),
        [
            format!("{api} {kept}"),
            format!("{far}/feed?ns=1 {left_out}"),
            format!("{far}/on {left_out}"),
            format!("{api} {kept}"),
            format!("{far}/feed?ns=1 {left_out}"),
        ]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_feed_on_another_origin_has_to_be_allowed_and_renews_no_credentials() -> Result<(), Failed>
{
    let mut bench = Bench::new([refusal(401)])?;
    bench.call.url = Url::parse("http://far.test/feed")?;
    assert_eq!(bench.lost().await?.fate, Fate::Impossible);
    assert_eq!(bench.requests(&[]).len(), 0);
    bench.elsewhere.push(bench.call.url.origin());
    assert_eq!(bench.refused().await?.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        bench.requests(&["authorization"]),
        ["http://far.test/feed -"]
    );
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_read_within_its_limits_and_the_connection_closed() -> Result<(), Failed> {
    let problem = Head {
        body: &["12", "34567"],
        ..refusal(410)
    };
    let endless = Head {
        body: &["1"],
        ends: false,
        ..refusal(503)
    };
    let bench = Bench::new([problem, endless])?;
    let reply = bench.refused().await?;
    assert_eq!(
        (reply.status.as_u16(), &reply.body[..]),
        (410, &b"12345"[..])
    );
    let begun = Instant::now();
    let reply = bench.refused().await?;
    assert_eq!((reply.status.as_u16(), &reply.body[..]), (503, &b"1"[..]));
    assert_eq!(begun.elapsed(), bench.head_time);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 0);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_comes_late_is_no_overload_and_no_round_trip() -> Result<(), Failed> {
    let never = Head {
        after: Duration::from_secs(3600),
        ..STREAM
    };
    let late = Head {
        after: 40 * SECOND,
        ..STREAM
    };
    let heads = std::iter::repeat_n(never, 100).chain([late]);
    let bench = Bench::new(heads)?;
    for _ in 0..100 {
        let begun = Instant::now();
        let error = bench.lost().await?;
        assert_eq!(
            (error.fate, begun.elapsed()),
            (Fate::Unknown, bench.head_time)
        );
    }
    drop(bench.stream().await?);
    assert_eq!(bench.exchange.server.round_trip(), None);
    assert!(bench.exchange.server.pass(Instant::now(), None).is_ok());
    let lines = bench.log.0.lock().map_err(|_| "poisoned")?;
    assert_eq!(lines[99..], ["0 Some(\"no_response\") 45", "200 None 40"]);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn servers_that_refuse_streams_because_of_overload_are_spared() -> Result<(), Failed> {
    let bench = Bench::new(std::iter::repeat_n(refusal(503), 100))?;
    let mut held = None;
    for _ in 0..100 {
        drop(bench.refused().await?);
        held = bench.exchange.server.pass(Instant::now(), None).err();
    }
    assert!(matches!(held, Some(BlockedBy::Overload(_))), "{held:?}");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_goes_on_takes_no_place_from_others() -> Result<(), Failed> {
    let mut bench = Bench::new(std::iter::repeat_n(STREAM, 20))?;
    let rate = Rate::new(1, SECOND);
    bench.exchange.server = ServerState::new(&RetryPolicy::default(), Some(rate));
    let (begun, mut streams) = (Instant::now(), Vec::new());
    for _ in 0..20 {
        streams.push(bench.stream().await?);
    }
    // Each opening took one place of the rate, and no more.
    assert_eq!(begun.elapsed(), 19 * SECOND);
    assert_eq!(bench.server.open.load(Ordering::Relaxed), 20);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_with_the_head() -> Result<(), Failed> {
    let slow = Head {
        after: 2 * SECOND,
        ..STREAM
    };
    let mut bench = Bench::new([slow.clone(), slow])?;
    bench.time = SECOND;
    let begun = Instant::now();
    assert_eq!(bench.lost().await?.fate, Fate::Unknown);
    assert_eq!(begun.elapsed(), SECOND);
    bench.time = 3 * SECOND;
    let mut stream = bench.stream().await?;
    assert!(stream.next().await?.is_some());
    let next = tokio::time::timeout(3600 * SECOND, stream.next()).await;
    assert!(next.is_err(), "{next:?}");
    Ok(())
}

/// A layer that streams, and adds a header to what it sees.
struct Signs(Arc<dyn Transport>);

#[async_trait]
impl Transport for Signs {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn open(&self, mut request: Request) -> Result<Streaming, TransportError> {
        request
            .headers
            .insert("x-signed", HeaderValue::from_static("yes"));
        self.0.open(request).await
    }
}

/// A layer that was written without streams in mind.
struct OnlySends(Arc<dyn Transport>);

#[async_trait]
impl Transport for OnlySends {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_all_layers_or_is_not_opened() -> Result<(), Failed> {
    let mut bench = Bench::new([STREAM])?;
    let server: Arc<dyn Transport> = bench.server.clone();
    bench.exchange.transport =
        layered(server.clone(), vec![Box::new(|next| Arc::new(Signs(next)))]);
    drop(bench.stream().await?);
    assert_eq!(
        bench.requests(&["x-signed"]),
        ["http://api.test/feed?token=t yes"]
    );
    // A layer that would not see the request, and so could not sign it, is never left out.
    bench.exchange.transport = layered(server, vec![Box::new(|next| Arc::new(OnlySends(next)))]);
    assert_eq!(bench.lost().await?.fate, Fate::Unsupported);
    assert_eq!(bench.requests(&[]).len(), 1);
    Ok(())
}

/// A layer that sends each request twice.
struct Doubles(Arc<dyn Transport>);

#[async_trait]
impl Transport for Doubles {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        drop(self.0.open(request.clone()).await?);
        self.0.open(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_open_a_read_twice_and_a_write_once() -> Result<(), Failed> {
    for (method, requests) in [(Method::GET, 2), (Method::POST, 1)] {
        let mut bench = Bench::new([STREAM, STREAM])?;
        bench.call.method = method;
        let server: Arc<dyn Transport> = bench.server.clone();
        bench.exchange.transport = layered(server, vec![Box::new(|next| Arc::new(Doubles(next)))]);
        assert_eq!(bench.open().await.is_ok(), requests == 2);
        assert_eq!(bench.requests(&[]).len(), requests);
    }
    Ok(())
}
