//! Several clients, users and handles, one journal.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::header::{AUTHORIZATION, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use ifmatch::{Authenticator, BoxError, Client, Journal, Policy, Rule, ThreeWay, async_trait};
use serde_json::Value;

use super::{Program, queue_view};
use crate::support::{ARTICLE, AT, Article, Far, Server, edit};

/// Two clients of one program, which share a journal, and are ten milliseconds from the server.
fn two_clients(server: &Server) -> (Client, Client) {
    let journal = Journal::in_memory();
    let client = || {
        let client = server.builder().transport(Far(server.clone()));
        client.journal(journal.clone()).build().unwrap()
    };
    (client(), client())
}

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
