//! Journals in files that are damaged, or were left by other processes.

use std::path::Path;
use std::time::Duration;

use ifmatch::{Client, Collection, Journal, Limits, Policy, Resolution, Rule, ThreeWay, Versioned};
use serde_json::{Value, json};

use super::{TempFolder, first_open};
use crate::support::{ARTICLE, AT, Event, Server};

/// The directory of a journal.
struct Folder(TempFolder);

impl Folder {
    fn new(name: &str) -> Self {
        Self(TempFolder::new(name))
    }

    fn client(&self, server: &Server) -> (Client, Collection<Value>) {
        let client = server
            .builder()
            .journal(Journal::open(self.0.path()).build().unwrap())
            .limits(Limits::default().time(Duration::from_secs(5)))
            .build()
            .unwrap();
        let strategy = ThreeWay::new(Policy::new().field("/views", Rule::Counter));
        let articles = client.collection_with("articles", strategy);
        (client, articles)
    }

    /// Changes bytes on disk, wherever they are.
    fn damage(&self, from: &str, to: &str) {
        assert_eq!(from.len(), to.len());
        let mut found = 0;
        for entry in std::fs::read_dir(self.0.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|kind| kind == "journal") {
                found += replace(&path, from.as_bytes(), to.as_bytes());
            }
        }
        assert!(found > 0, "{from} is not on disk");
    }
}

fn replace(path: &Path, from: &[u8], to: &[u8]) -> usize {
    let mut bytes = std::fs::read(path).unwrap();
    let mut found = 0;
    let mut at = 0;
    while at + from.len() <= bytes.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + from.len()].copy_from_slice(to);
            found += 1;
        }
        at += 1;
    }
    std::fs::write(path, bytes).unwrap();
    found
}

fn server() -> Server {
    let server = Server::with(AT, ARTICLE);
    for id in 2..=3 {
        server.put(&format!("/v1/articles/{id}"), ARTICLE);
    }
    server
}

/// Saves a title, and gives up waiting for the response.
async fn abandoned(
    server: &Server,
    articles: &Collection<Value>,
    read: &Versioned<Value>,
    title: &str,
) {
    let mut changed = read.clone();
    changed["title"] = title.into();
    server.script([Event::Hang]);
    let save = async { articles.save(&changed).await };
    let save = tokio::time::timeout(Duration::from_millis(300), save);
    assert!(save.await.is_err(), "the response never comes");
}

async fn queue_title(articles: &Collection<Value>, id: u32, title: &'static str) {
    let update = articles.update(id, move |article| article["title"] = title.into());
    update.queue().await.unwrap();
}

fn at_version(articles: &Collection<Value>, read: &Versioned<Value>) -> Versioned<Value> {
    let snapshot = read.snapshot();
    let restored = articles.restore(1, snapshot.document(), snapshot.validator().cloned());
    restored.unwrap()
}

#[tokio::test]
async fn a_queued_write_is_not_lost_when_doubts_of_two_processes_are_settled() {
    let folder = Folder::new("two-doubts");
    let server = server();
    let (one, of_one) = folder.client(&server);
    let (other, of_other) = folder.client(&server);
    let read = of_one.get(1).await.unwrap();
    let same = of_other.get(1).await.unwrap();
    abandoned(&server, &of_one, &read, "one").await;
    queue_title(&of_one, 2, "two").await;
    queue_title(&of_other, 3, "three").await;
    abandoned(&server, &of_other, &same, "other").await;
    drop((one, of_one, other, of_other));

    // A third process saves again what the first one has saved.
    let (client, articles) = folder.client(&server);
    let mut again = at_version(&articles, &read);
    again["title"] = "one".into();
    articles.save(&again).await.unwrap();
    drop((client, articles));

    let (client, articles) = folder.client(&server);
    let drained = client.outbox().of(&articles).drain().await.unwrap();
    assert_eq!(drained.sent, 2, "{drained:?}");
    assert_eq!(server.value("/v1/articles/2")["title"], "two");
    assert_eq!(server.value("/v1/articles/3")["title"], "three");
}

#[tokio::test]
async fn a_damaged_document_does_not_affect_the_writes_of_other_resources() {
    let folder = Folder::new("damaged-document");
    let server = server();
    let (client, articles) = folder.client(&server);
    let read = articles.get(1).await.unwrap();
    abandoned(&server, &articles, &read, "TO-BE-DAMAGED").await;
    queue_title(&articles, 2, "two").await;
    drop((client, articles));
    folder.damage("TO-BE-DAMAGED", "TO-BE-DIMAGED");

    let (client, articles) = folder.client(&server);
    let awaited = articles
        .update(3, |article| article["title"] = "three".into())
        .await;
    let drained = client.outbox().of(&articles).drain().await.unwrap();
    assert_eq!((drained.sent, drained.open), (1, 0), "{drained:?}");
    awaited.unwrap();
}

