//! An outbox that runs: when it sends, and when it waits.

use std::time::Duration;

use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Journal, Queued, Saved, async_trait};
use serde_json::Value;
use tokio::time::Instant;

use super::{Program, queue_view};
use crate::support::{ARTICLE, AT, Article, Event, Server};

#[tokio::test(start_paused = true)]
async fn a_write_that_is_queued_is_sent_at_once() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    let running = tokio::spawn(program.client.outbox().of(&articles).run());
    for views in 2..5 {
        let settled = queue_view(&articles).await.settled().await.unwrap();
        assert_eq!(settled.views, views);
    }
    running.abort();
}

#[tokio::test(start_paused = true)]
async fn while_the_server_is_away_it_is_asked_less_and_less_and_nothing_is_lost() {
    let program = Program::new();
    let articles = program.articles();
    for id in 1..=10 {
        let at = format!("/v1/articles/{id}");
        program.server.put(&at, crate::support::ARTICLE);
        articles.get(id).await.unwrap();
    }
    program
        .server
        .script((0..10_000).map(|_| Event::NoConnection));
    let mut queued = Vec::new();
    for id in 1..=10 {
        let update = articles.update(id, |article| article.views += 1);
        queued.push(update.queue().await.unwrap());
    }
    let running = tokio::spawn(program.client.outbox().of(&articles).run());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    let asked = program.server.writes();
    assert!((10..600).contains(&asked), "{asked} requests in an hour");

    program.server.end_script();
    let since = Instant::now();
    for queued in queued {
        queued.settled().await.unwrap();
    }
    assert!(
        since.elapsed() <= Duration::from_secs(5 * 60 + 30),
        "{:?}",
        since.elapsed()
    );
    running.abort();
}

/// Queues a write while the server is away, which it is until the end of the hour. An outbox is running.
async fn away_for_an_hour() -> (Program, Queued<Saved<Article>>) {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    program
        .server
        .script((0..10_000).map(|_| Event::NoConnection));
    let queued = queue_view(&articles).await;
    tokio::spawn(program.client.outbox().of(&articles).run());
    tokio::time::sleep(Duration::from_secs(3_600)).await;
    program.server.end_script();
    (program, queued)
}

async fn settled_soon(queued: Queued<Saved<Article>>) {
    let since = Instant::now();
    queued.settled().await.unwrap();
    // A run that is under way may be in one of its own waits.
    let waited = since.elapsed();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[tokio::test(start_paused = true)]
async fn a_nudge_makes_every_write_due() {
    let (program, queued) = away_for_an_hour().await;
    program.client.outbox().nudge();
    settled_soon(queued).await;
}

#[tokio::test(start_paused = true)]
async fn any_response_of_the_server_makes_every_write_due() {
    let (program, queued) = away_for_an_hour().await;
    program.articles().get(1).await.unwrap();
    settled_soon(queued).await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_have_expired_make_a_write_wait_and_a_refusal_opens_it() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    for status in [401, 503, 429] {
        program
            .server
            .script((0..20).map(|_| Event::Answer(status, &[], "{}")));
        let drained = program.drain().await;
        assert_eq!(
            (drained.left, drained.open),
            (1, 0),
            "{status}: {drained:?}"
        );
        program.server.end_script();
    }
    program.server.script([Event::Answer(403, &[], "{}")]);
    let drained = program.drain().await;
    assert_eq!((drained.left, drained.open), (0, 1), "{drained:?}");
    assert_eq!(program.server.value(AT)["views"], 1);
}

/// Resets the connection for the first three resources.
#[derive(Clone)]
struct ThreeReset(Server);

#[async_trait]
impl Transport for ThreeReset {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let path = request.url.path();
        if ["/1", "/2", "/3"].iter().any(|id| path.ends_with(id)) {
            let why = "the connection was reset";
            return Err(TransportError::new(Fate::Unknown, why));
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn resources_that_get_no_response_do_not_hold_up_the_others_for_ever() {
    let server = Server::default();
    for id in 1..=4 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
    }
    let journal = Journal::in_memory();
    let first = server.builder().journal(journal.clone()).build().unwrap();
    let articles = first.collection::<Value>("articles");
    for id in 1..=4 {
        let update = articles.update(id, |article| article["title"] = "mine".into());
        update.queue().await.unwrap();
    }
    let client = server.builder().transport(ThreeReset(server.clone()));
    let client = client.journal(journal).build().unwrap();
    let articles = client.collection::<Value>("articles");
    let drain = || client.outbox().of(&articles).drain();
    // The first three show that the server may be away. The next time, the others come first.
    assert_eq!(drain().await.unwrap().sent, 0);
    assert_eq!(drain().await.unwrap().sent, 1);
    assert_eq!(server.value("/v1/articles/4")["title"], "mine");
}
