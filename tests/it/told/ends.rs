//! An observer is told of transactions, of writes that wait for a person, of watches and of leases.

use std::time::Duration;

use ifmatch::testing::{FeedStep, GoneForm, ResourceServer};
use ifmatch::{
    BoxError, Change, Collection, ErrorKind, Feed, Generic, Journal, LeaseEvent, LeaseSeen, Leases,
    Observer, OpenSeen, ThreeWay, TransactionSeen, WatchEvent, WatchSeen,
};
use serde_json::{Value, json};

use super::Log;

/// Notes what is told.
struct Ends(Log);

impl Observer for Ends {
    fn transaction(&self, it: &TransactionSeen) {
        let (error, by) = (it.error, if it.is_atomic { "batch" } else { "saga" });
        let resumed = if it.is_resumed { ", resumed" } else { "" };
        self.0.note(format!(
            "{error:?} by {by}{resumed}: {} steps, {} requests",
            it.steps, it.requests
        ));
    }

    fn open(&self, it: &OpenSeen<'_>) {
        self.0.note(format!("{} waits: {:?}", it.path, it.error));
    }

    fn watch(&self, it: &WatchSeen<'_>) {
        assert_eq!(it.template, "/articles");
        self.0.note(format!("{:?}", it.event));
    }

    fn lease(&self, it: &LeaseSeen<'_>) {
        let event = match &it.event {
            LeaseEvent::Acquired { token, .. } => format!("acquired {token}"),
            LeaseEvent::NotAcquired { error, .. } => format!("{error:?}"),
            LeaseEvent::Lost { because } => because.clone(),
            other => format!("{other:?}"),
        };
        self.0.note(format!("{}: {event}", it.name));
    }
}

