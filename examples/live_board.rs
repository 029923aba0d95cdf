//! A board that two people edit at the same time, and a watcher who sees every change. The work is done twice: once with
//! snapshots that a feed keeps fresh, and once without, and the writes that the server refused are counted.
//!
//! Run it with `cargo run --example live_board`. It starts its own server on loopback.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use ifmatch::testing::ResourceServer;
use ifmatch::transport::{Request, Response, TransportError};
use ifmatch::{BoxError, Change, Client, Feed, Generic, Merge, Transport, async_trait};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Card {
    id: String,
    title: String,
    #[merge(counter)]
    moves: u64,
}

type Result<T> = std::result::Result<T, BoxError>;

const CARDS: [&str; 3] = ["plan", "build", "ship"];
const EDITS: usize = 8;

/// Counts the writes that the server refuses because another client was faster.
struct Counted(Arc<dyn Transport>, Arc<AtomicUsize>);

#[async_trait]
impl Transport for Counted {
    async fn send(&self, request: Request) -> std::result::Result<Response, TransportError> {
        let response = self.0.send(request).await?;
        if response.status.as_u16() == 412 {
            self.1.fetch_add(1, Ordering::Relaxed);
        }
        Ok(response)
    }
}

/// A client of one person. The server has no feed, so its collections are polled.
fn client(server: &ResourceServer, refused: &Arc<AtomicUsize>) -> Result<Client> {
    let feed = Feed::polling().interval(Duration::from_millis(20));
    let refused = refused.clone();
    let client = Client::builder(server.uri())
        .profile(Generic::new().feed(feed))
        .layer(move |next| Counted(next, refused))
        .build()?;
    Ok(client)
}

/// Edits the cards one after the other, with some time to think before each edit.
async fn edit(client: Client, name: &'static str, is_fresh: bool, think: Duration) -> Result<()> {
    let board = client.collection::<Card>("board");
    for card in CARDS {
        board.get(card).await?;
    }
    if is_fresh {
        client.snapshots().keep_fresh(&board).await?;
    }
    for edit in 0..EDITS {
        tokio::time::sleep(think).await;
        let card = CARDS[edit % CARDS.len()];
        board
            .update(card, move |card| {
                card.title = format!("{} ({name}, {edit})", card.id);
                card.moves += 1;
            })
            .await?;
    }
    Ok(())
}

/// Runs the board once. Returns the number of refused writes.
async fn board(is_fresh: bool) -> Result<usize> {
    let server = ResourceServer::start().await;
    for card in CARDS {
        let text = format!(r#"{{"id": "{card}", "title": "{card}", "moves": 0}}"#);
        server.put(&format!("/board/{card}"), &text);
    }
    let refused = Arc::new(AtomicUsize::new(0));
    let mut changes = client(&server, &refused)?
        .collection::<Card>("board")
        .watch()
        .await?;
    let watcher = async move {
        let mut moves = [0; CARDS.len()];
        let all = (2 * EDITS) as u64;
        while moves.iter().sum::<u64>() < all {
            match changes.next().await? {
                Some(Change::Put(card)) => {
                    println!("  {}", card.title);
                    if let Some(at) = CARDS.iter().position(|name| *name == card.id) {
                        moves[at] = card.moves;
                    }
                }
                Some(Change::Gone(id)) => println!("  {id} is gone"),
                Some(Change::Reset) => println!("  again from the start"),
                Some(Change::CaughtUp) => println!("  up to date"),
                None => break,
            }
        }
        Ok::<_, BoxError>(())
    };
    let anna = edit(
        client(&server, &refused)?,
        "anna",
        is_fresh,
        Duration::from_millis(110),
    );
    let ben = edit(
        client(&server, &refused)?,
        "ben",
        is_fresh,
        Duration::from_millis(170),
    );
    tokio::try_join!(watcher, anna, ben)?;
    Ok(refused.load(Ordering::Relaxed))
}

#[tokio::main]
async fn main() -> Result<()> {
    println!("Without fresh snapshots:");
    let without = board(false).await?;
    println!("With fresh snapshots:");
    let with = board(true).await?;
    println!(
        "The server refused {without} writes without fresh snapshots, and {with} with them. No edit was lost."
    );
    Ok(())
}
