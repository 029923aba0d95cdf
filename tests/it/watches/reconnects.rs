//! Connections that break, are refused or are silent.

use std::time::Duration;

use http::HeaderMap;
use ifmatch::{Authenticator, BoxError, Client, ErrorKind, Generic, async_trait};
use serde_json::Value;
use tokio::time::Instant;

use super::feed_server::{FeedServer, Opening};
use super::{next, until, within};

#[tokio::test(start_paused = true)]
async fn an_event_that_was_cut_is_dropped_and_the_feed_resumes_after_the_last_whole_one() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("a", 1);
    next(&mut watch).await;
    server.say("id: 2\nevent: put\ndata: {\"id\": \"b\"");
    server.cut();
    server.put("b", 1);
    assert_eq!(next(&mut watch).await, "b=1");
    let resumed = server.state().opened[1].0.clone();
    assert_eq!(resumed.as_deref(), Some("1"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_is_cut_in_an_event_loses_nothing() {
    let server = FeedServer::new();
    for bytes in 1..120 {
        server.next_opening(Opening::CutAfter(bytes));
    }
    server.put("a", 1);
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("b", 1);
    server.put("a", 2);
    let seen = within(&mut watch, Duration::from_secs(3_000)).await;
    let last = |id: &str| seen.iter().rfind(|seen| seen.starts_with(id)).cloned();
    assert_eq!(last("a=").as_deref(), Some("a=2"), "{seen:?}");
    assert_eq!(last("b=").as_deref(), Some("b=1"), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_connection_is_left_after_the_idle_time() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    let since = Instant::now();
    within(&mut watch, Duration::from_secs(60)).await;
    let opened = server.state().opened[1].1 - since;
    assert!((45..=47).contains(&opened.as_secs()), "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_follows_the_heartbeat() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    let beats = async {
        for _ in 0..4 {
            tokio::time::sleep(Duration::from_secs(4)).await;
            server.say(": ping\n\n");
        }
        Instant::now()
    };
    let (_, last_beat) = tokio::join!(within(&mut watch, Duration::from_secs(40)), beats);
    let opened = server.state().opened[1].1 - last_beat;
    assert!((12..=14).contains(&opened.as_secs()), "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn the_idle_time_can_be_set() {
    let server = FeedServer::new();
    let articles = server.articles();
    let mut watch = articles
        .watch()
        .idle_timeout(Duration::from_secs(5))
        .await
        .unwrap();
    until(&mut watch, "caught up").await;
    within(&mut watch, Duration::from_secs(9)).await;
    assert_eq!(server.state().opened.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn after_three_openings_without_a_sign_of_life_the_collection_is_polled() {
    let server = FeedServer::new();
    server.put("a", 1);
    for _ in 0..4 {
        server.next_opening(Opening::Silent);
    }
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    within(&mut watch, Duration::from_secs(300)).await;
    assert!(watch.has_fallen_back());
    assert_eq!(server.state().opened.len(), 3);
    server.put("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_comes_is_silence_too() {
    let server = FeedServer::new();
    for _ in 0..4 {
        server.next_opening(Opening::NoHead);
    }
    server.put("a", 1);
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    assert!(watch.has_fallen_back());
}

#[tokio::test(start_paused = true)]
async fn openings_that_fail_back_off_and_heed_retry_after() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    for _ in 0..5 {
        server.next_opening(Opening::Status(503, &[]));
    }
    server.next_opening(Opening::Status(429, &[("retry-after", "120")]));
    server.cut();
    within(&mut watch, Duration::from_secs(400)).await;
    let state = server.state();
    let waits: Vec<u64> = state
        .opened
        .windows(2)
        .map(|two| (two[1].1 - two[0].1).as_secs())
        .collect();
    assert!(waits[1..].iter().all(|wait| *wait >= 1), "{waits:?}");
    assert!(waits[6] >= 120, "{waits:?}");
    assert!(waits[2] <= 4 && waits[4] <= 16, "{waits:?}");
}

#[tokio::test(start_paused = true)]
async fn the_feed_can_ask_for_a_wait_before_each_reconnect() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.say("retry: 20000\ndata: {\"id\": \"x\"}\n\n");
    assert_eq!(next(&mut watch).await, "x gone");
    let since = Instant::now();
    server.cut();
    within(&mut watch, Duration::from_secs(30)).await;
    let opened = server.state().opened[1].1 - since;
    assert!((20..=21).contains(&opened.as_secs()), "{opened:?}");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_is_refused_for_good_ends_the_watch_with_its_problem() {
    for status in [204, 400, 403, 404] {
        let server = FeedServer::new();
        server.next_opening(Opening::Status(status, &[]));
        let mut watch = server.articles().watch().await.unwrap();
        let error = watch.next().await.unwrap_err();
        assert_ne!(error.kind(), ErrorKind::Transport, "{status}: {error}");
        assert!(watch.next().await.unwrap().is_none(), "{status}");
        assert_eq!(server.state().opened.len(), 1, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_no_feed_ends_the_watch() {
    let server = FeedServer::new();
    let html: &[_] = &[("content-type", "text/html")];
    server.next_opening(Opening::Status(200, html));
    let mut watch = server.articles().watch().await.unwrap();
    let error = watch.next().await.unwrap_err();
    assert!(
        error.is_decode() && error.to_string().contains("text/html"),
        "{error}"
    );
}

/// Credentials that can be renewed a number of times.
struct Renewed(std::sync::atomic::AtomicUsize);

#[async_trait]
impl Authenticator for Renewed {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert("x-token", "t".parse()?);
        Ok(())
    }

    async fn renew(&self) -> Result<bool, BoxError> {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Ok(true)
    }
}

fn with_auth(server: &FeedServer) -> Client {
    let builder = Client::builder("http://api.test").transport(server.clone());
    let profile = Generic::new().feed(FeedServer::feed());
    let auth = Renewed(std::sync::atomic::AtomicUsize::new(0));
    builder.profile(profile).auth(auth).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn credentials_that_are_refused_are_renewed_once_and_then_tried_once_more() {
    let server = FeedServer::new();
    let articles = with_auth(&server).collection::<Value>("articles");
    for _ in 0..3 {
        server.next_opening(Opening::Status(401, &[]));
    }
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    assert_eq!(server.state().opened.len(), 4);

    for _ in 0..4 {
        server.next_opening(Opening::Status(401, &[]));
    }
    server.cut();
    let error = watch.next().await.unwrap_err();
    assert_eq!(error.status().map(|status| status.as_u16()), Some(401));
}

#[tokio::test(start_paused = true)]
async fn credentials_that_end_within_the_stream_are_renewed() {
    let server = FeedServer::new();
    let articles = with_auth(&server).collection::<Value>("articles");
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.say("event: auth_revoked\ndata: null\n\n");
    within(&mut watch, Duration::from_secs(5)).await;
    server.put("a", 1);
    assert_eq!(next(&mut watch).await, "a=1");
    assert_eq!(server.state().opened.len(), 2);
}

/// Credentials whose renewal hangs, or panics.
struct Broken {
    panics: bool,
}

#[async_trait]
impl Authenticator for Broken {
    async fn authenticate(&self, _: &mut HeaderMap) -> Result<(), BoxError> {
        Ok(())
    }

    async fn renew(&self) -> Result<bool, BoxError> {
        assert!(!self.panics, "a mistake in the renewal");
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn a_renewal_that_hangs_or_panics_does_not_end_a_watch() {
    for panics in [false, true] {
        let server = FeedServer::new();
        let builder = Client::builder("http://api.test").transport(server.clone());
        let profile = Generic::new().feed(FeedServer::feed());
        let client = builder.profile(profile).auth(Broken { panics });
        let articles = client.build().unwrap().collection::<Value>("articles");
        let mut watch = articles.watch().await.unwrap();
        until(&mut watch, "caught up").await;
        server.say("event: auth_revoked\ndata: null\n\n");
        within(&mut watch, Duration::from_secs(60)).await;
        server.put("a", 1);
        assert_eq!(next(&mut watch).await, "a=1");
    }
}
