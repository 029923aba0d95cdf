//! A queued write belongs to its user.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{
    Authenticator, BoxError, Client, ClientBuilder, ErrorKind, Journal, MemoryStore, SnapshotKey,
    SnapshotStore, StoredSnapshot, async_trait,
};
use serde_json::Value;

use crate::support::{ARTICLE, AT, Far, Server};

/// The user who is logged in.
#[derive(Clone)]
struct Login(Arc<Mutex<Option<&'static str>>>);

#[async_trait]
impl Authenticator for Login {
    async fn authenticate(&self, headers: &mut HeaderMap) -> Result<(), BoxError> {
        let user = self.0.lock().unwrap().unwrap_or("anonymous");
        headers.insert(AUTHORIZATION, user.parse()?);
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
    only_the_same_user_sends(&server, |token| server.builder().bearer_token(token)).await;
}

#[tokio::test(start_paused = true)]
async fn another_user_in_the_base_url_is_another_user() {
    let server = Server::with(AT, ARTICLE);
    only_the_same_user_sends(&server, |user| {
        let url = format!("http://{user}:password@server.test/v1");
        Client::builder(url).transport(server.clone())
    })
    .await;
    let seen = server.seen();
    let mut sent = seen.iter().filter_map(|seen| seen.header("authorization"));
    assert_eq!(sent.next_back(), Some("Basic b25lOnBhc3N3b3Jk"));
}

async fn only_the_same_user_sends(server: &Server, builder: impl Fn(&str) -> ClientBuilder) {
    let journal = Journal::in_memory();
    let client = |user| builder(user).journal(journal.clone()).build().unwrap();
    let articles = client("one").collection::<Value>("articles");
    let update = articles.update(1, |article| article["n"] = 1.into());
    update.queue().await.unwrap();
    for (user, expected) in [("other", (0, 1)), ("one", (1, 0))] {
        let client = client(user);
        let articles = client.collection::<Value>("articles");
        let drained = client.outbox().of(&articles).drain().await.unwrap();
        assert_eq!((drained.sent, drained.others), expected, "{user}");
    }
    assert_eq!(server.writes(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_outbox_runs_on_while_no_user_is_logged_in() {
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
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert!(!running.is_finished());
    *login.0.lock().unwrap() = Some("anna");
    assert_eq!(queued.settled().await.unwrap()["title"], "anna's");
    running.abort();
}

/// Keeps a document for each user at the same address.
#[derive(Clone)]
struct ForEachUser(Far);

#[async_trait]
impl Transport for ForEachUser {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let user = request.headers[AUTHORIZATION].to_str().unwrap().to_owned();
        request.url.set_path(&format!("/{user}"));
        self.0.send(request).await
    }
}

/// A store that is ten milliseconds away.
struct FarStore(MemoryStore);

#[async_trait]
impl SnapshotStore for FarStore {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.0.get(key).await
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        self.0.put(key, snapshot).await
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.0.remove(key).await
    }
}

#[tokio::test(start_paused = true)]
async fn an_edit_that_is_queued_during_a_login_is_not_made_on_what_the_next_user_sees() {
    let mut refused = 0;
    for after in 0..40 {
        let server = Server::default();
        server.put("/anna", r#"{"secret":"anna's"}"#);
        server.put("/ben", r#"{"secret":"ben's"}"#);
        let login = Login(Arc::new(Mutex::new(Some("anna"))));
        let transport = ForEachUser(Far(server.clone()));
        let client = server.builder().transport(transport).auth(login.clone());
        let client = client.store(FarStore(MemoryStore::default()));
        let client = client.journal(Journal::in_memory()).build().unwrap();
        let profile = client.resource::<Value>("profile");
        let edit = async {
            let update = profile.update(|profile| profile["title"] = "edited".into());
            update.queue().await
        };
        let (queued, ()) = tokio::join!(edit, async {
            tokio::time::sleep(Duration::from_millis(after)).await;
            *login.0.lock().unwrap() = Some("ben");
        });
        refused += u32::from(queued.is_err());
        for user in ["ben", "anna"] {
            *login.0.lock().unwrap() = Some(user);
            client.outbox().drain().await.unwrap();
        }
        for user in ["anna", "ben"] {
            let stored = server.value(&format!("/{user}"));
            assert_eq!(stored["secret"], format!("{user}'s"), "after {after} ms");
        }
        let is_edited = |user: &str| server.value(&format!("/{user}")).get("title").is_some();
        let edited = usize::from(is_edited("anna")) + usize::from(is_edited("ben"));
        assert_eq!(edited, usize::from(queued.is_ok()), "after {after} ms");
    }
    assert!(refused > 0, "no login came in between");
}
