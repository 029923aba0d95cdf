//! The program that is killed: it queues edits and sends them at the same time. One reply of twenty is lost.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::Method;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, FileStore, Journal, Policy, Rule, ThreeWay, async_trait};
use serde_json::{Value, json};

use crate::Site;

/// The documents that are edited.
pub(crate) const DOCUMENTS: [&str; 5] = ["k0.json", "k1.json", "k2.json", "k3.json", "k4.json"];

impl Site {
    pub(crate) fn documents(&self, client: &Client) -> Collection<Value> {
        let policy = Policy::new()
            .field("/n", Rule::Counter)
            .field("/tokens", Rule::Sequence);
        client
            .collection_with(self.path(), ThreeWay::new(policy))
            .write_stamp("/writes")
    }
}

/// Creates the documents, or empties them.
pub(crate) async fn create(site: &Site) {
    let documents = site.documents(&site.builder().build().unwrap());
    for name in DOCUMENTS {
        let empty = json!({"n": 0, "tokens": [], "foreign": 0});
        let mut new = empty.clone();
        if site.kind == "kinto" {
            new["id"] = site.id(name).into();
        }
        match documents.get_opt(site.id(name)).await.unwrap() {
            None => drop(documents.create(site.id(name), &new).await.unwrap()),
            Some(mut there) => {
                for (member, value) in empty.as_object().unwrap() {
                    there[member] = value.clone();
                }
                documents.save(&there).await.unwrap();
            }
        }
    }
}

/// Returns what the server has.
pub(crate) async fn stored(site: &Site) -> Vec<Value> {
    let documents = site.documents(&site.builder().build().unwrap());
    let mut stored = Vec::new();
    for name in DOCUMENTS {
        stored.push(documents.get(site.id(name)).await.unwrap().into_inner());
    }
    stored
}

/// Loses one reply of twenty, and every write of a program that only queues.
pub(crate) struct Lossy(pub(crate) Arc<dyn Transport>);

#[async_trait]
impl Transport for Lossy {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let is_write = request.method != Method::GET;
        if is_write && Mode::from_env() == Mode::Queues {
            return Err(TransportError::new(Fate::NotSent, "there is no network"));
        }
        let reply = self.0.send(request).await;
        if is_write && fastrand::u8(..20) == 0 {
            return Err(TransportError::new(Fate::Unknown, "the reply was lost"));
        }
        reply
    }
}

/// What the program reports first.
pub(crate) const STARTED: &str = "started";

/// Reports that the program has started, and returns its server. `None` if it was not started by the test.
pub(crate) fn started() -> Option<Site> {
    let site = Site::from_env()?;
    tell(STARTED, site.kind);
    Some(site)
}

/// Reports to the test, before anything else happens.
pub(crate) fn tell(what: &str, token: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{what} {token}").unwrap();
    out.flush().unwrap();
}

/// Returns a document and a token that no other edit has.
pub(crate) fn drawn() -> (&'static str, String) {
    let name = DOCUMENTS[fastrand::usize(..DOCUMENTS.len())];
    (name, format!("{:016x}", fastrand::u64(..)))
}

/// Returns another document.
pub(crate) fn other_than(name: &str) -> &'static str {
    loop {
        let (other, _) = drawn();
        if other != name {
            return other;
        }
    }
}

/// Sends what is queued until nothing is left.
pub(crate) async fn drained(client: &Client, documents: &Collection<Value>) {
    loop {
        let drained = client.outbox().of(documents).drain().await.unwrap();
        if let Some(open) = documents.conflicts().next().await.unwrap() {
            panic!("{drained:?}, open: {}", open.message());
        }
        assert_eq!(drained.others, 0);
        if drained.left == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Mode {
    /// It queues edits and sends them.
    Both,
    /// It queues edits, and no write reaches the server.
    Queues,
    /// It sends what is queued, for as long as it runs.
    Sends,
    /// It sends what is queued, and ends.
    Drains,
}

impl Mode {
    pub(crate) fn from_env() -> Self {
        match std::env::var("KILLED_MODE").as_deref() {
            Ok("Queues") => Self::Queues,
            Ok("Sends") => Self::Sends,
            Ok("Drains") => Self::Drains,
            _ => Self::Both,
        }
    }
}

#[tokio::test]
#[ignore = "the program, which the test starts"]
async fn queues_and_sends() {
    let Some(site) = started() else { return };
    let folder = PathBuf::from(std::env::var("KILLED_FOLDER").unwrap());
    let client = site
        .builder()
        .journal(Journal::open(folder.join("journal")).build().unwrap())
        .store(FileStore::open(folder.join("cache")).unwrap())
        .layer(Lossy)
        .build()
        .unwrap();
    let documents = site.documents(&client);
    let mode = Mode::from_env();
    if mode == Mode::Drains {
        return drained(&client, &documents).await;
    }
    let sending = tokio::spawn(client.outbox().of(&documents).run());
    if mode == Mode::Sends {
        let error = sending.await.unwrap();
        panic!("the outbox ended: {error}");
    }
    // Somebody else writes too.
    let other = site.documents(&site.builder().build().unwrap());
    let of = site.clone();
    tokio::spawn(async move {
        loop {
            let update = other.update(of.id(drawn().0), |document| {
                document["foreign"] = (document["foreign"].as_u64().unwrap_or(0) + 1).into();
            });
            let _ = update.await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    loop {
        let (name, token) = drawn();
        tell("begun", &token);
        let added = token.clone();
        let update = documents.update(site.id(name), move |document| {
            document["n"] = (document["n"].as_u64().unwrap_or(0) + 1).into();
            if let Some(tokens) = document["tokens"].as_array_mut() {
                tokens.push(added.clone().into());
            }
        });
        if update.queue().await.is_ok() {
            tell("queued", &token);
        }
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..8))).await;
    }
}
