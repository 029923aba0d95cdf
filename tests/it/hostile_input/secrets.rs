//! Secrets are not printed, and no user gets another user's snapshot.

use std::sync::{Arc, Mutex};

use crate::support::{ARTICLE, AT, Article, Event, Server, articles, edit};
use ifmatch::{
    Authenticator, BoxError, Client, IntoSave, SnapshotKey, SnapshotStore, StoredSnapshot,
    ThreeWay, async_trait,
};
use serde_json::Value;

#[tokio::test(start_paused = true)]
async fn the_debug_form_of_a_head_shows_no_cookies() {
    let server = Server::with(AT, ARTICLE);
    server.script([Event::Answer(200, &[("set-cookie", "session=hunter2")], "")]);
    let headed = articles(&server).head(1).await.unwrap();
    assert!(!format!("{headed:?}").contains("hunter2"), "{headed:?}");
}

struct Spy(Arc<Mutex<String>>);
#[async_trait]
impl SnapshotStore for Spy {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        *self.0.lock().unwrap() = format!("{key:?}");
        Ok(None)
    }
    async fn put(&self, _: &SnapshotKey, _: StoredSnapshot) -> Result<(), BoxError> {
        Ok(())
    }
    async fn remove(&self, _: &SnapshotKey) -> Result<(), BoxError> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_debug_form_of_a_snapshot_key_shows_no_query_and_no_password() {
    let server = Server::with(AT, ARTICLE);
    let shown = Arc::new(Mutex::new(String::new()));
    let client = Client::builder("http://ann:hunter1@server.test/v1")
        .transport(server.clone())
        .store(Spy(shown.clone()))
        .build()
        .unwrap();
    client
        .collection_with::<Value>("articles", ThreeWay::default())
        .query("api_key", "hunter2")
        .get(1)
        .await
        .unwrap();
    let shown = shown.lock().unwrap().clone();
    assert!(!shown.contains("hunter"), "{shown}");
}

#[tokio::test(start_paused = true)]
async fn the_debug_form_of_a_value_on_its_way_shows_no_query() {
    let server = Server::with(AT, ARTICLE);
    let read = articles(&server)
        .query("api_key", "hunter2")
        .get(1)
        .await
        .unwrap();
    let shown = format!("{:?}", (&read).into_save());
    assert!(!shown.contains("hunter2"), "{shown}");
}

struct Service;
#[async_trait]
impl Authenticator for Service {
    async fn authenticate(&self, headers: &mut http::HeaderMap) -> Result<(), BoxError> {
        headers.insert("authorization", "Bearer service".parse()?);
        Ok(())
    }
    fn identity(&self) -> Option<String> {
        Some("service".into())
    }
}

#[tokio::test(start_paused = true)]
async fn with_an_identity_tenant_headers_part_snapshots_too() {
    let server = Server::with(AT, ARTICLE);
    let client = server.builder().auth(Service).build().unwrap();
    let tenant = |name: &'static str| {
        client
            .collection_with::<Article>("articles", ThreeWay::default())
            .header(
                http::HeaderName::from_static("x-tenant"),
                http::HeaderValue::from_static(name),
            )
    };
    tenant("a").get(1).await.unwrap();
    tenant("b").update(1, edit).await.unwrap();
    let seen = server.seen();
    assert_eq!(
        (seen[1].method.as_str(), seen[1].header("x-tenant")),
        ("GET", Some("b")),
        "tenant b was written with tenant a's snapshot"
    );
}

/// A user, and how many more calls there are of which every other one fails.
struct Flaky(Mutex<(String, u32)>);

#[async_trait]
impl Authenticator for Flaky {
    async fn authenticate(&self, headers: &mut http::HeaderMap) -> Result<(), BoxError> {
        let (user, failures) = &mut *self.0.lock().unwrap();
        if *failures > 0 {
            *failures -= 1;
            if *failures % 2 == 0 {
                return Err("the token service hiccups".into());
            }
        }
        headers.insert("authorization", format!("Bearer {user}").parse()?);
        Ok(())
    }
}

struct Shared(Arc<Flaky>);

#[async_trait]
impl Authenticator for Shared {
    async fn authenticate(&self, headers: &mut http::HeaderMap) -> Result<(), BoxError> {
        self.0.authenticate(headers).await
    }
}

#[tokio::test(start_paused = true)]
async fn without_credentials_a_snapshot_is_nobodys() {
    let server = Server::with(AT, ARTICLE);
    let auth = Arc::new(Flaky(Mutex::new(("ann".into(), 0))));
    let client = server.builder().auth(Shared(auth.clone())).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    // fails for the key (1), works for the request (2), fails for the key again (3)
    auth.0.lock().unwrap().1 = 3;
    let _ = articles.get(1).await;
    *auth.0.lock().unwrap() = ("bob".into(), 1);
    let _ = articles.get(1).await;
    let last = server.seen().pop().unwrap();
    assert!(
        last.header("if-none-match").is_none(),
        "{:?} was asked with ann's tag and would be shown ann's document",
        last.header("authorization")
    );
}

/// The user of each call of `authenticate`, one after the other.
struct Turns(Mutex<Vec<&'static str>>);

#[async_trait]
impl Authenticator for Turns {
    async fn authenticate(&self, headers: &mut http::HeaderMap) -> Result<(), BoxError> {
        let user = self.0.lock().unwrap().remove(0);
        headers.insert("authorization", format!("Bearer {user}").parse()?);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_user_who_comes_in_during_a_call_leaves_nothing_to_the_one_before() {
    let server = Server::with(AT, ARTICLE);
    // for the key, for the request; then again
    let auth = Turns(Mutex::new(vec!["ann", "bob", "ann", "ann"]));
    let client = server.builder().auth(auth).build().unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    articles.get(1).await.unwrap();
    articles.get(1).await.unwrap();
    let last = server.seen().pop().unwrap();
    assert!(
        last.header("if-none-match").is_none(),
        "{:?} is asked with bob's tag and would be shown bob's document",
        last.header("authorization")
    );
}
