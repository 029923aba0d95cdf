//! Writes that wait for a person.

use ifmatch::{ErrorKind, QueuedState, Resolution};
use serde_json::{Value, json};

use super::{Program, first_open};
use crate::support::{AT, Event, edit};

const THEIRS: &str = r#"{"title":"theirs","body":"text","views":1}"#;

async fn conflicting() -> Program {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.update(1, edit).queue().await.unwrap();
    program.server.put(AT, THEIRS);
    assert_eq!(program.drain().await.open, 1);
    program
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_listed_with_its_sides_also_after_a_restart() {
    let program = conflicting().await.restarted();
    let mut open = program.articles().conflicts();
    let found = open.next().await.unwrap().unwrap();
    assert_eq!(
        (found.kind(), found.resource_id()),
        (ErrorKind::Conflict, Some("1"))
    );
    let conflict = found.conflict();
    let title = |side: &Option<crate::support::Article>| side.as_ref().unwrap().title.clone();
    assert_eq!(title(&conflict.base), "old");
    assert_eq!(title(&conflict.local), "mine");
    assert_eq!(title(&conflict.remote), "theirs");
    assert_eq!(conflict.fields()[0].pointer, "/title");
    assert_eq!(
        program.client.outbox().state(found.id()),
        Some(QueuedState::Open)
    );
    assert!(open.next().await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_decision_is_written_over_what_was_shown_and_nothing_else() {
    let program = conflicting().await;
    let articles = program.articles();
    let found = first_open(&articles).await;
    let mut both = found.conflict().local.clone().unwrap();
    both.title = "mine and theirs".to_owned();
    let queued = found
        .resolve(Resolution::Merged(both.clone()))
        .await
        .unwrap();
    // Somebody writes again before the decision is sent, to another field.
    program
        .server
        .put(AT, r#"{"title":"theirs","body":"new","views":1}"#);
    assert_eq!(program.drain().await.open, 1);
    assert!(queued.settled().await.unwrap_err().is_conflict());
    assert_eq!(program.title(), "theirs");

    let found = first_open(&articles).await;
    assert_eq!(found.conflict().remote.as_ref().unwrap().body, "new");
    both.body = "new".to_owned();
    let queued = found.resolve(Resolution::Merged(both)).await.unwrap();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(queued.settled().await.unwrap().title, "mine and theirs");
    assert_eq!(program.title(), "mine and theirs");
}

#[tokio::test(start_paused = true)]
async fn each_decision_does_what_it_says() {
    for (decision, title, writes) in [
        (Resolution::KeepLocal, Some("mine"), 1),
        (Resolution::KeepRemote, Some("theirs"), 0),
        (Resolution::Delete, None, 1),
    ] {
        let program = conflicting().await;
        let before = program.server.writes();
        let found = first_open(&program.articles()).await;
        found.resolve(decision).await.unwrap();
        let drained = program.drain().await;
        assert_eq!((drained.open, drained.left), (0, 0));
        assert_eq!(program.server.writes() - before, writes);
        let shown = program.server.text(AT).map(|_| program.title());
        assert_eq!(shown.as_deref(), title);
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_write_stops_its_own_chain_only() {
    let program = conflicting().await;
    let articles = program.articles();
    let behind = articles.update(1, |article| article.body = "later".into());
    let behind = behind.queue().await.unwrap();
    program.server.put("/v1/articles/2", THEIRS);
    articles.update(2, edit).queue().await.unwrap();
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open, drained.left), (1, 1, 1));
    first_open(&articles).await.discard().await.unwrap();
    assert_eq!(program.drain().await.sent, 1);
    let saved = behind.settled().await.unwrap();
    assert_eq!((&*saved.title, &*saved.body), ("theirs", "later"));
}

#[tokio::test(start_paused = true)]
async fn nine_good_chains_are_sent_beside_one_that_cannot() {
    let program = conflicting().await;
    let articles = program.articles();
    for id in 2..=10 {
        program.server.put(&format!("/v1/articles/{id}"), THEIRS);
        articles.update(id, edit).queue().await.unwrap();
    }
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open, drained.left), (9, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_write_of_a_newer_program_waits() {
    let program = Program::new();
    let newer = program.articles().schema(2, |_, document| Ok(document));
    newer.get(1).await.unwrap();
    newer.update(1, edit).queue().await.unwrap();
    let program = program.restarted();
    let older = program.articles().schema(1, |_, document| Ok(document));
    let drained = program.client.outbox().of(&older).drain().await.unwrap();
    assert_eq!(
        (drained.sent, drained.open, program.server.writes()),
        (0, 1, 0)
    );
    let found = first_open(&older).await;
    assert!(found.message().contains("newer program"), "{found:?}");
    assert!(found.conflict().local.is_none());
    let error = found.resolve(Resolution::KeepLocal).await.unwrap_err();
    assert!(error.to_string().contains("newer program"), "{error}");
    // The newer program goes on with it.
    let program = program.restarted();
    let newer = program.articles().schema(2, |_, document| Ok(document));
    let found = first_open(&newer).await;
    found.retry().await.unwrap();
    assert_eq!(
        program
            .client
            .outbox()
            .of(&newer)
            .drain()
            .await
            .unwrap()
            .sent,
        1
    );
    assert_eq!(program.title(), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_keeps_its_reason_and_can_be_tried_again() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.update(1, edit).queue().await.unwrap();
    let problem = r#"{"type":"https://e.test/closed","title":"The article is closed"}"#;
    let json = &[("content-type", "application/problem+json")];
    program.server.script([Event::Answer(403, json, problem)]);
    assert_eq!(program.drain().await.open, 1);
    let program = program.restarted();
    let found = first_open(&program.articles()).await;
    let told = found.problem().unwrap();
    assert_eq!(told.problem_type(), "https://e.test/closed");
    assert_eq!(told.status().as_u16(), 403);
    let queued = found.retry().await.unwrap();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(queued.settled().await.unwrap().title, "mine");
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_meanwhile_can_be_created_again() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.update(1, edit).queue().await.unwrap();
    program.server.script([Event::ForeignRemoval]);
    assert_eq!(program.drain().await.open, 1);
    let found = first_open(&articles).await;
    assert_eq!(found.kind(), ErrorKind::Gone);
    assert!(found.conflict().remote.is_none());
    found.resolve(Resolution::KeepLocal).await.unwrap();
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.title(), "mine");
}

#[tokio::test(start_paused = true)]
async fn two_people_cannot_decide_the_same_write() {
    let program = conflicting().await;
    let articles = program.articles();
    let one = first_open(&articles).await;
    let other = first_open(&articles).await;
    one.resolve(Resolution::KeepLocal).await.unwrap();
    let late = other.resolve(Resolution::KeepRemote).await;
    assert_eq!(late.unwrap_err().kind(), ErrorKind::Conflict);
    assert_eq!(program.drain().await.sent, 1);
    assert_eq!(program.title(), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_document_of_an_older_schema_is_migrated_or_waits() {
    let program = conflicting().await;
    let articles = program.articles();
    first_open(&articles).await.retry().await.unwrap();
    program
        .server
        .put(AT, r#"{"name":"old","body":"text","views":1}"#);
    let program = program.restarted();
    // Without a migration it waits, and nothing is lost.
    let renamed = program.client.collection::<Value>("articles");
    let failing = renamed.clone().schema(1, |_, _| Err("no".into()));
    let drained = program.client.outbox().of(&failing).drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (0, 1));
    let migrating = renamed.schema(1, |from, document| {
        assert_eq!(from, 0);
        let mut value = document.to_value();
        let title = value["title"].take();
        value.as_object_mut().unwrap().remove("title");
        value["name"] = title;
        Ok(ifmatch::Document::from_value(&value))
    });
    let found = first_open(&migrating).await;
    assert_eq!(found.conflict().local.as_ref().unwrap()["name"], "mine");
    found.retry().await.unwrap();
    let drained = program
        .client
        .outbox()
        .of(&migrating)
        .drain()
        .await
        .unwrap();
    assert_eq!(drained.sent, 1);
    assert_eq!(
        program.server.value(AT),
        json!({"name": "mine", "body": "text", "views": 1})
    );
}
