//! Cases in which several things come together: clients, users, handles, programs and decisions.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, ETAG, HeaderName, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderMap, HeaderValue, Method};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{
    Authenticator, BoxError, Client, Conflict, Generic, Journal, MergeStrategy, Policy, Resolution,
    Rule, ThreeWay, Versioning, async_trait,
};
use serde_json::{Value, json};

use super::{Program, queue_view};
use crate::support::{ARTICLE, AT, Article, Event, Far, Server, edit};

/// Two clients of one program, which share a journal, and are ten milliseconds from the server.
fn two_clients(server: &Server) -> (Client, Client) {
    let journal = Journal::in_memory();
    let client = || {
        let client = server.builder().transport(Far(server.clone()));
        client.journal(journal.clone()).build().unwrap()
    };
    (client(), client())
}

// Several clients can share a journal (`Journal`).

#[tokio::test(start_paused = true)]
async fn an_edit_does_not_join_one_that_another_client_is_sending() {
    let server = Server::with(AT, ARTICLE);
    let (one, other) = two_clients(&server);
    let (articles, same) = (
        one.collection::<Value>("articles"),
        other.collection::<Value>("articles"),
    );
    let title = articles.update(1, |article| article["title"] = "mine".into());
    title.queue().await.unwrap();
    // An awaited call makes the queued write wait for its turn.
    let awaited = async { articles.update(1, |article| article["n"] = 1.into()).await };
    let drained = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        one.outbox().drain().await.unwrap()
    };
    let joined = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let body = same.update(1, |article| article["body"] = "mine too".into());
        body.queue().await.unwrap()
    };
    let (awaited, _, _) = tokio::join!(awaited, drained, joined);
    awaited.unwrap();
    other.outbox().drain().await.unwrap();
    assert!(other.conflicts_of(&same).await.is_empty());
    let stored = server.value(AT);
    assert_eq!(
        (&stored["title"], &stored["body"]),
        (&"mine".into(), &"mine too".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_count_that_two_clients_of_one_journal_drain_is_made_once() {
    let server = Server::with(AT, ARTICLE);
    let (one, other) = two_clients(&server);
    let of = |client: &Client| {
        let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
        client.collection_with::<Article>("articles", strategy)
    };
    let (articles, same) = (of(&one), of(&other));
    queue_view(&articles).await;
    // An awaited call makes the queued write wait for its turn.
    let awaited = async { articles.update(1, edit).await };
    let drained = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        one.outbox().drain().await.unwrap()
    };
    let also = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        other.outbox().of(&same).drain().await.unwrap()
    };
    let (awaited, drained, also) = tokio::join!(awaited, drained, also);
    awaited.unwrap();
    assert_eq!(server.value(AT)["views"], 2, "{drained:?} {also:?}");
}

#[tokio::test(start_paused = true)]
async fn a_write_that_another_client_of_the_journal_has_sent_is_settled() {
    let server = Server::with(AT, ARTICLE);
    let (one, other) = two_clients(&server);
    let (articles, same) = (
        one.collection::<Value>("articles"),
        other.collection::<Value>("articles"),
    );
    let update = articles.update(1, |article| article["title"] = "mine".into());
    let queued = update.queue().await.unwrap();
    assert_eq!(other.outbox().of(&same).drain().await.unwrap().sent, 1);
    assert_eq!(one.outbox().state(queued.id()), None);
    let settled = tokio::time::timeout(Duration::from_secs(3_600), queued.settled()).await;
    settled
        .expect("the write has ended, so `settled` returns")
        .unwrap();
}

trait ConflictsOf {
    async fn conflicts_of(&self, of: &ifmatch::Collection<Value>) -> Vec<String>;
}

impl ConflictsOf for Client {
    async fn conflicts_of(&self, of: &ifmatch::Collection<Value>) -> Vec<String> {
        let (mut conflicts, mut messages) = (of.conflicts(), Vec::new());
        while let Some(open) = conflicts.next().await.unwrap() {
            messages.push(open.message().to_owned());
        }
        messages
    }
}

// After a logout, the writes of that user are not sent.

#[derive(Clone)]
struct Login(Arc<Mutex<&'static str>>);

#[async_trait]
impl Authenticator for Login {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert(AUTHORIZATION, self.0.lock().unwrap().parse()?);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        Some((*self.0.lock().unwrap()).to_owned())
    }
}

#[tokio::test(start_paused = true)]
async fn the_writes_of_a_user_who_logs_out_during_a_drain_are_not_sent_as_the_next_user() {
    let server = Server::with(AT, ARTICLE);
    let login = Login(Arc::new(Mutex::new("anna")));
    let client = server.builder().transport(Far(server.clone()));
    let client = client.journal(Journal::in_memory()).auth(login.clone());
    let client = client.build().unwrap();
    let articles = client.collection::<Value>("articles");
    let read = articles.get(1).await.unwrap();
    for member in ["title", "body"] {
        let mut changed = read.clone();
        changed[member] = "anna's".into();
        articles.save(&changed).queue().await.unwrap();
    }
    let (drained, ()) = tokio::join!(client.outbox().drain(), async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        *login.0.lock().unwrap() = "ben";
    });
    drained.unwrap();
    let seen = server.seen();
    let by_ben = seen
        .iter()
        .filter(|seen| seen.method != Method::GET && seen.header("authorization") == Some("ben"));
    assert_eq!(
        by_ben.count(),
        0,
        "Anna's write was sent with Ben's credentials"
    );
    assert_eq!(server.value(AT)["body"], "text");
}

// A write is sent through the handle that queued it.