fn articles(server: &ResourceServer, log: &Log) -> (ifmatch::Client, Collection<Value>) {
    server.put("/articles/1", r#"{"n":1}"#);
    server.put("/articles/2", r#"{"n":1}"#);
    let client = server
        .in_process()
        .observer(Ends(log.clone()))
        .build()
        .unwrap();
    let articles = client.collection_with("articles", ThreeWay::default());
    (client, articles)
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_transaction_is_told() {
    let (server, log) = (ResourceServer::start().await, Log::default());
    let (client, articles) = articles(&server, &log);
    let add = |it: &mut Value| it["n"] = 2.into();
    let transaction = client.transaction().update(&articles, "1", add);
    transaction
        .update(&articles, "2", add)
        .commit()
        .await
        .unwrap();
    assert_eq!(log.take(), ["None by saga: 2 steps, 4 requests"]);
    let transaction = client
        .transaction()
        .update(&articles, "1", |it| it["n"] = 3.into());
    let refused = transaction.try_update(&articles, "2", |_| Err(BoxError::from("no")));
    refused.commit().await.unwrap_err();
    let told = log.take();
    assert!(
        told.len() == 1 && told[0].starts_with("Some(Undone) by saga: 2 steps"),
        "{told:?}"
    );
    // The future is dropped, and the transaction ends all the same.
    let transaction = client
        .transaction()
        .update(&articles, "1", |it| it["n"] = 4.into())
        .commit();
    drop(tokio::time::timeout(Duration::ZERO, transaction).await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(log.take().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_waits_for_a_person_is_told_once() {
    let (server, log) = (ResourceServer::start().await, Log::default());
    server.put("/articles/1", r#"{"n":1}"#);
    let client = server
        .in_process()
        .observer(Ends(log.clone()))
        .journal(Journal::in_memory());
    let client = client.build().unwrap();
    let articles: Collection<Value> = client.collection_with("articles", ThreeWay::default());
    let mut read = articles.get("1").await.unwrap();
    read["n"] = 2.into();
    articles.save(&read).queue().await.unwrap();
    server.put("/articles/1", r#"{"n":3}"#);
    for _ in 0..2 {
        let drained = client.outbox().of(&articles).drain().await.unwrap();
        assert_eq!(drained.open, 1);
    }
    assert_eq!(log.take(), ["/articles/1 waits: Conflict"]);
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_its_connections_and_when_it_begins_anew() {
    let (server, log) = (ResourceServer::start().await, Log::default());
    server.put("/articles/1", r#"{"id":"1","n":1}"#);
    let changes = server.feed("/changes");
    let feed = Feed::event_stream("../changes").signals_gaps();
    let client = server
        .in_process()
        .observer(Ends(log.clone()))
        .profile(Generic::new().feed(feed));
    let client = client.build().unwrap();
    let articles: Collection<Value> = client.collection_with("articles", ThreeWay::default());
    let mut watch = articles.watch().await.unwrap();
    let mut until = async |expected: fn(&Change<Value>) -> bool| {
        while !expected(&watch.next().await.unwrap().unwrap()) {}
    };
    until(|change| matches!(change, Change::CaughtUp)).await;
    assert_eq!(log.take(), ["Connected"]);
    // The watch has a position from now on.
    server.put("/articles/1", r#"{"id":"1","n":2}"#);
    until(|change| matches!(change, Change::Put(_))).await;
    changes.next_stream(FeedStep::new().gone(GoneForm::Status));
    changes.cut();
    until(|change| matches!(change, Change::Reset)).await;
    let told = log.take();
    assert_eq!(
        told.first().unwrap(),
        &format!(
            "{:?}",
            WatchEvent::Disconnected {
                error: Some(ErrorKind::Transport)
            }
        )
    );
    assert_eq!(told.last().unwrap(), "Reset");
    assert!(
        told.contains(&format!(
            "{:?}",
            WatchEvent::Disconnected {
                error: Some(ErrorKind::Gone)
            }
        )),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_tells_the_end_of_each_connection_that_it_told() {
    for form in [GoneForm::Event, GoneForm::Canceled] {
        let (server, log) = (ResourceServer::start().await, Log::default());
        server.put("/articles/1", r#"{"id":"1","n":1}"#);
        let changes = server.feed("/changes");
        let feed = Feed::event_stream("../changes").signals_gaps();
        let client = server
            .in_process()
            .observer(Ends(log.clone()))
            .profile(Generic::new().feed(feed));
        let client = client.build().unwrap();
        let articles: Collection<Value> = client.collection_with("articles", ThreeWay::default());
        let mut watch = articles.watch().await.unwrap();
        let mut until = async |expected: fn(&Change<Value>) -> bool| {
            while !expected(&watch.next().await.unwrap().unwrap()) {}
        };
        until(|change| matches!(change, Change::CaughtUp)).await;
        server.put("/articles/1", r#"{"id":"1","n":2}"#);
        until(|change| matches!(change, Change::Put(_))).await;
        changes.next_stream(FeedStep::new().gone(form));
        changes.cut();
        until(|change| matches!(change, Change::Reset)).await;
        until(|change| matches!(change, Change::CaughtUp)).await;
        let told = log.take();
        let connections = told.iter().filter(|told| *told != "Reset");
        for pair in connections.collect::<Vec<_>>().windows(2) {
            assert!(
                pair[0] != "Connected" || pair[1].starts_with("Disconnected"),
                "{form:?}: {told:?}"
            );
        }
        let opened = told.iter().filter(|told| *told == "Connected").count();
        assert_eq!(opened, 3, "{form:?}: {told:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn leases_are_told_to_the_observer_of_their_client() {
    let (server, log) = (ResourceServer::start().await, Log::default());
    let (client, _) = articles(&server, &log);
    let leases = Leases::documents(&client, "leases");
    let held = leases.acquire("nightly").await.unwrap();
    let error = leases
        .acquire("nightly")
        .wait(Duration::from_millis(10))
        .await;
    assert_eq!(error.unwrap_err().kind(), ErrorKind::Locked);
    held.release().await.unwrap();
    assert_eq!(
        log.take(),
        [
            "nightly: acquired 1",
            "nightly: Locked",
            "nightly: Released"
        ]
    );

    // A later holder has written.
    let held = leases.acquire("nightly").await.unwrap();
    server.put(
        "/leases/nightly",
        &json!({"holder": "b", "nonce": "b", "token": 9, "ttl": 15_000}).to_string(),
    );
    held.lost().await;
    let told = log.take();
    assert_eq!(told[0], "nightly: acquired 2");
    assert_eq!(told[1..], ["nightly: `b` holds it"]);

    // Another observer takes its place.
    let own = Log::default();
    let leases = leases.observer(Ends(own.clone()));
    leases
        .acquire("weekly")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    assert_eq!(own.take(), ["weekly: acquired 1", "weekly: Released"]);
    assert!(log.take().is_empty());
}
