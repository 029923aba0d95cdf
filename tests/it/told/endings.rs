//! An error says what the last try met and how often it was tried, whatever the call.

use std::time::Duration;

use ifmatch::{Client, Collection, Error, ErrorKind, Limits, RetryPolicy, ThreeWay, Versioned};

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, edit};

const CLOSED: &str = r#"{"title":"Closed for repairs"}"#;

fn always(status: u16) -> Vec<Event> {
    (0..100)
        .map(|_| Event::Answer(status, &[], CLOSED))
        .collect()
}

/// What each kind of call ends as under these events, which begin after a value was read.
async fn endings(limits: &Limits, events: fn() -> Vec<Event>) -> Vec<(&'static str, Error)> {
    let mut endings = Vec::new();
    for call in ["get", "head", "list", "update", "save", "delete", "create"] {
        let server = Server::with(AT, ARTICLE);
        let client = server.builder().limits(limits.clone()).build().unwrap();
        let articles: Collection<Article> = client.collection_with("articles", ThreeWay::default());
        let mut read: Versioned<Article> = articles.get(1).await.unwrap();
        let new = read.clone().into_inner();
        server.script(events());
        read.title = "mine".into();
        let error = match call {
            "get" => articles.get(1).await.unwrap_err(),
            "head" => articles.head(1).await.unwrap_err(),
            "list" => articles.list().await.unwrap_err(),
            "update" => articles.update(1, edit).await.unwrap_err(),
            "save" => articles.save(&read).await.unwrap_err(),
            "delete" => articles.delete(&read).await.unwrap_err(),
            _ => articles.create(2, &new).await.unwrap_err(),
        };
        endings.push((call, error));
    }
    endings
}

#[tokio::test(start_paused = true)]
async fn retries_that_are_spent_have_one_kind_whatever_the_call_and_the_limit() {
    let time = |secs| Limits::default().time(Duration::from_secs(secs));
    for limits in [Limits::default().time(Duration::from_secs(600)), time(3)] {
        // The request was refused unprocessed, so a write was certainly not applied.
        for (call, error) in endings(&limits, || always(429)).await {
            assert_eq!(error.kind(), ErrorKind::Exhausted, "{call}: {error:?}");
            assert_eq!(error.status().map(|it| it.as_u16()), Some(429), "{call}");
            let told = error.to_string();
            let met = "429 Too Many Requests: Closed for repairs, given up after ";
            assert!(told.contains(met), "{call}: {told}");
        }
        for (call, error) in
            endings(&limits, || (0..100).map(|_| Event::NoConnection).collect()).await
        {
            assert_eq!(error.kind(), ErrorKind::Transport, "{call}: {error:?}");
            let told = error.to_string();
            assert!(
                told.contains("no connection, given up after "),
                "{call}: {told}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_number_of_tries_and_the_time_are_told() {
    let slow = || {
        let again = |_| Event::Answer(429, &[("retry-after", "1")], CLOSED);
        (0..100).map(again).collect()
    };
    let limits = Limits::default().time(Duration::from_secs(600));
    for (call, error) in endings(&limits, slow).await {
        let told = error.to_string();
        assert!(
            told.ends_with("given up after 11 tries in 10.0 s"),
            "{call}: {told}"
        );
        assert_eq!(error.report().why, "the retry limit was reached", "{call}");
    }
    for (call, error) in endings(&Limits::default().transient(0), || always(429)).await {
        assert!(
            error.to_string().contains("given up after 1 try in "),
            "{call}: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_that_may_have_been_applied_is_unknown_and_tells_its_tries_too() {
    let server = Server::with(AT, ARTICLE);
    let articles = articles(&server);
    let mut read = articles.get(1).await.unwrap();
    read.title = "mine".into();
    server.script(always(503));
    let error = articles.save(&read).await.unwrap_err();
    assert!(error.is_outcome_unknown(), "{error:?}");
    let told = error.to_string();
    assert!(
        told.contains("503 Service Unavailable: Closed for repairs; given up after 12 tries in "),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_status_that_no_retry_changes_is_told_after_one_try() {
    for (call, error) in endings(&Limits::default(), || always(403)).await {
        assert_eq!(error.kind(), ErrorKind::Status, "{call}: {error:?}");
        assert_eq!(error.status().map(|it| it.as_u16()), Some(403), "{call}");
        assert!(!error.to_string().contains("given up"), "{call}: {error}");
        assert!(
            error.report().to_string().starts_with("1 request in "),
            "{}",
            error.report()
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_round_is_no_rounds() {
    let server = Server::with(AT, ARTICLE);
    let stale = (0..4).map(|_| Event::Foreign(Box::new(|it| it["views"] = 9.into())));
    server.script(std::iter::once(Event::Plain).chain(stale));
    let error = articles(&server)
        .update(1, edit)
        .max_rounds(1)
        .await
        .unwrap_err();
    assert!(error.is_exhausted(), "{error:?}");
    let told = format!("{error} {}", error.report());
    assert!(
        told.contains("in 1 round and") && !told.contains("1 rounds"),
        "{told}"
    );
    assert!(told.contains("412 Precondition Failed"), "{told}");
}

#[tokio::test(start_paused = true)]
async fn an_unusual_reason_is_told_with_the_tries() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().retry(RetryPolicy::default().budget(0));
    let articles = client
        .build()
        .unwrap()
        .collection_with::<Article>("articles", ThreeWay::default());
    server.script(always(429).into_iter().chain(always(429)));
    let read = articles.get(1).await.unwrap_err();
    let write = articles.update(1, edit).await.unwrap_err();
    for error in [read, write] {
        let told = error.to_string();
        assert!(
            told.contains("given up after 1 try in 0 ms: the retry budget"),
            "{told}"
        );
    }
}

#[test]
fn a_config_error_names_what_was_given_and_no_secret() {
    for base in [
        "ftp://ann:hunter2@shop.test/v1",
        "http://ann:hunter2@shop.test/v1?key=hunter2",
    ] {
        let error = Client::new(base).unwrap_err();
        assert!(error.is_config());
        let told = format!("{error} {error:?}");
        assert!(
            told.contains("shop.test/v1") && !told.contains("hunter2"),
            "{told}"
        );
    }
    let plain = Client::builder("http://ann:hunter2@shop.test")
        .https_only()
        .build();
    let told = plain.unwrap_err().to_string();
    assert!(
        told.contains("\"shop.test\"") && !told.contains("hunter2"),
        "{told}"
    );
}
