//! A watch of a real server: another client writes and removes, and every final state is told.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use ifmatch::profiles::Kinto;
use ifmatch::transport::{
    Bytes, Chunks, Fate, Request, Reqwest, Response, Streaming, TransportError,
};
use ifmatch::{
    Change, Collection, Feed, Generic, Position, RemoteWins, Transport, Watch, async_trait,
};
use serde_json::{Value, json};
use tokio::sync::broadcast::{Receiver, Sender};

use crate::Server;

const WRITES: u64 = 100;
const RESOURCES: u8 = 12;
/// How long the watch may take to tell everything after the last write.
const LATEST: Duration = Duration::from_secs(90);

/// The id of one resource of this story.
fn id(server: &Server, resource: u8) -> String {
    server.id(&format!("watch{resource}"))
}

fn documents_of(server: &Server) -> Collection<Value> {
    server.client().collection_with(server.path, RemoteWins)
}

/// Creates, changes or removes a resource.
async fn change(
    documents: &Collection<Value>,
    there: &mut BTreeMap<String, u64>,
    id: &str,
    n: u64,
    removes: bool,
) {
    let is_there = there.contains_key(id);
    if is_there && removes {
        documents.delete(id).await.unwrap();
        there.remove(id);
        return;
    }
    if is_there {
        let update = documents.update(id, move |document| document["n"] = n.into());
        update.await.unwrap();
    } else {
        documents.create(id, &json!({ "n": n })).await.unwrap();
    }
    there.insert(id.to_owned(), n);
}

/// What is there of this story.
async fn present(server: &Server, documents: &Collection<Value>) -> BTreeMap<String, u64> {
    let mut there = BTreeMap::new();
    for resource in 0..RESOURCES {
        let id = id(server, resource);
        if let Some(found) = documents.get_opt(&id).await.unwrap() {
            there.insert(id, found["n"].as_u64().unwrap());
        }
    }
    there
}

/// Writes and removes at random. Returns what is there in the end.
async fn write(server: &Server, from: u64) -> BTreeMap<String, u64> {
    let documents = documents_of(server);
    let mut random = fastrand::Rng::with_seed(from);
    let mut there = present(server, &documents).await;
    for n in from..from + WRITES {
        let id = id(server, random.u8(..RESOURCES));
        let removes = random.u8(..5) == 0;
        change(&documents, &mut there, &id, n, removes).await;
    }
    there
}

struct View {
    /// The ids of this story. Documents of others lie there too.
    ids: BTreeSet<String>,
    of: BTreeMap<String, u64>,
    told: usize,
    resets: usize,
}

impl View {
    fn of(server: &Server) -> Self {
        Self {
            ids: (0..RESOURCES)
                .map(|resource| id(server, resource))
                .collect(),
            of: BTreeMap::new(),
            told: 0,
            resets: 0,
        }
    }

    /// Follows for a time.
    async fn follow_for(&mut self, watch: &mut Watch<Value>, time: Duration) {
        if let Ok(change) = tokio::time::timeout(time, watch.next()).await {
            self.take(change.unwrap().unwrap());
        }
    }

    /// Follows until the view is as expected.
    async fn follow(&mut self, watch: &mut Watch<Value>, expected: &BTreeMap<String, u64>) {
        let since = Instant::now();
        while self.of != *expected {
            assert!(
                since.elapsed() < LATEST,
                "{:?} is not {expected:?}",
                self.of
            );
            self.follow_for(watch, LATEST).await;
        }
    }

    fn take(&mut self, change: Change<Value>) {
        self.told += 1;
        match change {
            Change::Put(document) => {
                let id = document.snapshot().id().unwrap().to_owned();
                if self.ids.contains(&id) {
                    self.of.insert(id, document["n"].as_u64().unwrap());
                }
            }
            Change::Gone(id) => drop(self.of.remove(&id)),
            Change::Reset => self.resets += 1,
            Change::CaughtUp => {}
        }
    }
}

