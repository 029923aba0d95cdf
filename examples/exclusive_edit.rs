//! Two workers that must not do the same work at once. The first one stands still for longer than its lease, and the second
//! one takes over. What the first one writes afterwards is refused.
//!
//! Run it with `cargo run --example exclusive_edit`. It starts its own server on loopback.

use std::time::{Duration, Instant};

use ifmatch::testing::ResourceServer;
use ifmatch::{BoxError, Client, Collection, ErrorKind, Held, Leases, Merge};
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Report {
    text: String,
}

/// Short, so that the example is. The default is 15 seconds.
const TTL: Duration = Duration::from_millis(600);

/// A worker with a client of its own, as if it were another process.
struct Worker {
    name: &'static str,
    leases: Leases,
    reports: Collection<Report>,
    since: Instant,
}

impl Worker {
    fn new(name: &'static str, uri: &str, since: Instant) -> Result<Self, ifmatch::Error> {
        let client = Client::new(uri)?;
        Ok(Self {
            name,
            leases: Leases::documents(&client, "leases").ttl(TTL),
            reports: client.collection("reports"),
            since,
        })
    }

    async fn acquired(&self) -> Result<Held, ifmatch::Error> {
        let held = self.leases.acquire("nightly").owner(self.name).await?;
        self.say(&format!("has the lease, with the token {}", held.token()));
        Ok(held)
    }

    /// Writes under the lease. The token in the document refuses every earlier holder.
    async fn write(&self, held: &Held, text: &str) -> Result<(), ifmatch::Error> {
        let reports = self.reports.clone().under(held).fenced("/fence");
        let text = text.to_owned();
        reports
            .update("today", move |report| report.text.clone_from(&text))
            .await?;
        Ok(())
    }

    fn say(&self, what: &str) {
        println!(
            "{:5.1} s  {} {what}",
            self.since.elapsed().as_secs_f32(),
            self.name
        );
    }
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> Result<(), BoxError> {
    let server = ResourceServer::start().await;
    server.put("/reports/today", r#"{"text": "empty"}"#);
    let (uri, since) = (server.uri(), Instant::now());

    // The first worker has a thread and a runtime of its own, so that all of it can stand still.
    let first = Worker::new("first", &uri, since)?;
    let stopped = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let held = runtime.block_on(async {
            let held = first.acquired().await?;
            first.write(&held, "half of the report").await?;
            Ok::<_, ifmatch::Error>(held)
        })?;
        first.say("stands still");
        std::thread::sleep(TTL * 3);
        first.say("goes on, and knows nothing of it");
        match runtime.block_on(first.write(&held, "the other half")) {
            Err(error) if error.kind() == ErrorKind::LeaseLost => {
                first.say(&format!("stops: {error}"));
            }
            other => first.say(&format!("was not refused: {other:?}")),
        }
        Ok::<_, BoxError>(())
    });

    tokio::time::sleep(TTL / 3).await;
    let second = Worker::new("second", &uri, since)?;
    second.say("wants the lease too");
    let held = second.acquired().await?;
    second.write(&held, "the whole report").await?;
    second.say("has written");
    let joined = stopped.join();
    joined.map_err(|_| "the first worker panicked")??;
    held.release().await?;
    println!("\n{}", server.text("/reports/today").unwrap_or_default());
    Ok(())
}
