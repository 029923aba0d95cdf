//! Promise 4 for an overloaded server: it is spared, every caller gets a turn, and load returns once it recovers.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, Collection, ThreeWay, async_trait};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};

use crate::support::{ARTICLE, AT, Article, Event, Far, Server, given_back};

/// A server that is so far away, and answers 503 to everything until it is well.
#[derive(Clone)]
struct Ill {
    server: Server,
    trip: Duration,
    well_at: Instant,
    sent: Arc<Mutex<Vec<Instant>>>,
}

impl Ill {
    fn new(trip: Duration, ill_for: Duration) -> Self {
        let server = Server::default();
        for id in 0..100 {
            server.put(&format!("/v1/articles/{id}"), ARTICLE);
        }
        Self {
            server,
            trip,
            well_at: Instant::now() + ill_for,
            sent: Arc::default(),
        }
    }

    fn builder(&self) -> ClientBuilder {
        Client::builder("http://server.test/v1").transport(self.clone())
    }

    /// How many went out in the busiest time of this length.
    fn most_within(&self, time: Duration) -> usize {
        let sent = self.sent.lock().unwrap().clone();
        let within = |at: &Instant| sent.iter().filter(|s| *s >= at && **s < *at + time).count();
        sent.iter().map(within).max().unwrap_or_default()
    }
}

#[async_trait]
impl Transport for Ill {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.sent.lock().unwrap().push(Instant::now());
        sleep(self.trip).await;
        if Instant::now() < self.well_at {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(Response::new(status, HeaderMap::new(), "{}"));
        }
        self.server.send(request).await
    }
}

fn articles(client: ClientBuilder) -> Collection<Article> {
    let client = client.build().unwrap();
    client.collection_with("articles", ThreeWay::default())
}