/// The story of a watch: the whole, changes while it is followed, and changes since a position.
pub(crate) async fn tell(server: &Server) {
    let there = write(server, 1).await;
    let documents = documents_of(server);
    let mut watch = documents.watch().await.unwrap();
    let mut view = View::of(server);
    view.follow(&mut watch, &there).await;
    let writer = write(server, 1_000);
    // It is followed while the other client writes.
    let follower = view.follow_for(&mut watch, Duration::from_secs(1));
    let (there, ()) = tokio::join!(writer, follower);
    view.follow(&mut watch, &there).await;
    // The last change counts as handled once the next one was asked for.
    view.follow_for(&mut watch, Duration::from_secs(2)).await;
    let position: Option<Position> = watch.position();
    assert!(position.is_some(), "{}: no position", server.name);
    drop(watch);

    let there = write(server, 2_000).await;
    let mut watch = documents.watch().from(position).await.unwrap();
    view.follow(&mut watch, &there).await;
    assert_eq!(
        view.resets, 0,
        "{}: the position is still known",
        server.name
    );
    println!(
        "{}: {} changes told of {} writes, all final states seen, also from a position",
        server.name,
        view.told,
        3 * WRITES
    );
}

/// A connection to a feed that is cut now and then.
struct Cut {
    stream: Streaming,
    cuts: Receiver<()>,
}

#[async_trait]
impl Chunks for Cut {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        tokio::select! {
            chunk = self.stream.next() => chunk,
            _ = self.cuts.recv() => Err(TransportError::new(Fate::Unknown, "the connection was cut")),
        }
    }
}

/// A transport that cuts feeds when it is told to.
struct Cutting(Reqwest, Sender<()>);

#[async_trait]
impl Transport for Cutting {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let mut stream = self.0.open(request).await?;
        let (status, headers) = (stream.status, std::mem::take(&mut stream.headers));
        let cuts = self.1.subscribe();
        Ok(Streaming::new(
            status,
            headers,
            Box::new(Cut { stream, cuts }),
        ))
    }
}

/// A thousand writes of another client, of which a feed tells that can repeat ten events.
pub(crate) async fn tell_of_gaps(server: &Server, publish: &str) {
    let feed = Feed::event_stream("../events")
        .items_at("/data")
        .tag_at("/last_modified")
        .whole_items();
    let web = reqwest::Client::new();
    let resets = tell_of_cuts(
        server,
        Generic::over(Kinto).feed(feed),
        async |id, _, is_gone| {
            let event = json!({ "id": id, "deleted": is_gone });
            let told = web.post(publish).json(&event).send().await.unwrap();
            assert!(told.status().is_success());
        },
    );
    assert!(resets.await > 0, "gaps are told");
}

/// A thousand writes of another client, over connections that are cut two hundred times. `written` is called after each
/// write. Returns how often the watch began again.
pub(crate) async fn tell_of_cuts(
    server: &Server,
    profile: Generic,
    written: impl AsyncFn(&str, u64, bool),
) -> usize {
    let cuts = Sender::new(1);
    let client = server
        .builder()
        .profile(profile)
        .transport(Cutting(
            Reqwest::with_client(reqwest::Client::new()),
            cuts.clone(),
        ))
        .build()
        .unwrap();
    let documents: Collection<Value> = client.collection_with(server.path, RemoteWins);
    let mut watch = documents.watch().await.unwrap();
    let mut view = View::of(server);
    view.follow_for(&mut watch, Duration::from_secs(5)).await;

    let others = documents_of(server);
    let writer = async {
        let mut random = fastrand::Rng::with_seed(11);
        let mut there = present(server, &others).await;
        for n in 1..=1_000_u64 {
            let id = id(server, random.u8(..RESOURCES));
            let removes = random.u8(..8) == 0;
            change(&others, &mut there, &id, n, removes).await;
            written(&id, n, !there.contains_key(&id)).await;
            if n % 5 == 0 {
                // Without a receiver, the client is between two connections.
                let _ = cuts.send(());
                tokio::time::sleep(Duration::from_millis(random.u64(..500))).await;
            }
        }
        there
    };
    let mut writer = std::pin::pin!(writer);
    let there = loop {
        tokio::select! {
            there = &mut writer => break there,
            change = watch.next() => view.take(change.unwrap().unwrap()),
        }
    };
    view.follow(&mut watch, &there).await;
    println!(
        "{}: 1000 writes, 200 cuts: all final states seen, {} changes told, {} resets",
        server.name, view.told, view.resets
    );
    view.resets
}
