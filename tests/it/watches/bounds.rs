//! What a feed can do to the memory and the time of a watch.

use super::feed_server::FeedServer;
use super::{next, until};

#[tokio::test(start_paused = true)]
async fn a_slow_consumer_gets_the_newest_state_of_each_resource() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    for n in 1..=5_000 {
        server.put(["a", "b", "c"][n % 3], n as u64);
    }
    let seen = until(&mut watch, "c=5000").await;
    assert!(seen.len() < 20, "{} states were told", seen.len());
}

#[tokio::test(start_paused = true)]
async fn many_resources_ahead_of_the_consumer_are_all_told() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    for n in 0..3_000 {
        server.put(&format!("r{n}"), 1);
    }
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 3_000 {
        seen.insert(next(&mut watch).await);
    }
}

#[tokio::test(start_paused = true)]
async fn an_event_that_is_too_long_leads_to_a_reset_and_the_feed_goes_on() {
    let server = FeedServer::new();
    server.put("a", 1);
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    let chunk = "x".repeat(64 * 1024);
    server.say("data: ");
    for _ in 0..32 {
        server.say(&chunk);
    }
    let seen = until(&mut watch, "caught up").await;
    assert_eq!(seen, ["reset", "a=1", "caught up"]);
    server.put("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
}
