//! Tower services and layers.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use ifmatch::transport::{
    Fate, Request, Response, ResponseBody, Tower, TransportError, TransportService,
};
use ifmatch::{Client, ErrorKind, Limits, Method, ThreeWay, Transport, Url, async_trait};
use tower::retry::Policy;
use tower::util::BoxCloneSyncService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

use crate::support::{ARTICLE, AT, Article, Event, Server, edit};

fn found(body: impl Into<String>) -> http::Response<String> {
    let reply = http::Response::builder()
        .header("etag", "\"1\"")
        .header("content-type", "application/json");
    reply.body(body.into()).unwrap()
}

#[tokio::test]
async fn a_service_gets_the_request_as_it_goes_on_the_wire() {
    let service = service_fn(|request: http::Request<Bytes>| async move {
        assert_eq!(request.uri(), "http://server.test/v1/articles/1");
        // "ann:se/cret", as RFC 7617 writes it.
        assert_eq!(request.headers()["authorization"], "Basic YW5uOnNlL2NyZXQ=");
        if request.method() == Method::GET {
            return Ok::<_, Infallible>(found(ARTICLE));
        }
        assert_eq!(request.headers()["if-match"], "\"1\"");
        let article: Article = serde_json::from_slice(request.body()).unwrap();
        assert_eq!(article.views, 2);
        Ok(http::Response::builder()
            .status(204)
            .body(String::new())
            .unwrap())
    });
    let client = Client::builder("http://ann:se%2Fcret@server.test/v1");
    let client = client.transport(Tower::new(service)).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles
        .update(1, |article| article.views += 1)
        .await
        .unwrap();
}

#[tokio::test]
async fn the_limits_of_bodies_hold() {
    for (status, is_too_large) in [(200, true), (400, false)] {
        let service = service_fn(move |_: http::Request<Bytes>| {
            let mut reply = found(" ".repeat(2000));
            *reply.status_mut() = http::StatusCode::from_u16(status).unwrap();
            ready(Ok::<_, Infallible>(reply))
        });
        let service = BoxCloneSyncService::new(service);
        let mut request = Request::new(Method::GET, Url::parse("http://h/").unwrap());
        (request.max_body, request.max_refusal_body) = (1000, 100);
        match Tower::new(service).send(request).await {
            Ok(reply) => assert_eq!((reply.body.len(), is_too_large), (100, false)),
            Err(error) => assert_eq!((error.fate, is_too_large), (Fate::TooLarge, true)),
        }
    }
}

#[tokio::test]
async fn the_limits_of_bodies_travel_through_layers() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().limits(Limits::default().body(10));
    let client = client.layer(|next| Tower::new(TransportService::new(next)));
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    let error = articles.get(1).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::TooLarge);
}

#[derive(Clone)]
struct Fails {
    ready: bool,
    with: fn() -> BoxError,
}

impl Service<http::Request<Bytes>> for Fails {
    type Response = http::Response<String>;
    type Error = BoxError;
    type Future = Ready<Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(if self.ready {
            Ok(())
        } else {
            Err((self.with)())
        })
    }

    fn call(&mut self, _: http::Request<Bytes>) -> Self::Future {
        assert!(self.ready, "a service that is not ready is not called");
        ready(Err((self.with)()))
    }
}

#[tokio::test]
async fn the_fate_of_a_request_is_unknown_unless_the_error_tells_it() {
    let other: fn() -> BoxError = || io::Error::other("why").into();
    let known: fn() -> BoxError = || TransportError::new(Fate::NotSent, "no route").into();
    let nested: fn() -> BoxError =
        || io::Error::other(TransportError::new(Fate::Impossible, "no way")).into();
    for (ready, with, fate, message) in [
        (true, other, Fate::Unknown, "the service failed"),
        (true, known, Fate::NotSent, "no route"),
        (
            false,
            other,
            Fate::NotSent,
            "the service does not get ready",
        ),
        (false, known, Fate::NotSent, "no route"),
    ] {
        let request = Request::new(Method::PUT, Url::parse("http://h/").unwrap());
        let error = Tower::new(Fails { ready, with }).send(request).await;
        let error = error.unwrap_err();
        assert_eq!((error.fate, error.to_string().as_str()), (fate, message));
    }
    let request = Request::new(Method::PUT, Url::parse("http://h/").unwrap());
    let with = nested;
    let error = Tower::new(Fails { ready: true, with }).send(request).await;
    // `io::Error::source` skips the error that it wraps, so the fate is not told here.
    assert_eq!(error.unwrap_err().fate, Fate::Unknown);
}

/// Counts how many requests are under way at the same time.
#[derive(Clone)]
struct Counts {
    next: Server,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl Transport for Counts {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let reply = self.next.send(request).await;
        self.now.fetch_sub(1, Ordering::Relaxed);
        reply
    }
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_limit_lets_so_many_through_and_all_arrive() {
    let server = Server::default();
    for id in 0..12 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
    }
    let counts = Counts {
        next: server.clone(),
        now: Arc::default(),
        most: Arc::default(),
    };
    let most = counts.most.clone();
    let client = Client::builder("http://server.test/v1").transport(counts);
    let client = client.layer(|next| {
        let limit = ServiceBuilder::new().concurrency_limit(3);
        Tower::new(limit.service(TransportService::new(next)))
    });
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    let updates = (0..12).map(|id| {
        let articles = articles.clone();
        tokio::spawn(async move { articles.update(id, edit).await })
    });
    for update in updates.collect::<Vec<_>>() {
        update.await.unwrap().unwrap();
    }
    assert_eq!(most.load(Ordering::Relaxed), 3);
    assert_eq!(server.applied(), 12);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_a_timeout_of_tower_cuts_is_settled() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().layer(|next| {
        let timeout = ServiceBuilder::new().timeout(Duration::from_millis(50));
        Tower::new(timeout.service(TransportService::new(next)))
    });
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    let mut article = articles.get(1).await.unwrap();
    article.title = "mine".into();
    server.script([Event::Hang]);
    let saved = articles.save(&article).await.unwrap();
    assert!(saved.report().settled && saved.report().elapsed < Duration::from_secs(1));
    assert_eq!(server.applied(), 1);
}

/// Sends every request again that failed, as often as it likes.
#[derive(Clone)]
struct Again;

type Outcome = Result<http::Response<ResponseBody>, TransportError>;

impl Policy<http::Request<Bytes>, http::Response<ResponseBody>, TransportError> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut http::Request<Bytes>, outcome: &mut Outcome) -> Option<Ready<()>> {
        // The error of the second one is the last.
        outcome
            .as_ref()
            .is_err_and(|error| !error.to_string().contains("second"))
            .then(|| ready(()))
    }

    fn clone_request(&mut self, request: &http::Request<Bytes>) -> Option<http::Request<Bytes>> {
        Some(request.clone())
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_layer_of_tower_does_not_send_a_write_twice() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().layer(|next| {
        let retry = ServiceBuilder::new().retry(Again);
        Tower::new(
            retry
                .service(TransportService::new(next))
                .map_err(BoxError::from),
        )
    });
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    server.script([Event::LoseReply]);
    let error = articles.update(1, |it| it.views += 1).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!((server.applied(), server.writes()), (1, 1));
}
