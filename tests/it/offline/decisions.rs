//! Decisions of strategies and persons, and what they hold for.

use std::collections::HashMap;

use http::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Answer, BoxError, Client, Conflict, ErrorKind, Generic, Journal, LocalWins, MergeStrategy,
    Policy, Resolution, Versioning, async_trait,
};
use serde_json::{Value, json};

use super::{Program, first_open};
use crate::support::{ARTICLE, AT, Always, Event, Server, edit};

/// A server without versions, which ignores conditions.
#[derive(Clone)]
struct Unversioned(Server);

#[async_trait]
impl Transport for Unversioned {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        request.headers.remove(IF_MATCH);
        request.headers.remove(IF_NONE_MATCH);
        let mut reply = self.0.send(request).await?;
        reply.headers.remove(ETAG);
        Ok(reply)
    }
}

fn unversioned(server: &Server) -> Client {
    let profile = Generic::new().versioning(Versioning::unconditional());
    let client = server.builder().transport(Unversioned(server.clone()));
    let client = client.profile(profile).journal(Journal::in_memory());
    client.build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_decision_for_a_resource_without_a_version_is_written_if_nothing_has_changed() {
    let server = Server::with(AT, ARTICLE);
    let client = unversioned(&server);
    let articles = client.collection::<Value>("articles");
    let update = articles.update(1, |article| article["title"] = "mine".into());
    update.queue().await.unwrap();
    server.put(AT, r#"{"title":"theirs","body":"text","views":1}"#);
    assert_eq!(client.outbox().drain().await.unwrap().open, 1);
    let open = first_open(&articles).await;
    open.resolve(Resolution::KeepLocal).await.unwrap();
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (1, 0));
    assert_eq!(server.value(AT)["title"], "mine");
}

/// Merges nothing: each race is for a person. Documents are compared by a policy.
struct Never;

#[async_trait]
impl MergeStrategy<Value> for Never {
    async fn resolve(&self, _: &Conflict<Value>) -> Result<Resolution<Value>, BoxError> {
        Ok(Resolution::Unresolved {
            merged: None,
            fields: Vec::new(),
        })
    }

    fn is_state_like(&self) -> bool {
        true
    }

    fn policy(&self) -> Option<Policy> {
        Some(Policy::new())
    }
}

#[tokio::test(start_paused = true)]
async fn only_the_strategy_merges_a_queued_edit_with_a_newer_state() {
    let program = Program::new();
    let articles = program.client.collection_with("articles", Never);
    articles.get(1).await.unwrap();
    let update = articles.update(1, |article| article["title"] = "mine".into());
    update.queue().await.unwrap();
    program
        .server
        .put(AT, r#"{"title":"old","body":"theirs","views":1}"#);
    articles.get(1).await.unwrap();
    let update = articles.update(1, |article| article["views"] = 2.into());
    update.queue().await.unwrap();
    let drained = program.client.outbox().drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_decision_about_a_new_document_has_a_key_of_its_own() {
    let program = Program::new();
    let things = program.client.collection::<Value>("things");
    let post = things.post(&json!({"n": 1})).idempotency_key("order-7");
    post.queue().await.unwrap();
    program.server.script([Event::Answer(422, &[], "{}")]);
    assert_eq!(program.client.outbox().drain().await.unwrap().open, 1);
    let open = first_open(&things).await;
    open.resolve(Resolution::Merged(json!({"n": 2})))
        .await
        .unwrap();
    assert_eq!(program.client.outbox().drain().await.unwrap().sent, 1);
    let seen = program.server.seen();
    let keys: Vec<_> = seen
        .iter()
        .filter_map(|seen| seen.header("idempotency-key"))
        .collect();
    assert_eq!(keys.len(), 2);
    assert_ne!(keys[0], keys[1], "another document under the same key");
}

#[tokio::test(start_paused = true)]
async fn a_side_can_win_in_just_the_places_that_the_rules_leave_open() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    articles.update(1, edit).queue().await.unwrap();
    let theirs = r#"{"title":"theirs","body":"new","views":5}"#;
    program.server.put(AT, theirs);
    assert_eq!(program.drain().await.open, 1);
    let program = program.restarted();
    let open = first_open(&program.articles()).await;
    let merged = open.conflict().merged.as_ref().unwrap();
    assert_eq!(
        (&*merged.title, &*merged.body, merged.views),
        ("theirs", "new", 5)
    );
    let decision = LocalWins.resolve(open.conflict()).await.unwrap();
    open.resolve(decision).await.unwrap();
    assert_eq!(program.drain().await.sent, 1);
    let stored = program.server.value(AT);
    assert_eq!(
        stored,
        json!({"title": "mine", "body": "new", "views": 5}),
        "their other changes stay"
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_document_in_doubt_is_sent_again_by_a_person_under_its_key() {
    for is_retry in [true, false] {
        let program = Program::new();
        let things = program.client.collection::<Value>("things");
        things.post(&json!({"n": 1})).queue().await.unwrap();
        program.server.script([Event::LoseRequest]);
        let drain = async || program.client.outbox().of(&things).drain().await.unwrap();
        drain().await;
        assert_eq!(drain().await.open, 1);
        let open = first_open(&things).await;
        assert_eq!(open.kind(), ErrorKind::OutcomeUnknown);
        let queued = if is_retry {
            open.retry().await.unwrap()
        } else {
            open.resolve(Resolution::KeepLocal).await.unwrap()
        };
        // Nothing but its address is told of the new document.
        let at: &[(&str, &str)] = &[("location", "/v1/things/9")];
        program.server.script([Event::Answer(201, at, "")]);
        let drained = drain().await;
        assert_eq!((drained.sent, drained.open), (1, 0), "{drained:?}");
        assert_eq!(queued.settled().await.unwrap()["n"], 1);
        let seen = program.server.seen();
        let keys: Vec<_> = seen
            .iter()
            .map(|seen| seen.header("idempotency-key"))
            .collect();
        assert_eq!(keys.len(), 2);
        assert!(keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_key_names_one_document_although_a_handler_changed_the_one_in_doubt() {
    for is_retry in [true, false] {
        let program = Program::new();
        let things = program
            .client
            .collection::<Value>("things")
            .on_refusal(Always(|_| Answer::Change(json!({"n": 2}))));
        things.post(&json!({"n": 1})).queue().await.unwrap();
        let refused = Event::Answer(422, &[], "{}");
        program.server.script([refused, Event::LoseRequest]);
        let drain = async || program.client.outbox().of(&things).drain().await.unwrap();
        drain().await;
        assert_eq!(drain().await.open, 1);
        let open = first_open(&things).await;
        assert_eq!(open.conflict().local, Some(json!({"n": 2})));
        if is_retry {
            open.retry().await.unwrap();
        } else {
            open.resolve(Resolution::KeepLocal).await.unwrap();
        }
        let at: &[(&str, &str)] = &[("location", "/v1/things/9")];
        program.server.script([Event::Answer(201, at, "")]);
        assert_eq!(drain().await.sent, 1);
        let mut bodies = HashMap::new();
        for seen in program.server.seen() {
            let key = seen.header("idempotency-key").unwrap().to_owned();
            let body = bodies.entry(key).or_insert_with(|| seen.body.clone());
            assert_eq!(*body, seen.body, "two documents under one key");
        }
        assert_eq!(bodies.len(), 2, "a document was sent under two keys");
    }
}