/// Reads until the client knows that the server struggles.
async fn strained(articles: &Collection<Article>, reads: usize) {
    let mut tasks = JoinSet::new();
    for _ in 0..reads {
        tasks.spawn(articles.get(1).timeout(Duration::from_millis(900)));
    }
    for read in tasks.join_all().await {
        read.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_under_load_recovers_with_its_server() {
    let ill = Ill::new(Duration::from_millis(100), Duration::from_secs(60));
    let articles = articles(ill.builder());
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    // Twenty a second, each of a resource of its own, which the server carries easily as soon as it is well.
    for number in 0..20 * 300_u64 {
        ill.server.put(&format!("/v1/articles/{number}"), ARTICLE);
        let articles = articles.clone();
        tasks.spawn(async move {
            sleep_until(begun + Duration::from_millis(50 * number)).await;
            let saved = articles.update(number, |article| article.views += 1);
            saved.await.is_ok().then_some(number)
        });
    }
    let done = tasks.join_all().await.into_iter().flatten();
    // Of the last two minutes, which begin two minutes after the recovery.
    let late = done.filter(|number| *number >= 20 * 180).count();
    assert!(late > 20 * 120 * 9 / 10, "{late} of 2400");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_slowly_is_served_again_by_calls_that_have_little_time() {
    let ill = Ill::new(Duration::from_secs(3), Duration::from_secs(60));
    let articles = articles(ill.builder());
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for number in 0..1_000_u64 {
        let articles = articles.clone();
        tasks.spawn(async move {
            sleep_until(begun + Duration::from_millis(300 * number)).await;
            let read = articles.get(number % 100).timeout(Duration::from_secs(5));
            read.await.is_ok().then_some(number)
        });
    }
    let done = tasks.join_all().await.into_iter().flatten();
    let late = done.filter(|number| *number >= 500).count();
    assert!(late > 450, "{late} of 500");
}

/// A server that is well until it is told otherwise, and then answers 503 to everything.
#[derive(Clone)]
struct Failing(Server, Arc<AtomicBool>);

#[async_trait]
impl Transport for Failing {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if self.1.load(Ordering::SeqCst) {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(Response::new(status, HeaderMap::new(), "{}"));
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_in_doubt_that_is_held_back_is_told_as_unknown() {
    let server = Server::with(AT, ARTICLE);
    let failing = Failing(server.clone(), Arc::default());
    let articles = articles(server.builder().transport(failing.clone()));
    let mut article = articles.get(1).await.unwrap();
    article.views = 2;
    failing.1.store(true, Ordering::SeqCst);
    strained(&articles, 40).await;
    // Its PUT is answered 503, which may have been applied; there is no time for the read that would tell.
    let save = articles
        .save(&article)
        .timeout(Duration::from_millis(1_500));
    let error = save.await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    assert_eq!(given_back(&error), "old");
    assert!(
        error.report().waited > Duration::from_millis(500),
        "{error:?}"
    );
}

/// Answers 503 to whatever is asked of one resource, and the others as usual, ten milliseconds away.
#[derive(Clone)]
struct OneBroken(Far);

#[async_trait]
impl Transport for OneBroken {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let broken = request.url.path().ends_with("/broken");
        let reply = self.0.send(request).await?;
        if broken {
            let status = StatusCode::SERVICE_UNAVAILABLE;
            return Ok(Response::new(status, HeaderMap::new(), "{}"));
        }
        Ok(reply)
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_always_refused_does_not_hold_up_the_others() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(server.builder().transport(OneBroken(Far(server.clone()))));
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for number in 0..600 {
        let articles = articles.clone();
        tasks.spawn(async move {
            sleep_until(begun + Duration::from_millis(100 * number)).await;
            let begun = Instant::now();
            if number % 5 == 0 {
                articles.get("broken").await.unwrap_err();
                return Duration::ZERO;
            }
            articles.get(1).await.unwrap();
            begun.elapsed()
        });
    }
    let slowest = tasks.join_all().await.into_iter().max().unwrap();
    assert!(slowest < Duration::from_millis(100), "{slowest:?}");
}

#[tokio::test(start_paused = true)]
async fn those_held_back_from_a_struggling_server_keep_to_the_rate_afterwards() {
    let ill = Ill::new(Duration::from_millis(1), Duration::from_secs(15));
    let client = ill.builder().rate_limit(10, Duration::from_secs(1));
    let articles = articles(client);
    let (begun, mut tasks) = (Instant::now(), JoinSet::new());
    for number in 0..150_u64 {
        let articles = articles.clone();
        tasks.spawn(async move {
            sleep_until(begun + Duration::from_millis(100 * number)).await;
            articles.get(number % 100).await
        });
    }
    tasks.join_all().await;
    // Ten at once after a rest and ten evenly spaced ones is the most that there can be.
    let most = ill.most_within(Duration::from_secs(1));
    assert!(most <= 20, "{most} requests within a second");
}

#[tokio::test(start_paused = true)]
async fn those_held_back_by_retry_after_keep_to_the_rate_afterwards() {
    let ill = Ill::new(Duration::from_millis(1), Duration::ZERO);
    let client = ill.builder().rate_limit(10, Duration::from_secs(1));
    let articles = articles(client);
    let wait = Event::Answer(429, &[("retry-after", "12")], "");
    ill.server.script([wait]);
    let mut tasks = JoinSet::new();
    for number in 0..110_u64 {
        tasks.spawn(articles.get(number % 100));
    }
    tasks.join_all().await;
    let most = ill.most_within(Duration::from_secs(1));
    assert!(most <= 20, "{most} requests within a second");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ends_while_it_is_held_back_tells_how_long_it_waited() {
    let ill = Ill::new(Duration::from_millis(1), Duration::from_secs(3600));
    let articles = articles(ill.builder());
    strained(&articles, 40).await;
    let mut tasks = JoinSet::new();
    for _ in 0..40 {
        tasks.spawn(articles.get(1).timeout(Duration::from_secs(20)));
    }
    sleep(Duration::from_secs(1)).await;
    let update = articles.update(2, |article| article.views += 1);
    let error = update.timeout(Duration::from_secs(5)).await.unwrap_err();
    let report = error.report();
    // It has done nothing but wait.
    assert_eq!(report.last_status, None, "{error:?}");
    assert!(report.elapsed >= Duration::from_secs(4), "{report:?}");
    assert!(report.waited >= Duration::from_secs(4), "{report:?}");
}

/// Every fifth of so many requests is answered as usual, the others with 503.
fn struggling(requests: usize) -> impl Iterator<Item = Event> {
    (1..=requests).map(|number| match number % 5 {
        0 => Event::Plain,
        _ => Event::Answer(503, &[], "{\"title\":\"too much to do\"}"),
    })
}

#[tokio::test(start_paused = true)]
async fn a_struggling_server_gets_one_request_after_another_and_all_edits_once_it_recovers() {
    let server = Server::default();
    let articles = articles(server.builder().transport(Far(server.clone())));
    let mut tasks = JoinSet::new();
    for id in 0..100 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
        let articles = articles.clone();
        tasks.spawn(async move { articles.update(id, |article| article.views += 1).await });
    }
    server.script(struggling(130));
    tokio::time::sleep(Duration::from_secs(1)).await;
    // All hundred at once, and hardly one of them again.
    let sent = server.seen().len();
    assert!((100..130).contains(&sent), "{sent} requests at first");
    let mut longest = Duration::ZERO;
    while let Some(saved) = tasks.join_next().await {
        longest = longest.max(saved.unwrap().unwrap().report().waited);
    }
    assert!(longest > Duration::from_secs(2), "{longest:?}");
    assert_eq!(server.applied(), 100);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_the_time_to_wait_for_a_struggling_server_sends_nothing_and_says_why() {
    let ill = Ill::new(Duration::from_millis(1), Duration::from_secs(3600));
    let articles = articles(ill.builder());
    strained(&articles, 40).await;
    let (begun, sent) = (Instant::now(), ill.sent.lock().unwrap().len());
    let update = articles.update(2, |article| article.views += 1);
    let error = update.timeout(Duration::from_millis(50)).await.unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    assert!(
        error.to_string().contains("refuses most requests"),
        "{error}"
    );
    assert!(begun.elapsed() <= Duration::from_millis(50));
    assert_eq!(
        (error.report().requests, ill.sent.lock().unwrap().len()),
        (0, sent)
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_not_polled_holds_nobody_up_at_a_struggling_server() {
    let ill = Ill::new(Duration::from_millis(1), Duration::from_secs(1));
    let articles = articles(ill.builder());
    strained(&articles, 40).await;
    let mut not_polled = pin!(articles.get(1));
    tokio::select! {
        biased;
        _ = &mut not_polled => panic!("the server struggles"),
        () = std::future::ready(()) => {}
    }
    let begun = Instant::now();
    articles.get(2).await.unwrap();
    assert!(
        begun.elapsed() <= Duration::from_secs(3),
        "{:?}",
        begun.elapsed()
    );
    not_polled.await.unwrap();
}
