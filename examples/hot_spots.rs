//! Counts where writers meet. Eight clients edit two collections of a server inside the example, and the recorder of
//! the crate `metrics` shows which collection is the hot spot.
//!
//! Run it with `cargo run --example hot_spots --features metrics`.

use std::collections::BTreeMap;

use ifmatch::{Client, testing::ResourceServer};
use metrics_util::debugging::{DebugValue, DebuggingRecorder, Snapshotter};
use serde_json::Value;

const WRITERS: usize = 8;
const EDITS: usize = 20;

/// What the recorder has of one collection.
#[derive(Default)]
struct HotSpot {
    conflicts: u64,
    merges: u64,
    rounds: Vec<f64>,
    waited: f64,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let recorder = DebuggingRecorder::new();
    let snapshotter = recorder.snapshotter();
    recorder.install()?;

    let server = ResourceServer::start().await;
    server.put("/counters/visits", r#"{"n": 0}"#);
    for writer in 0..WRITERS {
        server.put(&format!("/profiles/{writer}"), r#"{"n": 0}"#);
    }
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| tokio::spawn(write(server.uri(), writer)))
        .collect();
    for writer in writers {
        writer.await??;
    }

    println!(
        "{:<18} conflicts  merges  writes  most rounds  waited",
        "collection"
    );
    for (collection, spot) in hot_spots(&snapshotter) {
        let most = spot.rounds.iter().copied().fold(0.0, f64::max);
        println!(
            "{collection:<18} {:>9}  {:>6}  {:>6}  {most:>11}  {:.1} s",
            spot.conflicts,
            spot.merges,
            spot.rounds.len(),
            spot.waited
        );
    }
    Ok(())
}

/// Edits a counter that all writers share, and a profile that no other writer touches.
async fn write(server: String, writer: usize) -> Result<(), ifmatch::Error> {
    // Each writer has its own client, as separate processes have. The writes of one client take turns.
    let client = Client::new(server)?;
    let counters = client.collection::<Value>("counters");
    let profiles = client.collection::<Value>("profiles");
    let add = |it: &mut Value| it["n"] = (it["n"].as_u64().unwrap_or(0) + 1).into();
    for _ in 0..EDITS {
        counters.update("visits", add).await?;
        profiles.update(writer, add).await?;
    }
    Ok(())
}

/// Sums the metrics of each collection.
fn hot_spots(snapshotter: &Snapshotter) -> BTreeMap<String, HotSpot> {
    let mut spots = BTreeMap::<String, HotSpot>::new();
    for (key, _, _, value) in snapshotter.snapshot().into_vec() {
        let key = key.key();
        let label = key.labels().find(|label| label.key() == "collection");
        let Some(collection) = label.map(|label| label.value().to_owned()) else {
            continue;
        };
        let spot = spots.entry(collection).or_default();
        match (key.name(), value) {
            ("ifmatch_conflicts_total", DebugValue::Counter(count)) => spot.conflicts += count,
            ("ifmatch_merges_total", DebugValue::Counter(count)) => spot.merges += count,
            ("ifmatch_write_rounds", DebugValue::Histogram(rounds)) => {
                spot.rounds.extend(rounds.iter().map(|it| it.into_inner()));
            }
            ("ifmatch_wait_seconds", DebugValue::Histogram(waits)) => {
                spot.waited += waits.iter().map(|it| it.into_inner()).sum::<f64>();
            }
            _ => {}
        }
    }
    spots
}
