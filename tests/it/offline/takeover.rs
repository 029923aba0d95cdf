//! What processes that have ended left behind is taken over once, and as a whole.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use ifmatch::{Client, Collection, ErrorKind, Journal};
use serde_json::{Value, json};

use super::TempFolder;
use crate::support::{ARTICLE, AT, Server};

/// A directory in which programs begin and end.
struct Programs {
    folder: TempFolder,
    server: Server,
}

impl Programs {
    fn new(name: &str) -> Self {
        Self {
            folder: TempFolder::new(name),
            server: Server::with(AT, ARTICLE),
        }
    }

    fn begin(&self) -> (Client, Collection<Value>) {
        self.begin_with("the secret")
    }

    fn begin_with(&self, secret: &str) -> (Client, Collection<Value>) {
        let journal = Journal::open(self.folder.path()).build().unwrap();
        let client = self.server.builder().journal(journal);
        let client = client.store_secret(secret).build().unwrap();
        let articles = client.collection("articles");
        (client, articles)
    }
}

async fn queue_title(articles: &Collection<Value>, id: u32, title: &str) {
    let title = title.to_owned();
    let update = articles.update(id, move |article| article["title"] = title.clone().into());
    update.queue().await.unwrap();
}

/// Polls a future once, and drops it.
async fn abandoned<F: Future>(mut future: Pin<Box<F>>) {
    let is_pending = poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_pending()));
    assert!(is_pending.await, "it ended at once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_drains_that_take_over_at_once_send_every_write_once_to_its_resource() {
    for round in 0..10 {
        let programs = Programs::new(&format!("takeover-twice-{round}"));
        let (client, articles) = programs.begin();
        let mut others = Vec::new();
        for id in 1..=8 {
            programs.server.put(&format!("/v1/articles/{id}"), ARTICLE);
            let (other, of_other) = programs.begin();
            queue_title(&of_other, id, &format!("of {id}")).await;
            others.push((other, of_other));
        }
        drop(others);
        let drain = || tokio::spawn(client.outbox().of(&articles).drain());
        let (one, two) = tokio::join!(drain(), drain());
        one.unwrap().unwrap();
        two.unwrap().unwrap();
        client.outbox().drain().await.unwrap();
        for id in 1..=8 {
            let stored = programs.server.value(&format!("/v1/articles/{id}"));
            assert_eq!(stored["title"], format!("of {id}"), "round {round}");
        }
        assert_eq!(programs.server.writes(), 8);
    }
}

#[tokio::test]
async fn a_drain_that_is_dropped_while_it_takes_over_loses_nothing() {
    let programs = Programs::new("takeover-dropped");
    let (one, of_one) = programs.begin();
    let (other, of_other) = programs.begin();
    queue_title(&of_one, 1, "left").await;
    drop((one, of_one));
    abandoned(Box::pin(other.outbox().of(&of_other).drain())).await;
    // This one waits until the first takeover has ended.
    assert_eq!(other.outbox().drain().await.unwrap().sent, 1);
    assert_eq!(programs.server.value(AT)["title"], "left");
}

#[tokio::test]
async fn a_file_of_a_client_with_another_secret_is_told_and_stops_nothing() {
    let programs = Programs::new("takeover-secret");
    let folder = programs.folder.path().to_owned();
    let (one, of_one) = programs.begin_with("one");
    let journal = Journal::open(&folder).build().unwrap();
    let other = programs.server.builder().journal(journal.clone());
    let other = other.store_secret("other").build().unwrap();
    let of_other = other.collection::<Value>("articles");
    queue_title(&of_one, 1, "of one").await;
    let update = of_other.update(1, |article| article["body"] = "new".into());
    update.queue().await.unwrap();
    drop((one, of_one));
    for sent in [1, 0] {
        let drained = other.outbox().drain().await.unwrap();
        assert_eq!((drained.sent, drained.others), (sent, 0), "{drained:?}");
    }
    let [damage] = &journal.damage()[..] else {
        panic!("{:?}", journal.damage());
    };
    assert!(damage.contains("store_secret"), "{damage}");
    // It is left to a client with its own secret.
    let (one, of_one) = programs.begin_with("one");
    let drained = one.outbox().of(&of_one).drain().await.unwrap();
    assert_eq!(drained.sent, 1, "{drained:?}");
    assert_eq!(programs.server.value(AT)["title"], "of one");
}

#[tokio::test]
async fn a_creation_is_settled_although_the_removal_that_replaced_it_was_dropped() {
    let programs = Programs::new("takeover-superseded");
    let (client, articles) = programs.begin();
    let queued = articles.create(7, &json!({"n": 1})).queue().await.unwrap();
    let id = queued.id();
    let mut removal = Box::pin(async { articles.delete(7).queue().await.map(drop) });
    while client.outbox().state(id).is_some() {
        let is_pending =
            poll_fn(|context| Poll::Ready(removal.as_mut().poll(context).is_pending()));
        assert!(is_pending.await, "the creation was seen to end");
        tokio::task::yield_now().await;
    }
    drop(removal);
    let settled = tokio::time::timeout(Duration::from_secs(60), queued.settled());
    let gone = settled.await.expect("the creation has ended").unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
}
