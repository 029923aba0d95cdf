//! What a queue keeps, for how long, and what stops it.

use std::time::Duration;

use http::Method;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{ErrorKind, Journal, async_trait};
use serde_json::{Value, json};

use super::{Program, first_open, queue_view};
use crate::support::{ARTICLE, AT, Event, Server, edit};

#[tokio::test(start_paused = true)]
async fn calls_that_were_dropped_do_not_fill_the_journal_for_ever() {
    let mut program = Program::new();
    program.journal = Journal::in_memory().quota(4_000);
    let program = program.restarted();
    let articles = program.articles();
    for _ in 0..30 {
        let mut read = articles.get(1).await.unwrap();
        read.views += 1;
        program.server.script([Event::Hang]);
        let save = tokio::time::timeout(Duration::from_millis(100), async {
            articles.save(&read).await
        });
        assert!(save.await.is_err(), "the response never comes");
        // The response of this one comes, so no earlier request can be applied any more.
        let saved = articles.update(1, |article| article.views += 1).await;
        saved.unwrap();
    }
    // Of one resource, the last eight are kept.
    let kept = format!("{:?}", program.journal);
    assert!(!kept.contains("bytes: 0"), "{kept}");
    program.journal.forget_unsettled();
    let kept = format!("{:?}", program.journal);
    assert!(kept.contains("bytes: 0"), "{kept}");
}

#[tokio::test(start_paused = true)]
async fn the_local_view_shows_values_that_were_saved_beside_each_other() {
    let program = Program::new();
    let articles = program.articles();
    let read = articles.get(1).await.unwrap();
    let (mut one, mut other) = (read.clone(), read);
    one.title = "mine".to_owned();
    articles.save(&one).queue().await.unwrap();
    other.body = "mine too".to_owned();
    articles.save(&other).queue().await.unwrap();
    let local = articles.local(1).await.unwrap().unwrap();
    assert_eq!(local.pending(), 2);
    assert_eq!((&*local.title, &*local.body), ("mine", "mine too"));
}

/// The address of one resource cannot be requested.
#[derive(Clone)]
struct Poisoned(Server);

#[async_trait]
impl Transport for Poisoned {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method != Method::GET && request.url.path() == AT {
            return Err(TransportError::new(Fate::Impossible, "it cannot be built"));
        }
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_cannot_be_made_does_not_stop_the_other_resources() {
    let server = Server::default();
    let client = server.builder().transport(Poisoned(server.clone()));
    let client = client.journal(Journal::in_memory()).build().unwrap();
    let articles = client.collection::<Value>("articles");
    for id in 1..=10 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
        let update = articles.update(id, |article| article["title"] = "mine".into());
        update.queue().await.unwrap();
    }
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!(drained.sent, 9, "{drained:?}");
    // It would end in the same way whenever it is tried again.
    assert_eq!(drained.open, 1, "{drained:?}");
}

#[tokio::test(start_paused = true)]
async fn a_removal_of_what_lies_elsewhere_is_sent_after_a_restart() {
    let program = Program::new();
    let things = program.client.collection::<Value>("things");
    let at: &[(&str, &str)] = &[("location", "/v1/items/9"), ("etag", "\"7\"")];
    program
        .server
        .script([Event::Answer(201, at, r#"{"n":1}"#)]);
    let made = things.post(&json!({"n": 1})).await.unwrap();
    things.delete(&made).queue().await.unwrap();
    drop(things);
    let program = program.restarted();
    let things = program.client.collection::<Value>("things");
    let drained = program.client.outbox().of(&things).drain().await.unwrap();
    assert_eq!((drained.sent, drained.others), (1, 0), "{drained:?}");
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_joins_another_does_not_exceed_the_quota() {
    let mut program = Program::new();
    program.journal = Journal::in_memory().quota(4_000);
    let program = program.restarted();
    let articles = program.articles();
    queue_view(&articles).await;
    let update = articles.update(1, |article| article.body = "x".repeat(100_000));
    assert!(update.queue().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn an_accepted_write_is_not_sent_again_while_it_is_under_way() {
    const MONITOR: &[(&str, &str)] = &[("operation-location", "/v1/operations/5")];
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.update(1, edit).queue().await.unwrap();
    let running = || Event::Answer(200, &[], r#"{"status":"Running"}"#);
    program.server.script([Event::Answer(202, MONITOR, "")]);
    program.server.script((0..200).map(|_| running()));
    // Whether and when it is carried out, the server tells elsewhere.
    assert_eq!(program.drain().await.open, 1);
    program.server.end_script();
    program.drain().await;
    assert_eq!(program.server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_removal_behind_an_edit_is_made_if_nobody_else_has_written() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program.drain_in_vain().await;
    // The first write may have been sent, so the removal stays behind it.
    articles.delete(1).queue().await.unwrap();
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open), (2, 0), "{drained:?}");
    assert_eq!(program.server.text(AT), None);
}

#[tokio::test(start_paused = true)]
async fn a_call_without_a_network_leaves_what_was_read() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    program.server.script((0..40).map(|_| Event::NoConnection));
    articles.update(1, edit).await.unwrap_err();
    let requests = program.server.seen().len();
    assert_eq!(articles.local(1).await.unwrap().unwrap().title, "old");
    articles.update(1, edit).queue().await.unwrap();
    assert_eq!(program.server.seen().len(), requests);
}

#[tokio::test(start_paused = true)]
async fn the_login_page_of_a_network_judges_no_write() {
    const PAGE: &[(&str, &str)] = &[("content-type", "text/html")];
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    let page = |_| Event::Answer(200, PAGE, "<html>Log in</html>");
    program.server.script([Event::LoseRequest]);
    program.server.script((0..20).map(page));
    let drained = program.drain().await;
    assert_eq!((drained.open, drained.left), (0, 1), "{drained:?}");
    program.server.end_script();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.views(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_redirect_to_the_login_page_of_a_network_judges_no_write() {
    const TO: &[(&str, &str)] = &[("location", "http://login.test/")];
    for status in [302, 303, 307] {
        let program = Program::new();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        queue_view(&articles).await;
        let redirect = |_| Event::Answer(status, TO, "");
        program.server.script((0..40).map(redirect));
        let drained = program.drain().await;
        assert_eq!((drained.open, drained.left), (0, 1), "{status} {drained:?}");
        program.server.end_script();
        assert_eq!(program.drain().await.sent, 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_no_longer_json_is_shown_to_a_person() {
    for text in ["this is text", "{\"title\": "] {
        let program = Program::new();
        let articles = program.articles();
        articles.get(1).await.unwrap();
        articles.update(1, edit).queue().await.unwrap();
        program.server.put(AT, text);
        let drained = program.drain().await;
        assert_eq!((drained.open, drained.left), (1, 0), "{text} {drained:?}");
        let open = first_open(&articles).await;
        assert_eq!(open.kind(), ErrorKind::Decode);
    }
}
