//! Conflicts that wait for a person: what is told of them, and what becomes of a decision.

mod decisions;
mod names;
mod notices;
mod queued;
mod service;
mod shown_state;
mod still_open;
mod streams;

use std::time::Duration;

use ifmatch::testing::{ConflictDesk, ResourceServer};
use ifmatch::{Client, Collection, ConflictNotice, ConflictNotices, ReportedConflict};
use serde_json::{Value, json};

/// A server with an article of the version `"v2"` and an open conflict about it.
async fn clash() -> (ResourceServer, ConflictDesk) {
    let server = ResourceServer::start().await;
    server.put("/articles/42", r#"{"title": "old", "n": 1}"#);
    server.put("/articles/42", r#"{"title": "theirs", "n": 1}"#);
    let desk = server.conflicts();
    let (base, mine) = (
        json!({"title": "old", "n": 1}),
        json!({"title": "mine", "n": 1}),
    );
    desk.report("/articles/42", Some(&base), &mine);
    (server, desk)
}

fn articles(server: &ResourceServer) -> (Client, Collection<Value>) {
    let client = server.in_process().build().unwrap();
    let articles = client.collection("articles");
    (client, articles)
}

async fn opened(client: &Client, articles: &Collection<Value>) -> ConflictNotices<Value> {
    client.watch_conflicts(articles).await.unwrap()
}

/// The next notice.
async fn next(notices: &mut ConflictNotices<Value>) -> ConflictNotice<Value> {
    let notice = tokio::time::timeout(Duration::from_secs(600), notices.next());
    notice.await.expect("nothing comes").unwrap().unwrap()
}

/// A notice, in short.
fn short(notice: &ConflictNotice<Value>) -> String {
    match notice {
        ConflictNotice::Reported(found) => format!("{} of {}", found.id(), found.resource_id()),
        ConflictNotice::Queued(open) => {
            format!(
                "queued for {}: {:?}",
                open.resource_id().unwrap(),
                open.kind()
            )
        }
        ConflictNotice::Resolved { conflict, resource } => {
            format!("{conflict} of {resource} is resolved")
        }
        ConflictNotice::Reset => "reset".to_owned(),
        ConflictNotice::CaughtUp => "caught up".to_owned(),
        _ => unreachable!("there is no other notice"),
    }
}

/// What comes within a time.
async fn within(notices: &mut ConflictNotices<Value>, time: Duration) -> Vec<String> {
    let mut seen = Vec::new();
    let end = tokio::time::Instant::now() + time;
    while let Ok(notice) = tokio::time::timeout_at(end, notices.next()).await {
        match notice.unwrap() {
            Some(notice) => seen.push(short(&notice)),
            None => break,
        }
    }
    seen
}

/// The first conflict that the API tells of.
async fn found(server: &ResourceServer) -> ReportedConflict<Value> {
    let (client, articles) = articles(server);
    found_by(&client, &articles).await
}

async fn found_by(client: &Client, articles: &Collection<Value>) -> ReportedConflict<Value> {
    let mut notices = opened(client, articles).await;
    match next(&mut notices).await {
        ConflictNotice::Reported(found) => found,
        other => unreachable!("{other:?}"),
    }
}
