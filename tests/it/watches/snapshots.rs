//! Cached snapshots that a feed keeps fresh, and what a wrong feed can do to them.

use std::time::Duration;

use ifmatch::testing::ResourceServer;
use ifmatch::{Feed, Generic};
use serde_json::Value;

use super::feed_server::FeedServer;
use super::{until, within};

/// Lets the tasks of the client work.
async fn settle() {
    tokio::time::sleep(Duration::from_millis(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_write_after_a_change_of_another_client_is_not_refused() {
    for tells_states in [false, true] {
        for feed in [FeedServer::feed(), FeedServer::feed().versions_count_up()] {
            let server = FeedServer::new();
            server.state().tells_states = tells_states;
            server.put("a", 1);
            let client = server.client_with(feed);
            let articles = client.collection::<Value>("articles");
            articles.get("a").await.unwrap();
            client.snapshots().keep_fresh(&articles).await.unwrap();
            settle().await;
            server.put("a", 2);
            settle().await;
            let saved = articles
                .update("a", |article| article["n"] = 3.into())
                .await
                .unwrap();
            assert_eq!(saved.report().rounds, 1);
            assert_eq!(saved.report().requests, 1, "the snapshot was refreshed");
            assert_eq!(server.state().refused_writes, 0);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_about_another_version_does_not_confirm_a_snapshot() {
    let server = FeedServer::new();
    server.put("a", 1);
    let client = server.client();
    let articles = client.collection::<Value>("articles");
    articles.get("a").await.unwrap();
    client.snapshots().keep_fresh(&articles).await.unwrap();
    settle().await;
    server.state().claims_unchanged = true;
    server.put("a", 2);
    settle().await;
    let update = articles.update("a", |article| article["m"] = 1.into());
    let saved = update.await.unwrap();
    assert_eq!(
        (saved["n"].as_u64(), server.state().refused_writes),
        (Some(2), 0)
    );
}

#[tokio::test(start_paused = true)]
async fn only_resources_of_which_a_snapshot_is_cached_are_read() {
    let server = FeedServer::new();
    let client = server.client();
    let articles = client.collection::<Value>("articles");
    client.snapshots().keep_fresh(&articles).await.unwrap();
    settle().await;
    for n in 1..50 {
        server.put("a", n);
    }
    settle().await;
    assert_eq!(server.state().reads, 0);
}

#[tokio::test(start_paused = true)]
async fn an_old_event_after_an_own_write_does_not_put_the_old_state_on_file() {
    for feed in [FeedServer::feed(), FeedServer::feed().versions_count_up()] {
        let server = FeedServer::new();
        server.put("a", 1);
        let client = server.client_with(feed);
        let articles = client.collection::<Value>("articles");
        let mut watch = articles.watch().refresh_snapshots().await.unwrap();
        until(&mut watch, "caught up").await;
        articles
            .update("a", |article| article["n"] = 2.into())
            .await
            .unwrap();
        // The server repeats what was before the own write.
        server.say("data: {\"id\":\"a\",\"tag\":\"1\",\"document\":{\"id\":\"a\",\"n\":1}}\n\n");
        within(&mut watch, Duration::from_secs(5)).await;
        let saved = articles
            .update("a", |article| article["m"] = 1.into())
            .await
            .unwrap();
        assert_eq!(saved["n"], 2);
        assert_eq!(
            server.state().refused_writes,
            0,
            "the old state was on file"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_feed_that_lies_costs_requests_and_no_update() {
    let server = FeedServer::new();
    server.put("a", 0);
    let client = server.client_with(FeedServer::feed().versions_count_up());
    let articles = client.collection::<Value>("articles");
    articles.get("a").await.unwrap();
    client.snapshots().keep_fresh(&articles).await.unwrap();
    settle().await;
    for n in 1..=20 {
        // A version that does not exist, with a state that never was.
        server.say(&format!(
            "data: {{\"id\":\"a\",\"tag\":\"{}\",\"document\":{{\"id\":\"a\",\"n\":777}}}}\n\n",
            9_000 + n
        ));
        if n % 2 == 0 {
            server.say("event: deleted\ndata: {\"id\":\"a\"}\n\n");
        }
        settle().await;
        articles
            .update("a", |article| {
                article["n"] = (article["n"].as_u64().unwrap() + 1).into();
            })
            .await
            .unwrap();
    }
    let text = server.state().documents["a"].1.clone();
    let document: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["n"], 20, "{text}");
    assert!(
        server.state().refused_writes > 0,
        "a lie was on file, and was refused"
    );
}

#[tokio::test(start_paused = true)]
async fn snapshots_are_kept_fresh_until_the_client_is_dropped() {
    let server = FeedServer::new();
    let client = server.client();
    let articles = client.collection::<Value>("articles");
    client.snapshots().keep_fresh(&articles).await.unwrap();
    settle().await;
    assert_eq!(server.connections(), 1);
    drop((client, articles));
    settle().await;
    assert_eq!(server.connections(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_polled_list_whose_items_have_no_versions_keeps_writes_from_being_refused() {
    for feed in [Feed::polling(), Feed::polling().whole_items()] {
        let server = ResourceServer::start().await;
        server.put("/notes/a", r#"{"n": 1}"#);
        let feed = feed.interval(Duration::from_secs(1));
        let client = server.in_process().profile(Generic::new().feed(feed));
        let client = client.build().unwrap();
        let notes = client.collection::<Value>("notes");
        notes.get("a").await.unwrap();
        client.snapshots().keep_fresh(&notes).await.unwrap();
        for n in [2, 3] {
            tokio::time::sleep(Duration::from_secs(5)).await;
            server.put("/notes/a", &format!(r#"{{"n": {n}}}"#));
            tokio::time::sleep(Duration::from_secs(5)).await;
            let saved = notes.update("a", |note| note["m"] = 1.into()).await;
            assert_eq!(saved.unwrap().report().rounds, 1);
        }
        server.requests().answered(412).assert_none();
    }
}
