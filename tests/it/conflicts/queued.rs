//! Reported conflicts beside the open writes of the journal.

use std::time::Duration;

use ifmatch::testing::{Reply, ResourceServer, Step};
use ifmatch::{
    Client, Collection, ConflictNotice, ConflictService, ErrorKind, Journal, Resolution,
};
use serde_json::{Value, json};

use super::{clash, next, opened, short, within};

const MINUTES: Duration = Duration::from_secs(300);

fn journaled(server: &ResourceServer) -> (Client, Collection<Value>) {
    let client = server.in_process().journal(Journal::in_memory());
    let client = client.build().unwrap();
    let articles = client.collection("articles");
    (client, articles)
}

/// Queues an edit that conflicts with the next foreign one.
async fn queue_a_clash(server: &ResourceServer, client: &Client, articles: &Collection<Value>) {
    articles.get("42").await.unwrap();
    let edit = articles.update("42", |article| article["title"] = "queued".into());
    edit.queue().await.unwrap();
    server.put("/articles/42", r#"{"title": "newest", "n": 1}"#);
    client.outbox().of(articles).drain().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn open_writes_of_the_journal_are_told_beside_those_of_the_api() {
    let (server, _) = clash().await;
    let (client, articles) = journaled(&server);
    queue_a_clash(&server, &client, &articles).await;
    let mut notices = opened(&client, &articles).await;
    let ConflictNotice::Queued(open) = next(&mut notices).await else {
        unreachable!("the journal comes first");
    };
    assert_eq!(
        within(&mut notices, MINUTES).await,
        ["c1 of 42", "caught up"]
    );
    let queued = open.resolve(Resolution::KeepLocal).await.unwrap();
    client.outbox().of(&articles).drain().await.unwrap();
    queued.settled().await.unwrap();
    assert_eq!(within(&mut notices, MINUTES).await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn without_a_service_the_open_writes_are_told_now_and_later_and_each_once() {
    for status in [404, 405, 501] {
        let server = ResourceServer::start().await;
        server.put("/articles/42", r#"{"title": "old", "n": 1}"#);
        let (client, articles) = journaled(&server);
        server.next_read(Step::new().answer(Reply::new(status)));
        let mut notices = opened(&client, &articles).await;
        assert_eq!(within(&mut notices, MINUTES).await, [""; 0], "{status}");
        assert!(!notices.has_service(), "{status}");

        queue_a_clash(&server, &client, &articles).await;
        let ConflictNotice::Queued(open) = next(&mut notices).await else {
            unreachable!("there is only the journal");
        };
        let edit = articles.create("7", &json!({"title": "fine"}));
        edit.queue().await.unwrap();
        client.outbox().of(&articles).drain().await.unwrap();
        assert_eq!(within(&mut notices, MINUTES).await, [""; 0], "{status}");

        // A decision for a state that has changed again is open again, and told again.
        let queued = open.resolve(Resolution::KeepLocal).await.unwrap();
        server.put("/articles/42", r#"{"title": "newer still", "n": 1}"#);
        client.outbox().of(&articles).drain().await.unwrap();
        assert_eq!(short(&next(&mut notices).await), "queued for 42: Conflict");
        drop(queued);
    }
}

#[tokio::test(start_paused = true)]
async fn a_subscription_that_has_vanished_is_an_error_and_not_an_api_without_the_service() {
    let server = ResourceServer::start().await;
    let (client, articles) = journaled(&server);
    server.next_write(Step::new().answer(Reply::new(201).header("location", "/vanished")));
    let service = ConflictService::new().subscribe_by_post();
    let open = client.watch_conflicts(&articles).service(service);
    let mut notices = open.await.unwrap();
    let first = tokio::time::timeout(MINUTES, notices.next()).await.unwrap();
    assert_eq!(first.unwrap_err().kind(), ErrorKind::NotFound);
}
