//! What a watch promises.

mod apis;
mod bounds;
mod feed_server;
mod firebase;
mod gaps;
mod kit;
mod polling;
mod reconnects;
mod snapshots;
mod solid;
mod wire;

use std::time::Duration;

use feed_server::FeedServer;
use ifmatch::{Change, Watch};
use serde_json::Value;

/// A change, in short.
fn short(change: &Change<Value>) -> String {
    match change {
        Change::Put(article) => format!("{}={}", article["id"].as_str().unwrap(), article["n"]),
        Change::Gone(id) => format!("{id} gone"),
        Change::Reset => "reset".to_owned(),
        Change::CaughtUp => "caught up".to_owned(),
    }
}

async fn next(watch: &mut Watch<Value>) -> String {
    let change = tokio::time::timeout(Duration::from_secs(600), watch.next());
    short(&change.await.expect("nothing comes").unwrap().unwrap())
}

/// The changes up to and including this one.
async fn until(watch: &mut Watch<Value>, last: &str) -> Vec<String> {
    let mut seen = Vec::new();
    while seen.last().is_none_or(|seen| seen != last) {
        seen.push(next(watch).await);
        assert!(seen.len() < 10_000, "{last} does not come");
    }
    seen
}

/// What comes within a time.
async fn within(watch: &mut Watch<Value>, time: Duration) -> Vec<String> {
    let mut seen = Vec::new();
    let end = tokio::time::Instant::now() + time;
    while let Ok(change) = tokio::time::timeout_at(end, watch.next()).await {
        seen.push(short(&change.unwrap().unwrap()));
    }
    seen
}

#[tokio::test(start_paused = true)]
async fn the_whole_is_told_first_and_then_every_change() {
    let server = FeedServer::new();
    server.put("a", 1);
    server.put("b", 1);
    let mut watch = server.articles().watch().await.unwrap();
    assert_eq!(
        until(&mut watch, "caught up").await,
        ["a=1", "b=1", "caught up"]
    );
    server.put("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
    server.remove("b");
    assert_eq!(next(&mut watch).await, "b gone");
    server.put("c", 1);
    assert_eq!(next(&mut watch).await, "c=1");
}

#[tokio::test(start_paused = true)]
async fn what_is_told_can_be_saved() {
    let server = FeedServer::new();
    server.put("a", 1);
    let articles = server.articles();
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("a", 2);
    let Some(Change::Put(mut article)) = watch.next().await.unwrap() else {
        panic!("a state was expected");
    };
    article["n"] = 3.into();
    let saved = articles.save(&article).await.unwrap();
    assert_eq!(
        saved.report().requests,
        1,
        "it is pinned to the version that was told"
    );
}

#[tokio::test(start_paused = true)]
async fn the_position_moves_on_only_after_the_next_change_was_asked_for() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("a", 1);
    next(&mut watch).await;
    assert_eq!(watch.position(), None, "a was not handled yet");
    server.put("b", 1);
    next(&mut watch).await;
    let position = serde_json::to_string(&watch.position()).unwrap();
    assert_eq!(position, "\"1\"");
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_signals_gaps_continues_from_a_position() {
    let server = FeedServer::new();
    for n in 1..=3 {
        server.put("a", n);
    }
    server.put("b", 1);
    let articles = server
        .client_with(FeedServer::feed().signals_gaps())
        .collection::<Value>("articles");
    let position = serde_json::from_str("\"3\"").unwrap();
    let position: ifmatch::Position = position;
    let mut watch = articles.watch().from(position).await.unwrap();
    assert_eq!(next(&mut watch).await, "b=1");
    assert_eq!(server.state().lists, 0);
}

#[tokio::test(start_paused = true)]
async fn a_position_of_a_feed_that_forgets_silently_leads_to_a_reset() {
    let server = FeedServer::new();
    server.put("a", 1);
    let position: ifmatch::Position = serde_json::from_str("\"0\"").unwrap();
    let mut watch = server.articles().watch().from(position).await.unwrap();
    let seen = until(&mut watch, "caught up").await;
    assert_eq!(seen, ["reset", "a=1", "caught up"]);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_closes_its_connection() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    assert_eq!(server.connections(), 1);
    drop(watch);
    assert_eq!(server.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_is_a_stream_and_can_be_moved_to_a_task() {
    fn is_stream<S: futures_core::Stream + Send + 'static>(_: &S) {}
    let server = FeedServer::new();
    server.put("a", 1);
    let mut watch = server.articles().watch().await.unwrap();
    is_stream(&watch);
    let task = tokio::spawn(async move { next(&mut watch).await });
    assert_eq!(task.await.unwrap(), "a=1");
}

#[tokio::test(start_paused = true)]
async fn a_single_resource_is_followed_by_the_feed_of_its_collection() {
    let server = FeedServer::new();
    server.put("a", 1);
    let mut live = server.articles().item("a").live().await.unwrap();
    assert_eq!(live.borrow()["n"], 1);
    server.put("b", 1);
    server.put("a", 2);
    live.changed().await.unwrap();
    assert_eq!(live.borrow()["n"], 2);
    server.remove("a");
    live.changed().await.unwrap();
    assert!(live.is_gone());
    assert_eq!(server.state().lists, 0);
    drop(live);
    tokio::task::yield_now().await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_does_not_exist_has_no_live_state() {
    let server = FeedServer::new();
    let live = server.articles().item("a").live().await;
    assert!(live.is_err_and(|error| error.is_not_found()));
}
