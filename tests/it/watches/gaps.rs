//! Feeds that forget, repeat and cannot continue.

use std::collections::BTreeMap;
use std::time::Duration;

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{Change, Collection, ErrorKind, Feed, Generic, Watch};
use serde_json::Value;

use super::feed_server::{FeedServer, Opening};
use super::{next, until, within};

/// A watch that was told everything, and one change of `a`.
async fn followed(articles: &Collection<Value>, server: &FeedServer) -> Watch<Value> {
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("a", 2);
    assert_eq!(next(&mut watch).await, "a=2");
    watch
}

#[tokio::test(start_paused = true)]
async fn what_the_server_has_forgotten_is_told_after_a_reset() {
    let server = FeedServer::new();
    server.state().history = 1;
    server.put("a", 1);
    server.put("b", 1);
    server.put("c", 1);
    let mut watch = followed(&server.articles(), &server).await;
    server.cut();
    server.put("a", 3);
    server.remove("b");
    server.put("d", 1);
    server.put("c", 2);
    let seen = until(&mut watch, "caught up").await;
    assert!(seen.contains(&"reset".to_owned()), "{seen:?}");
    for told in ["a=3", "b gone", "c=2", "d=1"] {
        assert!(seen.contains(&told.to_owned()), "{told} is not in {seen:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_reconnect_that_lost_nothing_is_not_told() {
    let server = FeedServer::new();
    server.put("a", 1);
    let mut watch = followed(&server.articles(), &server).await;
    server.cut();
    server.put("a", 3);
    let seen = within(&mut watch, Duration::from_secs(40)).await;
    assert_eq!(seen, ["a=3"]);
}

#[tokio::test(start_paused = true)]
async fn all_ways_to_say_that_a_position_is_too_old_lead_to_a_reset() {
    let ways = [
        Opening::Status(410, &[]),
        Opening::Text("event: error\ndata: {\"code\": 410}\n\n"),
        Opening::Text("data: {\"canceled\": true, \"compact_revision\": \"9\"}\n\n"),
        Opening::Text(""),
    ];
    for way in ways {
        let server = FeedServer::new();
        server.put("a", 1);
        let articles = server
            .client_with(FeedServer::feed().signals_gaps())
            .collection::<serde_json::Value>("articles");
        let mut watch = followed(&articles, &server).await;
        server.next_opening(way);
        server.cut();
        server.remove("a");
        server.put("b", 1);
        let seen = until(&mut watch, "caught up").await;
        assert_eq!(seen[0], "reset", "{seen:?}");
        assert!(
            seen.contains(&"b=1".to_owned()) && seen.contains(&"a gone".to_owned()),
            "{seen:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_item_that_moved_up_between_two_pages_is_told() {
    for signals in [false, true] {
        let server = ResourceServer::start().await;
        for id in ["a", "b", "c", "d"] {
            server.put(
                &format!("/notes/{id}"),
                &format!(r#"{{"id":"{id}","n":1}}"#),
            );
        }
        server.page_size(2);
        server
            .feed("/changes")
            .history(100)
            .heartbeat(Duration::from_secs(10));
        let feed = Feed::event_stream("/changes").tag_at("/version");
        let feed = if signals { feed.signals_gaps() } else { feed };
        let client = server.in_process().profile(Generic::new().feed(feed));
        let notes = client.build().unwrap().collection::<Value>("notes");
        // The first page is read, and `c` moves to it from the second one.
        server.next_read(Step::new().delay(Duration::from_secs(1)));
        let mut watch = notes.watch().await.unwrap();
        let removed = tokio::time::sleep(Duration::from_millis(500));
        let removed = async {
            removed.await;
            server.remove("/notes/a");
        };
        let told = within(&mut watch, Duration::from_secs(60));
        let (told, ()) = tokio::join!(told, removed);
        assert!(told.contains(&"c=1".to_owned()), "{signals}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn changes_of_an_id_with_a_slash_are_told() {
    let server = ResourceServer::start().await;
    let put = |id: &str, n: u64| {
        let path = format!("/notes/{}", id.replace('/', "%2F"));
        server.put(&path, &format!(r#"{{"id":"{id}","n":{n}}}"#));
    };
    put("x/y", 1);
    server.feed("/changes").heartbeat(Duration::from_secs(10));
    let feed = Feed::event_stream("/changes").tag_at("/version");
    let client = server.in_process().profile(Generic::new().feed(feed));
    let notes = client.build().unwrap().collection::<Value>("notes");
    let mut watch = notes.watch().await.unwrap();
    assert_eq!(until(&mut watch, "caught up").await, ["x/y=1", "caught up"]);
    put("x/y", 2);
    assert_eq!(next(&mut watch).await, "x/y=2");
    // One that no list has shown is found by the next one, and nothing is told of `z`.
    put("x/z", 1);
    assert_eq!(next(&mut watch).await, "x/z=1");
    server.remove("/notes/x%2Fy");
    assert_eq!(next(&mut watch).await, "x/y gone");
}

#[tokio::test(start_paused = true)]
async fn a_live_state_is_the_newest_one_after_its_reads_have_failed() {
    let server = ResourceServer::start().await;
    server.put("/notes/a", r#"{"id":"a","n":1}"#);
    server.feed("/changes").heartbeat(Duration::from_secs(10));
    let feed = Feed::event_stream("/changes").tag_at("/version");
    let client = server
        .in_process()
        .profile(Generic::new().feed(feed.signals_gaps()));
    let client = client.build().unwrap();
    let notes = client.collection::<Value>("notes");
    let mut live = notes.item("a").live().await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    for _ in 0..3 {
        server.next_read(Step::new().answer(Reply::new(503)));
    }
    server.put("/notes/a", r#"{"id":"a","n":2}"#);
    let changed = tokio::time::timeout(Duration::from_secs(120), live.changed());
    assert!(changed.await.is_ok());
    assert_eq!(live.borrow()["n"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_that_the_client_may_not_follow_it_ends_the_watch() {
    let server = FeedServer::new();
    server.next_opening(Opening::Text("event: error\ndata: {\"code\": 403}\n\n"));
    let mut watch = server.articles().watch().await.unwrap();
    let error = loop {
        match watch.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the watch ended without an error"),
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::Status);
    assert!(error.to_string().contains("may not follow"), "{error}");
    assert!(watch.next().await.unwrap().is_none());
    assert_eq!(server.state().opened.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_304_about_another_list_hides_no_change() {
    let server = FeedServer::new();
    server.state().lists_have_tags = true;
    server.put("a", 1);
    let feed = Feed::polling().interval(Duration::from_secs(1));
    let articles = server.client_with(feed).collection::<Value>("articles");
    let mut watch = articles.watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.state().claims_unchanged = true;
    server.put("b", 1);
    until(&mut watch, "b=1").await;
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_a_failure_for_the_back_off() {
    let server = FeedServer::new();
    for _ in 0..8 {
        server.next_opening(Opening::Text(""));
    }
    let mut watch = server.articles().watch().await.unwrap();
    within(&mut watch, Duration::from_secs(600)).await;
    let state = server.state();
    let took = state.opened[8].1 - state.opened[0].1;
    assert!(took >= Duration::from_secs(8), "{took:?}");
    assert!(state.opened.len() < 30, "{}", state.opened.len());
}

#[tokio::test(start_paused = true)]
async fn repeated_events_are_told_once() {
    let server = FeedServer::new();
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.put("a", 1);
    server.put("a", 2);
    until(&mut watch, "a=2").await;
    let old = server.state().event(1);
    let new = server.state().event(2);
    for event in [&old, &new, &old, &new] {
        server.say(event);
    }
    server.put("b", 1);
    assert_eq!(until(&mut watch, "b=1").await, ["b=1"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_cannot_be_read_is_told_once_and_is_not_gone() {
    let server = FeedServer::new();
    server.put("a", 1);
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    server.state().forbidden.push("a".to_owned());
    server.put("a", 2);
    let error = watch.next().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Status, "{error}");
    server.put("b", 1);
    assert_eq!(next(&mut watch).await, "b=1");
}

/// A thousand writes of other clients, two hundred cuts, and a server that can repeat ten events.
async fn a_thousand_writes(server: &FeedServer) -> (usize, usize) {
    server.state().history = 10;
    let mut watch = server.articles().watch().await.unwrap();
    until(&mut watch, "caught up").await;
    let mut random = fastrand::Rng::with_seed(7);
    let (mut view, mut resets) = (BTreeMap::new(), 0);
    let mut handle = |change: Change<Value>| match change {
        Change::Put(article) => {
            let id = article["id"].as_str().unwrap().to_owned();
            view.insert(id, article["n"].as_u64().unwrap());
        }
        Change::Gone(id) => drop(view.remove(&id)),
        Change::Reset => resets += 1,
        Change::CaughtUp => {}
    };
    for n in 1..=1_000 {
        let id = format!("r{}", random.u8(..30));
        if random.u8(..8) == 0 {
            server.remove(&id);
        } else {
            server.put(&id, n);
        }
        if n % 5 == 0 {
            server.cut();
        }
        let pause = Duration::from_millis(random.u64(..100));
        while let Ok(change) = tokio::time::timeout(pause, watch.next()).await {
            handle(change.unwrap().unwrap());
        }
    }
    while let Ok(change) = tokio::time::timeout(Duration::from_secs(120), watch.next()).await {
        handle(change.unwrap().unwrap());
    }
    let server: BTreeMap<String, u64> = server
        .state()
        .documents
        .iter()
        .map(|(id, (_, text))| {
            let document: Value = serde_json::from_str(text).unwrap();
            (id.clone(), document["n"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(view, server);
    (resets, server.len())
}

#[tokio::test(start_paused = true)]
async fn every_final_state_of_a_thousand_writes_with_two_hundred_cuts_is_told() {
    let server = FeedServer::new();
    let (resets, resources) = a_thousand_writes(&server).await;
    let opened = server.state().opened.len();
    println!("{resources} resources, {opened} connections, {resets} resets");
    assert!(resets > 0, "gaps are told");
}