#[tokio::test]
async fn a_write_whose_document_is_damaged_can_only_be_discarded() {
    let folder = Folder::new("damaged-local");
    let server = server();
    let (client, articles) = folder.client(&server);
    queue_title(&articles, 1, "TO-BE-DAMAGED").await;
    drop((client, articles));
    folder.damage("TO-BE-DAMAGED", "TO-BE-DIMAGED");

    let (client, articles) = folder.client(&server);
    let drain = async || client.outbox().of(&articles).drain().await.unwrap();
    assert_eq!(drain().await.open, 1);
    for decision in [
        Resolution::KeepLocal,
        Resolution::Merged(json!({"title": "mine"})),
    ] {
        let open = first_open(&articles).await;
        assert!(open.message().contains("damaged"), "{open:?}");
        let error = open.resolve(decision).await.unwrap_err();
        assert!(error.is_journal(), "{error}");
    }
    first_open(&articles).await.discard().await.unwrap();
    assert_eq!((drain().await.open, server.writes()), (0, 0));
    queue_title(&articles, 1, "mine").await;
    assert_eq!(drain().await.sent, 1);
}

#[tokio::test]
async fn a_count_whose_mark_is_damaged_is_not_made_twice() {
    let folder = Folder::new("damaged-mark");
    let server = server();
    let (client, articles) = folder.client(&server);
    let update = articles.update(1, |article| article["views"] = 2.into());
    update.queue().await.unwrap();
    server.script([Event::Hang]);
    let drain = client.outbox().drain();
    let drain = tokio::time::timeout(Duration::from_millis(500), drain);
    assert!(drain.await.is_err(), "the response never comes");
    tokio::time::sleep(Duration::from_millis(20)).await;
    drop((client, articles));
    folder.damage(r#"{"Sent":"#, r#"{"Sant":"#);

    let (client, articles) = folder.client(&server);
    let drained = client.outbox().of(&articles).drain().await.unwrap();
    assert_eq!(server.value(AT)["views"], 2, "{drained:?}");
}

#[tokio::test]
async fn a_write_that_has_ended_is_settled_though_the_drain_was_dropped() {
    let folder = Folder::new("dropped-drain");
    let server = server();
    let (client, articles) = folder.client(&server);
    let update = articles.update(1, |article| article["title"] = "mine".into());
    let queued = update.queue().await.unwrap();
    let id = queued.id();
    let drain = tokio::spawn(client.outbox().of(&articles).drain());
    while client.outbox().state(id).is_some() {
        tokio::task::yield_now().await;
    }
    drain.abort();
    let _ = drain.await;
    assert_eq!(server.value(AT)["title"], "mine");
    // Nothing is left to send, so no later drain can tell how it ended.
    assert_eq!(client.outbox().drain().await.unwrap().sent, 0);
    let settled = tokio::time::timeout(Duration::from_secs(5), queued.settled()).await;
    settled
        .expect("the write has ended, so `settled` returns")
        .unwrap();
}

#[tokio::test]
async fn a_file_of_a_newer_program_does_not_stop_the_outbox_of_an_older_one() {
    let folder = Folder::new("newer-file");
    let server = server();
    let (one, of_one) = folder.client(&server);
    let (newer, of_newer) = folder.client(&server);
    queue_title(&of_one, 2, "two").await;
    queue_title(&of_newer, 3, "three").await;
    let before: Vec<_> = std::fs::read_dir(folder.0.path()).unwrap().collect();
    assert!(before.len() >= 3);
    drop((newer, of_newer));
    // The process that has ended was a newer version: both commit slots name a newer format.
    for entry in std::fs::read_dir(folder.0.path()).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = std::fs::read(&path).unwrap();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if path.extension().is_some_and(|kind| kind == "journal") && text.contains("three") {
            (bytes[64], bytes[192]) = (9, 9);
            std::fs::write(&path, bytes).unwrap();
        }
    }
    let drained = one.outbox().of(&of_one).drain().await;
    assert_eq!(
        server.value("/v1/articles/2")["title"],
        "two",
        "{drained:?}"
    );
}

#[tokio::test]
async fn a_damaged_mark_is_told_and_the_other_writes_of_its_file_wait_for_a_person() {
    let folder = Folder::new("damaged-intent");
    let server = server();
    let (client, articles) = folder.client(&server);
    queue_title(&articles, 1, "mine").await;
    queue_title(&articles, 2, "mine too").await;
    drop((client, articles));
    folder.damage(r#""resource":"1""#, r#""resource":"7""#);

    // The damaged mark would have told which of them was sent.
    for _ in 0..2 {
        let journal = Journal::open(folder.0.path()).build().unwrap();
        let client = server.builder().journal(journal.clone()).build().unwrap();
        let articles = client.collection::<Value>("articles");
        let drained = client.outbox().of(&articles).drain().await.unwrap();
        assert_eq!((drained.sent, drained.open), (0, 1));
        let [damage] = &journal.damage()[..] else {
            panic!("one file has a damaged mark")
        };
        assert!(damage.contains("1 damaged and "), "{damage}");
    }
}
