//! Notes that are edited while the server is away. The program is restarted, sends what it can, and asks about the rest.
//!
//! Run it with `printf 'm\n' | cargo run --features durable --example offline_notes`. The letters are `l` (keep mine),
//! `r` (keep theirs), `m` (mine and theirs, in one note) and `g` (decide later). It starts its own server on loopback.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ifmatch::testing::ResourceServer;
use ifmatch::transport::{Fate, Request, Response, TransportError};
use ifmatch::{
    BoxError, Client, Collection, FileStore, Journal, LocalWins, Merge, MergeStrategy, OpenWrite,
    Resolution, Transport, async_trait,
};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Note {
    text: String,
    #[merge(set)]
    tags: Vec<String>,
    #[merge(counter)]
    opened: u64,
}

type Result<T> = std::result::Result<T, BoxError>;

/// Whether the network is there.
static ONLINE: AtomicBool = AtomicBool::new(true);

struct Network(Arc<dyn Transport>);

#[async_trait]
impl Transport for Network {
    async fn send(&self, request: Request) -> std::result::Result<Response, TransportError> {
        if ONLINE.load(Ordering::Relaxed) {
            self.0.send(request).await
        } else {
            Err(TransportError::new(Fate::NotSent, "there is no network"))
        }
    }
}

/// What the program does at each start.
fn started(server: &ResourceServer, folder: &Path) -> Result<(Client, Collection<Note>)> {
    let client = Client::builder(server.uri())
        .journal(Journal::open(folder.join("journal")).build()?)
        .store(FileStore::open(folder.join("cache"))?)
        .layer(Network)
        .build()?;
    let notes = client.collection::<Note>("notes").write_stamp("/writes");
    Ok((client, notes))
}

async fn edited_offline(notes: &Collection<Note>) -> Result<()> {
    ONLINE.store(false, Ordering::Relaxed);
    println!("\nThe network is gone. Three edits of two notes:");
    for _ in 0..2 {
        let update = notes.update("shopping", |note| note.opened += 1);
        update.queue().await?;
    }
    let update = notes.update("plan", |note| note.text = "Leave at nine.".into());
    update.queue().await?;
    for id in ["shopping", "plan"] {
        let note = notes.local(id).await?.ok_or("the note is not known")?;
        println!(
            "  {id}: {:?}, opened {} times, {} write on its way",
            note.text,
            note.opened,
            note.pending()
        );
    }
    Ok(())
}

async fn asked(open: OpenWrite<Note>) -> Result<()> {
    let id = open.resource_id().unwrap_or_default().to_owned();
    println!(
        "\n{id} was changed on both sides:\n{}",
        open.conflict().diff()
    );
    println!("[l] mine  [r] theirs  [m] both  [g] later ?");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    let both = || {
        let (mine, theirs) = (&open.conflict().local, &open.conflict().remote);
        let (mine, mut both) = (mine.as_ref()?, theirs.clone()?);
        both.text = format!("{} {}", mine.text, both.text);
        Some(both)
    };
    let decision = match answer.trim() {
        // Mine where both have changed the note, and theirs elsewhere. `KeepLocal` is mine as a whole.
        "l" => LocalWins.resolve(open.conflict()).await?,
        "r" => Resolution::KeepRemote,
        "m" => Resolution::Merged(both().ok_or("one side is gone")?),
        _ => {
            println!("It stays open.");
            return Ok(());
        }
    };
    open.resolve(decision).await?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let folder = std::env::temp_dir().join(format!("offline-notes-{}", std::process::id()));
    let server = ResourceServer::start().await;
    server.put(
        "/notes/shopping",
        r#"{"text": "Milk", "tags": [], "opened": 3}"#,
    );
    server.put(
        "/notes/plan",
        r#"{"text": "Leave at eight.", "tags": [], "opened": 0}"#,
    );

    let (client, notes) = started(&server, &folder)?;
    for id in ["shopping", "plan"] {
        println!("{id}: {:?}", notes.get(id).await?.text);
    }
    edited_offline(&notes).await?;
    let drained = client.outbox().drain().await?;
    println!("Sent: {}, left: {}", drained.sent, drained.left);

    println!("\nThe program ends and is started again. Meanwhile another client edits both notes.");
    drop((client, notes));
    server.put(
        "/notes/shopping",
        r#"{"text": "Milk, bread", "tags": ["weekend"], "opened": 5}"#,
    );
    server.put(
        "/notes/plan",
        r#"{"text": "Leave at seven.", "tags": [], "opened": 0}"#,
    );
    ONLINE.store(true, Ordering::Relaxed);
    let before = server.recorded().len();

    let (client, notes) = started(&server, &folder)?;
    let drained = client.outbox().of(&notes).drain().await?;
    println!("Sent: {}, open: {}", drained.sent, drained.open);
    let mut open = notes.conflicts();
    while let Some(found) = open.next().await? {
        asked(found).await?;
    }
    let drained = client.outbox().drain().await?;
    println!("Sent: {}, open: {}", drained.sent, drained.open);

    println!(
        "\nOn the server, after {} more requests:",
        server.recorded().len() - before
    );
    for id in ["shopping", "plan"] {
        let mut note = notes.get(id).await?;
        note.tags.sort();
        println!(
            "  {id}: {:?}, {:?}, opened {} times",
            note.text, note.tags, note.opened
        );
    }
    drop((client, notes));
    std::fs::remove_dir_all(folder)?;
    Ok(())
}
