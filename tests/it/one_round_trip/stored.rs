//! The data that a snapshot store receives, and the keys of that data.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use http::header::{CACHE_CONTROL, HeaderName, HeaderValue};
use ifmatch::{
    BoxError, Client, ClientBuilder, ErrorKind, SnapshotKey, SnapshotKeyError, SnapshotStore,
    StoredSnapshot, async_trait,
};

use crate::support::{ARTICLE, AT, Article, Event, Server};
use ifmatch::{Collection, ThreeWay};

/// A store that outlives clients, by the texts of keys as one on a disk.
#[derive(Clone, Default)]
struct Disk(Arc<Mutex<HashMap<String, StoredSnapshot>>>);

impl Disk {
    fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

#[async_trait]
impl SnapshotStore for Disk {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        let kept = self.0.lock().unwrap();
        // As one from another process, which knows neither users nor origins.
        let found = kept.get(&key.to_text());
        Ok(found.map(|it| {
            StoredSnapshot::new(
                it.document.clone(),
                it.validator.clone(),
                it.headers.clone(),
            )
        }))
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        self.0.lock().unwrap().insert(key.to_text(), snapshot);
        Ok(())
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.0.lock().unwrap().remove(&key.to_text());
        Ok(())
    }
}

fn articles(client: ClientBuilder) -> Collection<Article> {
    client
        .build()
        .unwrap()
        .collection_with("articles", ThreeWay::default())
}

const FORBIDDING: [(&str, &str); 4] = [
    ("cache-control", "no-store"),
    ("cache-control", "private, No-Store"),
    ("vary", "*"),
    ("vary", "accept, *"),
];

