//! A queued write belongs to its user.

use std::sync::{Arc, Mutex};

use http::HeaderMap;
use http::header::AUTHORIZATION;
use ifmatch::{Authenticator, BoxError, Client, ErrorKind, Journal, async_trait};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Server};

/// The user who is logged in.
#[derive(Clone)]
struct Login(Arc<Mutex<Option<&'static str>>>);

#[async_trait]
impl Authenticator for Login {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        headers.insert(AUTHORIZATION, "Bearer t".parse()?);
        Ok(())
    }

    fn identity(&self) -> Option<String> {
        self.0.lock().unwrap().map(str::to_owned)
    }
}

fn client(server: &Server, journal: &Journal, login: &Login) -> Client {
    let client = server.builder().journal(journal.clone());
    client.auth(login.clone()).build().unwrap()
}

#[tokio::test(start_paused = true)]
async fn another_users_writes_are_neither_sent_nor_shown() {
    let server = Server::with(AT, ARTICLE);
    let journal = Journal::in_memory();
    let login = Login(Arc::new(Mutex::new(Some("anna"))));
    let client = client(&server, &journal, &login);
    let articles = client.collection::<Value>("articles");
    let queued = articles.update(1, |article| article["title"] = "anna's".into());
    let queued = queued.queue().await.unwrap();

    *login.0.lock().unwrap() = Some("ben");
    assert!(articles.local(1).await.unwrap().is_none());
    assert_eq!(client.outbox().state(queued.id()), None);
    let drained = client.outbox().drain().await.unwrap();
    assert_eq!((drained.sent, drained.left, drained.others), (0, 0, 1));
    // Ben's own writes do not wait for Anna's.
    let own = articles.update(1, |article| article["body"] = "ben's".into());
    own.queue().await.unwrap();
    assert_eq!(client.outbox().drain().await.unwrap().sent, 1);
    assert_eq!(server.writes(), 1);

    *login.0.lock().unwrap() = Some("anna");
    assert_eq!(client.outbox().drain().await.unwrap().sent, 1);
    let stored = queued.settled().await.unwrap();
    assert_eq!(
        (&stored["title"], &stored["body"]),
        (&"anna's".into(), &"ben's".into())
    );
}

#[tokio::test(start_paused = true)]
async fn a_user_without_a_name_cannot_queue() {
    let server = Server::with(AT, ARTICLE);
    let login = Login(Arc::new(Mutex::new(None)));
    let client = client(&server, &Journal::in_memory(), &login);
    let articles = client.collection::<Value>("articles");
    let error = articles
        .update(1, |article| article["n"] = 1.into())
        .queue()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("identity"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn another_api_key_is_another_user() {
    let server = Server::with(AT, ARTICLE);
    let journal = Journal::in_memory();
    let of = |token: &str| {
        let client = server
            .builder()
            .journal(journal.clone())
            .bearer_token(token);
        client.build().unwrap()
    };
    let articles = of("one").collection::<Value>("articles");
    let update = articles.update(1, |article| article["n"] = 1.into());
    update.queue().await.unwrap();
    let other = of("other");
    let drained = other
        .outbox()
        .of(&other.collection::<Value>("articles"))
        .drain()
        .await
        .unwrap();
    assert_eq!((drained.sent, drained.others), (0, 1));
    let again = of("one");
    let drained = again
        .outbox()
        .of(&again.collection::<Value>("articles"))
        .drain()
        .await
        .unwrap();
    assert_eq!((drained.sent, drained.others), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn an_outbox_runs_on_while_nobody_is_logged_in() {
    let server = Server::with(AT, ARTICLE);
    let login = Login(Arc::new(Mutex::new(Some("anna"))));
    let client = client(&server, &Journal::in_memory(), &login);
    let articles = client.collection::<Value>("articles");
    articles.get(1).await.unwrap();
    let running = tokio::spawn(client.outbox().run());
    let update = articles.update(1, |article| article["title"] = "anna's".into());
    *login.0.lock().unwrap() = Some("anna");
    let queued = update.queue().await.unwrap();
    *login.0.lock().unwrap() = None;
    tokio::time::sleep(std::time::Duration::from_secs(600)).await;
    assert!(!running.is_finished());
    *login.0.lock().unwrap() = Some("anna");
    assert_eq!(queued.settled().await.unwrap()["title"], "anna's");
    running.abort();
}
