//! Promise 4: a server without remaining quota gets no requests, and neither does one that the user's rate protects.

use std::time::Duration;

use ifmatch::{Collection, Resource, ThreeWay};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::support::{ARTICLE, AT, Article, Event, Server, articles};

type Headers = &'static [(&'static str, &'static str)];

/// A read that tells of a quota, then an update of what was read; how long the update was held back.
async fn held_back(headers: Headers) -> Duration {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(200, headers, ARTICLE)]);
    let articles = articles(&server);
    articles.get(1).await.unwrap();
    let begun = Instant::now();
    let saved = articles.update(1, |article| article.views = 2).await;
    let waited = saved.unwrap().report().waited;
    assert_eq!(begun.elapsed(), waited);
    waited
}

#[tokio::test(start_paused = true)]
async fn a_quota_that_is_used_up_holds_requests_back_until_there_is_more() {
    let seconds = Duration::from_secs;
    for (headers, waited) in [
        (
            &[("etag", "\"1\""), ("ratelimit", "\"default\";r=0;t=7")] as Headers,
            seconds(7),
        ),
        (
            &[
                ("etag", "\"1\""),
                ("ratelimit", "\"burst\";r=0"),
                ("ratelimit-policy", "\"burst\";q=10;w=9"),
            ],
            seconds(9),
        ),
        (
            &[
                ("etag", "\"1\""),
                ("ratelimit-remaining", "0"),
                ("ratelimit-reset", "5"),
            ],
            seconds(5),
        ),
        (
            &[
                ("etag", "\"1\""),
                ("date", "Tue, 14 Nov 2023 22:13:20 GMT"),
                ("x-ratelimit-remaining", "0"),
                ("x-ratelimit-reset", "1700000004"),
            ],
            seconds(4),
        ),
        // Room is left; nothing is to be understood; nobody waits for that long without being told to.
        (
            &[("etag", "\"1\""), ("ratelimit", "\"default\";r=1;t=7")],
            seconds(0),
        ),
        (
            &[("etag", "\"1\""), ("ratelimit", "\"default\";r=0;t=soon")],
            seconds(0),
        ),
        (
            &[("etag", "\"1\""), ("ratelimit", "\"day\";r=0;t=80000")],
            seconds(0),
        ),
    ] {
        assert_eq!(held_back(headers).await, waited, "{headers:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_outranks_the_quota() {
    let server = Server::with(AT, ARTICLE);
    let headers = &[("retry-after", "2"), ("ratelimit", "\"default\";r=0;t=20")];
    server.script([Event::Plain, Event::Answer(429, headers, "")]);
    let saved = articles(&server).update(1, |article| article.views = 2);
    assert_eq!(saved.await.unwrap().report().waited, Duration::from_secs(2));
}

/// How long after the beginning each of so many updates of different resources was done.
async fn done_after(articles: &Collection<Article>, updates: usize) -> Vec<u128> {
    let (mut tasks, begun) = (JoinSet::new(), Instant::now());
    for id in 1..=updates {
        let update = articles.update(id, |article| article.views += 1);
        tasks.spawn(async move {
            update.await.unwrap();
            begun.elapsed().as_millis()
        });
    }
    let mut times = tasks.join_all().await;
    times.sort_unstable();
    times
}

/// Resources 1 to 9, all in the store of the client.
async fn known(server: &Server, articles: &Collection<Article>) {
    for id in 1..=9 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
        articles.get(id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_requests_go_out_at_once_than_the_quota_has_left() {
    let server = Server::default();
    let articles = articles(&server);
    known(&server, &articles).await;
    let headers = &[("etag", "\"9\""), ("ratelimit", "\"default\";r=2;t=6")];
    server.script([Event::Answer(200, headers, ARTICLE)]);
    articles.get(9).await.unwrap();
    assert_eq!(done_after(&articles, 5).await, [0, 0, 6000, 6000, 6000]);
}

/// A client of ten requests in ten seconds, nine of which were just used.
async fn at_a_rate(server: &Server) -> Collection<Article> {
    let client = server.builder().rate_limit(10, Duration::from_secs(10));
    let client = client.build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    known(server, &articles).await;
    articles
}

#[tokio::test(start_paused = true)]
async fn requests_keep_to_the_rate_that_the_user_sets_and_clones_share_it() {
    let server = Server::default();
    let articles = at_a_rate(&server).await;
    assert_eq!(
        done_after(&articles.clone(), 4).await,
        [0, 1000, 2000, 3000]
    );
    let last = articles.update(5, |article| article.views += 1);
    assert_eq!(last.await.unwrap().report().waited, Duration::from_secs(1));
    assert_eq!(server.seen().len(), 9 + 5);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_call_leaves_its_place_in_the_rate_to_others() {
    let server = Server::default();
    let articles = at_a_rate(&server).await;
    articles.get(1).await.unwrap();
    let soon = Duration::from_millis(100);
    let read = tokio::time::timeout(soon, articles.get(2)).await;
    let write = articles.update(3, |article| article.views = 2);
    let write = tokio::time::timeout(soon, write).await;
    assert!(read.is_err() && write.is_err());
    let begun = Instant::now();
    articles.get(4).await.unwrap();
    assert_eq!(begun.elapsed(), Duration::from_millis(800));
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(server.seen().len(), 9 + 2);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_the_rate_would_hold_back_beyond_its_time_ends_at_once_and_says_so() {
    let server = Server::default();
    let client = server.builder().rate_limit(1, Duration::from_secs(60));
    let client = client.build().unwrap();
    server.put("/v1/article", ARTICLE);
    let article: Resource<Article> = client.resource_with("article", ThreeWay::default());
    article.get().await.unwrap();
    let begun = Instant::now();
    let read = article.get().await.unwrap_err();
    let write = article.update(|article| article.views = 2).await;
    for error in [read, write.unwrap_err()] {
        assert!(error.is_exhausted(), "{error:?}");
        assert!(error.to_string().contains("this client's rate"), "{error}");
        assert_eq!(error.report().retry_after, None);
    }
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_busy_is_given_time_even_if_the_clock_measured_no_round_trip() {
    let server = ifmatch::testing::ResourceServer::start().await;
    server.put("/notes/1", r#"{"n": 1}"#);
    let notes = server.in_process().build().unwrap();
    let notes = notes.collection::<serde_json::Value>("notes");
    notes.get(1).await.unwrap();
    for _ in 0..10 {
        let busy = ifmatch::testing::Reply::new(429);
        server.next_write(ifmatch::testing::Step::new().answer(busy));
    }
    let saved = notes.update(1, |note| note["n"] = 2.into()).await.unwrap();
    let waited = saved.report().waited;
    assert!(waited > std::time::Duration::from_millis(10), "{waited:?}");
}
