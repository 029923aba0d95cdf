//! Measures leases against a lock written by hand, on one server over loopback, each comparison within one run:
//!
//! ```text
//! cargo run --release
//! ```
//!
//! The lock by hand is a document that is created, polled for and removed. It has no end, so a holder that stops blocks it
//! for ever, and no fencing token. It is what people write first.

mod by_hand;
mod handover;
mod tasks;
mod updates;

use std::time::Duration;

use ifmatch::testing::ResourceServer;
use ifmatch::{Client, Leases};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// The ttl of all leases here.
const TTL: Duration = Duration::from_secs(1);

/// How long a contender waits between two tries: as `Leases` does, between a tenth and a quarter of the ttl.
fn poll_interval() -> Duration {
    TTL / 10 + (TTL / 20 * 3).mul_f64(fastrand::f64())
}

/// Leases of a process of its own, which shares only the server with others.
fn leases(server: &ResourceServer) -> Outcome<Leases> {
    let client = Client::new(server.uri())?;
    Ok(Leases::documents(&client, "leases").ttl(TTL))
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A row of the table.
struct Row {
    what: &'static str,
    by_hand: String,
    leases: String,
    ratio: f64,
    target: f64,
}

#[tokio::main]
async fn main() -> Outcome {
    println!("| | by hand | leases | ratio | target |");
    println!("|---|---|---|---|---|");
    let rows = [
        tasks::measure().await?,
        handover::measure().await?,
        updates::measure().await?,
    ];
    let mut missed = 0;
    for row in rows {
        let is_met = row.ratio <= row.target;
        missed += i32::from(!is_met);
        println!(
            "| {} | {} | {} | {:.2} | {} {:.2}{} |",
            row.what,
            row.by_hand,
            row.leases,
            row.ratio,
            "≤",
            row.target,
            if is_met { "" } else { ", MISSED" }
        );
    }
    if missed > 0 {
        return Err(format!("{missed} targets were missed").into());
    }
    Ok(())
}