fn answered(tag: &'static str, with: &(&'static str, &'static str), body: &'static str) -> Event {
    let status = if body.is_empty() { 204 } else { 200 };
    let headers: [_; 2] = [("etag", tag), *with];
    Event::Answer(status, Box::leak(Box::new(headers)), body)
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_kept_is_not_handed_to_the_store() {
    for with in &FORBIDDING {
        let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
        let articles = articles(server.builder().store(disk.clone()));
        server.script([answered("\"1\"", with, ARTICLE)]);
        let mut read = articles.get(1).await.unwrap();
        assert!(disk.texts().is_empty(), "a read, {with:?}");
        // The value in hand is pinned to its version all the same.
        read.title = "mine".into();
        server.script([answered("\"2\"", with, "")]);
        articles.save(&read).await.unwrap();
        assert!(disk.texts().is_empty(), "a save, {with:?}");
        server.script([
            answered("\"2\"", with, ARTICLE),
            answered("\"3\"", with, ""),
        ]);
        articles.update(1, |it| it.views += 1).await.unwrap();
        assert!(disk.texts().is_empty(), "an update, {with:?}");
        let seen = server.seen();
        let shown: Vec<_> = seen
            .iter()
            .map(|it| (it.method.as_str(), it.header("if-match")))
            .collect();
        let (read, write) = (("GET", None), |tag| ("PUT", Some(tag)));
        let wanted = [read, write("\"1\""), read, write("\"2\"")];
        assert_eq!(shown, wanted, "{with:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_kept_before_goes_when_the_next_reply_may_not_be_kept() {
    let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
    let articles = articles(server.builder().store(disk.clone()));
    articles.get(1).await.unwrap();
    assert_eq!(disk.texts().len(), 1);
    server.script([answered("\"1\"", &FORBIDDING[0], ARTICLE)]);
    articles.refresh(1).await.unwrap();
    assert!(disk.texts().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_request_that_forbids_to_keep_its_reply_is_heeded() {
    let no_store = || HeaderValue::from_static("no-store");
    let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
    let of_the_client = server
        .builder()
        .store(disk.clone())
        .default_header(CACHE_CONTROL, no_store());
    let of_the_handle =
        articles(server.builder().store(disk.clone())).header(CACHE_CONTROL, no_store());
    for articles in [articles(of_the_client), of_the_handle] {
        articles.get(1).await.unwrap();
        articles.refresh(1).await.unwrap();
        articles.update(1, |it| it.views += 1).await.unwrap();
        assert!(disk.texts().is_empty());
    }
    let asked = server.seen();
    let asked = asked.iter().map(|it| it.header("cache-control").unwrap());
    assert!(
        asked.clone().all(|it| it.contains("no-store")),
        "{:?}",
        asked.collect::<Vec<_>>()
    );
}

#[tokio::test(start_paused = true)]
async fn clients_of_one_secret_find_each_others_snapshots_and_others_do_not() {
    let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
    let client = |secret: Option<&[u8]>| {
        let builder = server.builder().store(disk.clone()).bearer_token("hunter2");
        articles(match secret {
            Some(secret) => builder.store_secret(secret),
            None => builder,
        })
    };
    let updates_with = async |secret: Option<&[u8]>| {
        let before = server.seen().len();
        client(secret).update(1, |it| it.views += 1).await.unwrap();
        server.seen().len() - before
    };
    assert_eq!(updates_with(Some(b"a secret")).await, 2);
    assert_eq!(updates_with(Some(b"a secret")).await, 1);
    assert_eq!(updates_with(Some(b"another")).await, 2);
    assert_eq!(updates_with(None).await, 2);
    assert_eq!(updates_with(None).await, 2);
    let error = server.builder().store_secret([]).build().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Config);
}

#[tokio::test(start_paused = true)]
async fn the_text_of_a_key_is_part_of_a_file_name_and_holds_no_secret() {
    let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
    let client = Client::builder("http://ann:hunter1@server.test/v1")
        .transport(server.clone())
        .store(disk.clone())
        .store_secret(b"hunter3")
        .bearer_token("hunter4")
        .build()
        .unwrap();
    let articles = client.collection_with::<Article>("articles", ThreeWay::default());
    let articles = articles.query("api_key", "hunter2").header(
        HeaderName::from_static("x-key"),
        HeaderValue::from_static("hunter5"),
    );
    articles.get(1).await.unwrap();
    let text = disk.texts().pop().unwrap();
    assert!(!text.contains("hunter") && !text.contains("ann"), "{text}");
    assert!(text.starts_with("v2-"), "{text}");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
    assert!(text.bytes().all(plain), "{text}");
    let read: SnapshotKey = text.parse().unwrap();
    assert_eq!(
        (read.to_text(), read.url()),
        (text.clone(), "http://server.test/v1/articles/1")
    );
    let shown = format!("{read:?}");
    assert!(!shown.contains("hunter"), "{shown}");
    for (wrong, error) in [
        (text.replace("v2", "v1"), SnapshotKeyError::Version),
        (text[..90].to_owned(), SnapshotKeyError::Digest),
        (text[..101].to_owned(), SnapshotKeyError::Address),
        (format!("{}-x", &text[..101]), SnapshotKeyError::Address),
        (
            text.replacen(|it: char| it.is_ascii_hexdigit() && it != '2', "G", 1),
            SnapshotKeyError::Digest,
        ),
    ] {
        assert_eq!(wrong.parse::<SnapshotKey>().unwrap_err(), error, "{wrong}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_304_that_forbids_to_keep_takes_away_what_was_kept() {
    // RFC 9111 4.3.4: the fields of a 304 replace those of the stored reply, and 5.2.2.5: what is `no-store`
    // is not kept. So what was kept before goes.
    let (server, disk) = (Server::with(AT, ARTICLE), Disk::default());
    let articles = articles(server.builder().store(disk.clone()));
    articles.get(1).await.unwrap();
    assert_eq!(disk.texts().len(), 1);
    let forbids = &[("etag", "\"1\""), ("cache-control", "no-store")];
    server.script([Event::Answer(304, forbids, "")]);
    assert_eq!(articles.get(1).await.unwrap().title, "old");
    assert_eq!(disk.texts(), Vec::<String>::new());
}