#[tokio::test(start_paused = true)]
async fn an_edit_is_sent_with_the_headers_of_its_own_handle() {
    let program = Program::new();
    let of = |tenant: &'static str| {
        let name = HeaderName::from_static("x-tenant");
        let articles = program.client.collection::<Value>("articles");
        articles.header(name, HeaderValue::from_static(tenant))
    };
    let (one, other) = (of("one"), of("other"));
    let update = one.update(1, |article| article["title"] = "for one".into());
    update.queue().await.unwrap();
    let update = other.update(1, |article| article["body"] = "for other".into());
    update.queue().await.unwrap();
    program.client.outbox().drain().await.unwrap();
    let seen = program.server.seen();
    let mut tenants: Vec<_> = seen
        .iter()
        .filter(|seen| seen.method == Method::PUT)
        .map(|seen| seen.header("x-tenant").unwrap())
        .collect();
    tenants.sort_unstable();
    tenants.dedup();
    assert_eq!(tenants, ["one", "other"]);
}

#[tokio::test(start_paused = true)]
async fn a_look_through_another_handle_does_not_change_how_a_queued_write_merges() {
    let program = Program::new();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    // Shows the resource, and knows nothing of counters.
    let shown = program.client.collection::<Value>("articles");
    shown.local(1).await.unwrap();
    program
        .server
        .put(AT, r#"{"title":"old","body":"text","views":5}"#);
    let drained = program.client.outbox().drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (1, 0));
    assert_eq!(program.views(), 6);
}

// What others have written is not overwritten.

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
    let open = articles.conflicts().next().await.unwrap().unwrap();
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

// After an upgrade of the application, documents are migrated once.

/// The articles of the next version of the application, whose member `title` is named `name`.
fn renamed(client: &Client) -> ifmatch::Collection<Value> {
    let articles = client.collection_with("articles", ThreeWay::default());
    articles.schema(1, |from, document| {
        assert_eq!(from, 0);
        let mut value: Value = document.to_value();
        let title = value["title"].take();
        value.as_object_mut().unwrap().remove("title");
        value["name"] = title;
        Ok(ifmatch::Document::from_value(&value))
    })
}

async fn upgraded() -> Program {
    let program = Program::new();
    let articles = program.client.collection::<Value>("articles");
    articles.get(1).await.unwrap();
    let update = articles.update(1, |article| article["title"] = "mine".into());
    update.queue().await.unwrap();
    program.restarted()
}

#[tokio::test(start_paused = true)]
async fn a_conflict_of_a_migrated_write_shows_the_migrated_sides() {
    let program = upgraded().await;
    program
        .server
        .put(AT, r#"{"name":"theirs","body":"text","views":1}"#);
    let articles = renamed(&program.client);
    let outbox = program.client.outbox().of(&articles);
    assert_eq!(outbox.drain().await.unwrap().open, 1);
    let open = articles.conflicts().next().await.unwrap().unwrap();
    let conflict = open.conflict();
    let name = |side: &Option<Value>| side.as_ref().unwrap()["name"].clone();
    assert_eq!(name(&conflict.remote), "theirs");
    assert_eq!(name(&conflict.local), "mine");
}

#[tokio::test(start_paused = true)]
async fn a_migrated_write_whose_request_was_lost_is_sent_by_the_next_program() {
    let program = upgraded().await;
    program
        .server
        .put(AT, r#"{"name":"old","body":"text","views":1}"#);
    let articles = renamed(&program.client);
    // It meets the new version, reads, sends, and the request is lost. Then the program ends.
    program
        .server
        .script([Event::Plain, Event::Plain, Event::LoseRequest, Event::Hang]);
    let mut drain = Box::pin(program.client.outbox().of(&articles).drain());
    tokio::select! {
        biased;
        _ = &mut drain => panic!("the response never comes"),
        () = tokio::time::sleep(Duration::from_secs(5)) => {}
    }
    drop((drain, articles));
    let program = program.restarted();
    let articles = renamed(&program.client);
    let drained = program.client.outbox().of(&articles).drain().await.unwrap();
    let open = articles.conflicts().next().await.unwrap();
    let stored = program.server.value(AT);
    assert!(
        open.is_some() || stored["name"] == "mine",
        "{drained:?}: {stored}"
    );
}

// Nothing stays of a write that is settled.

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

// `local` shows a resource with everything that is on its way.

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

// A write that cannot be sent stops only the later writes to its own resource.

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

// A later process that names the collection sends what was queued through it.

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

// A full journal takes no new writes.

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

// A write that the server has accepted (202) is followed, and never sent again (promise 2).

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

// A key identifies one request.

#[tokio::test(start_paused = true)]
async fn a_decision_about_a_new_document_has_a_key_of_its_own() {
    let program = Program::new();
    let things = program.client.collection::<Value>("things");
    let post = things.post(&json!({"n": 1})).idempotency_key("order-7");
    post.queue().await.unwrap();
    program.server.script([Event::Answer(422, &[], "{}")]);
    assert_eq!(program.client.outbox().drain().await.unwrap().open, 1);
    let open = things.conflicts().next().await.unwrap().unwrap();
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

// A write is sent when the writes before it to the same resource have ended.

#[tokio::test(start_paused = true)]
async fn a_removal_behind_an_edit_is_made_if_nobody_else_has_written() {
    let program = Program::stamped();
    let articles = program.articles();
    articles.get(1).await.unwrap();
    queue_view(&articles).await;
    program.server.script([Event::LoseRequest]);
    program.server.script((0..20).map(|_| Event::NoConnection));
    program.drain().await;
    program.server.end_script();
    // The first write may have been sent, so the removal stays behind it.
    articles.delete(1).queue().await.unwrap();
    let drained = program.drain().await;
    assert_eq!((drained.sent, drained.open), (2, 0), "{drained:?}");
    assert_eq!(program.server.text(AT), None);
}
