//! What fresh snapshots save: refused writes, and bytes against polling. In virtual time, on the server of the test kit.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ifmatch::testing::ResourceServer;
use ifmatch::transport::{Bytes, Chunks, Request, Response, Streaming, TransportError};
use ifmatch::{
    BoxError, Client, Feed, Generic, MemoryStore, SnapshotKey, SnapshotStore, StoredSnapshot,
    Transport, async_trait,
};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::Outcome;

const CARDS: usize = 16;
const EDITORS: u64 = 8;
const THINK: Duration = Duration::from_secs(2);
const FOREIGN: Duration = Duration::from_secs(1);
const RUN: Duration = Duration::from_secs(600);
/// From one end of the wire to the other.
const WAY: Duration = Duration::from_millis(20);

const MOST_REFUSED: f64 = 0.3;
const MOST_BYTES: f64 = 0.1;

#[derive(Default)]
struct Counts {
    bytes: AtomicU64,
    writes: AtomicU64,
    refused: AtomicU64,
}

impl Counts {
    fn sent(&self, request: &Request) {
        let headers: usize = lengths(&request.headers);
        let line = request.url.as_str().len() + 20;
        self.add(line + headers + request.body.len());
    }

    fn add(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn lengths(headers: &ifmatch::HeaderMap) -> usize {
    let line = |(name, value): (&ifmatch::HeaderName, &ifmatch::HeaderValue)| {
        name.as_str().len() + value.len() + 4
    };
    headers.iter().map(line).sum()
}

/// A wire on which each message takes some time.
struct Wire(Arc<dyn Transport>, Arc<Counts>);

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.1.sent(&request);
        let is_write = request.method.as_str() == "PUT";
        sleep(WAY).await;
        let response = self.0.send(request).await?;
        sleep(WAY).await;
        self.1
            .add(lengths(&response.headers) + response.body.len() + 20);
        if is_write {
            self.1.writes.fetch_add(1, Ordering::Relaxed);
            let is_refused = response.status.as_u16() == 412;
            self.1
                .refused
                .fetch_add(u64::from(is_refused), Ordering::Relaxed);
        }
        Ok(response)
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        self.1.sent(&request);
        sleep(WAY).await;
        let mut stream = self.0.open(request).await?;
        self.1.add(lengths(&stream.headers) + 20);
        let (status, headers) = (stream.status, std::mem::take(&mut stream.headers));
        Ok(Streaming::new(
            status,
            headers,
            Box::new(Late(stream, self.1.clone())),
        ))
    }
}

struct Late(Streaming, Arc<Counts>);

#[async_trait]
impl Chunks for Late {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let chunk = self.0.next().await?;
        sleep(WAY).await;
        self.1.add(chunk.as_ref().map_or(0, Bytes::len));
        Ok(chunk)
    }
}

/// When each foreign state was written, and how long after that a client had it.
#[derive(Default)]
struct Staleness {
    written: BTreeMap<u64, Instant>,
    known_after: Vec<Duration>,
}

/// A store that notes when a foreign state arrives.
struct Noted(MemoryStore, Arc<Mutex<Staleness>>);

#[async_trait]
impl SnapshotStore for Noted {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        self.0.get(key).await
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        let number = snapshot.document.to_value()["foreign"].as_u64();
        if let (Some(number), Ok(mut seen)) = (number, self.1.lock())
            && let Some(written) = seen.written.remove(&number)
        {
            seen.known_after.push(written.elapsed());
        }
        self.0.put(key, snapshot).await
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.0.remove(key).await
    }
}

fn card(number: u64) -> Value {
    json!({"foreign": number, "n": 0, "title": "a card", "text": "x".repeat(300)})
}

async fn start() -> ResourceServer {
    let server = ResourceServer::start().await;
    server.feed("/cards/changes").history(1_000);
    for id in 0..CARDS {
        let mut card = card(0);
        card["id"] = json!(id.to_string());
        server.put(&format!("/cards/{id}"), &card.to_string());
    }
    server
}

/// Writes to a random card every second, as another client, until the time is over.
async fn write(server: &ResourceServer, seen: &Arc<Mutex<Staleness>>) -> Outcome {
    let mut random = fastrand::Rng::with_seed(7);
    let end = Instant::now() + RUN;
    let mut number = 0;
    while Instant::now() < end {
        sleep(FOREIGN.mul_f64(0.5 + random.f64())).await;
        number += 1;
        let id = random.usize(..CARDS);
        let mut card = card(number);
        card["id"] = json!(id.to_string());
        if let Ok(mut seen) = seen.lock() {
            seen.written.insert(number, Instant::now());
        }
        server.put(&format!("/cards/{id}"), &card.to_string());
    }
    Ok(())
}

