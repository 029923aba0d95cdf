//! Awaited updates, eight at a time, with and without a journal, for several round trips.

use std::time::{Duration, Instant};

use ifmatch::{Client, Journal};
use serde_json::Value;

use crate::Folder;
use crate::server::Server;

const UPDATES: usize = 400;
const AT_ONCE: usize = 8;

pub async fn run() {
    println!("awaited updates, {AT_ONCE} at a time, time for each:");
    println!(
        "{:>10} {:>12} {:>12} {:>8}",
        "round trip", "without", "journal", "ratio"
    );
    for milliseconds in [0, 5, 20, 50] {
        let delay = Duration::from_millis(milliseconds);
        let folder = Folder::new("awaited");
        let journal = Journal::open(&folder.0).build().unwrap();
        let (mut without, mut with) = (Duration::MAX, Duration::MAX);
        // The best of three, in turns.
        for _ in 0..3 {
            let server = Server::with_delay(delay);
            without = without.min(timed(server.builder().build().unwrap()).await);
            let server = Server::with_delay(delay);
            let client = server.builder().journal(journal.clone()).build().unwrap();
            with = with.min(timed(client).await);
        }
        let ratio = with.as_secs_f64() / without.as_secs_f64();
        println!("{delay:>10.0?} {without:>12.2?} {with:>12.2?} {ratio:>8.2}");
    }
}

async fn timed(client: Client) -> Duration {
    let things = client.collection::<Value>("things");
    for id in 0..AT_ONCE {
        things.get(id).await.unwrap();
    }
    let since = Instant::now();
    let running: Vec<_> = (0..AT_ONCE)
        .map(|id| {
            let things = things.clone();
            tokio::spawn(async move {
                for n in 0..UPDATES / AT_ONCE {
                    let update = things.update(id, move |thing| thing["n"] = (n + 1).into());
                    update.await.unwrap();
                }
            })
        })
        .collect();
    for task in running {
        task.await.unwrap();
    }
    since.elapsed() / u32::try_from(UPDATES).unwrap()
}