struct Site {
    client: Client,
    counts: Arc<Counts>,
    seen: Arc<Mutex<Staleness>>,
}

fn site(server: &ResourceServer, feed: Feed) -> Outcome<Site> {
    let (counts, seen) = (Arc::new(Counts::default()), Arc::default());
    let wire = counts.clone();
    let client = server
        .in_process()
        .profile(Generic::new().feed(feed))
        .layer(move |next| Wire(next, wire))
        .store(Noted(MemoryStore::default(), Arc::clone(&seen)))
        .build()?;
    Ok(Site {
        client,
        counts,
        seen,
    })
}

fn events() -> Feed {
    Feed::event_stream("changes")
        .tag_at("/version")
        .document_at("/document")
        .whole_items()
}

async fn edit(site: Site, is_fresh: bool, seed: u64) -> Outcome<(u64, u64)> {
    let cards = site.client.collection::<Value>("cards");
    for id in 0..CARDS {
        cards.get(id).await?;
    }
    if is_fresh {
        site.client.snapshots().keep_fresh(&cards).await?;
    }
    let mut random = fastrand::Rng::with_seed(seed);
    let end = Instant::now() + RUN;
    while Instant::now() < end {
        sleep(THINK.mul_f64(0.5 + random.f64())).await;
        let edit = |card: &mut Value| card["n"] = json!(card["n"].as_u64().unwrap_or(0) + 1);
        cards.update(random.usize(..CARDS), edit).await?;
    }
    let counts = &site.counts;
    Ok((
        counts.writes.load(Ordering::Relaxed),
        counts.refused.load(Ordering::Relaxed),
    ))
}

/// Lets the editors work. Returns the number of writes, and how many of them were refused.
async fn board(is_fresh: bool) -> Outcome<(u64, u64)> {
    let server = Arc::new(start().await);
    let mut editors = Vec::new();
    for seed in 0..EDITORS {
        editors.push(tokio::spawn(edit(site(&server, events())?, is_fresh, seed)));
    }
    write(&server, &Arc::default()).await?;
    let (mut writes, mut refused) = (0, 0);
    for editor in editors {
        let counted = editor.await??;
        (writes, refused) = (writes + counted.0, refused + counted.1);
    }
    Ok((writes, refused))
}

/// Keeps all cards fresh. Returns the median time until a foreign write is known, and the bytes on the wire.
async fn follow(feed: Feed) -> Outcome<(Duration, u64)> {
    let server = start().await;
    let site = site(&server, feed)?;
    let cards = site.client.collection::<Value>("cards");
    for id in 0..CARDS {
        cards.get(id).await?;
    }
    site.client.snapshots().keep_fresh(&cards).await?;
    sleep(Duration::from_secs(10)).await;
    let before = site.counts.bytes.load(Ordering::Relaxed);
    write(&server, &site.seen).await?;
    let bytes = site.counts.bytes.load(Ordering::Relaxed) - before;
    let seen = site.seen.lock().map_err(|_| "a store panicked")?;
    let mut known_after = seen.known_after.clone();
    known_after.sort_unstable();
    let median = known_after.get(known_after.len() / 2).copied();
    Ok((median.ok_or("nothing was seen")?, bytes))
}

pub(crate) fn measure() -> Outcome<usize> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()?;
    runtime.block_on(async {
        let (writes, refused) = board(false).await?;
        let (fresh_writes, fresh) = board(true).await?;
        let ratio = (fresh as f64 / fresh_writes as f64) / (refused as f64 / writes as f64);
        println!("refused writes: {refused} of {writes} without fresh snapshots, {fresh} of {fresh_writes} with: {ratio:.3} (target at most {MOST_REFUSED})");
        let mut missed = usize::from(ratio > MOST_REFUSED);

        let (median, bytes) = follow(events()).await?;
        println!("feed: {median:?} until a foreign write is known (median), {bytes} bytes in {RUN:?}");
        // The slowest polling that is as fresh, or the fastest one.
        let mut compared = (Duration::MAX, 0);
        for interval in [1_000, 500, 250, 120, 60, 30, 10] {
            let polling = Feed::polling().interval(Duration::from_millis(interval));
            let (polled, sent) = follow(polling).await?;
            println!("polling every {interval} ms: {polled:?}, {sent} bytes");
            compared = (polled, sent);
            if polled <= median {
                break;
            }
        }
        let ratio = bytes as f64 / compared.1 as f64;
        println!(
            "bytes: {ratio:.3} of polling with {:?} (target at most {MOST_BYTES} at the same time)",
            compared.0
        );
        missed += usize::from(ratio > MOST_BYTES);
        Ok(missed)
    })
}
