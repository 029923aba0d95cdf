//! An update under a lease that is held, with a fence, against one without.

use std::time::{Duration, Instant};

use ifmatch::testing::ResourceServer;
use ifmatch::{Client, Collection, Leases};
use serde_json::Value;

use crate::{Outcome, Row, TTL, median};

/// Updates of each kind, by turns.
const UPDATES: u32 = 2_000;

pub async fn measure() -> Outcome<Row> {
    let server = ResourceServer::start().await;
    for name in ["free", "leased"] {
        server.put(&format!("/reports/{name}"), r#"{"views": 0, "fence": 0}"#);
    }
    let client = Client::new(server.uri())?;
    let reports = client.collection::<Value>("reports");
    let leases = Leases::documents(&client, "leases").ttl(TTL * 30);
    let held = leases.acquire("nightly").await?;
    let guarded = reports.clone().under(&held).fenced("/fence");
    let (mut free, mut leased) = (Vec::new(), Vec::new());
    for _ in 0..UPDATES {
        free.push(update(&reports, "free").await?);
        leased.push(update(&guarded, "leased").await?);
    }
    held.release().await?;
    let (free, leased) = (median(free), median(leased));
    Ok(Row {
        what: "an update, without a lease and under one with a fence: median time",
        by_hand: format!("{free:.1?}"),
        leases: format!("{leased:.1?}"),
        ratio: leased.as_secs_f64() / free.as_secs_f64(),
        target: 1.1,
    })
}

async fn update(reports: &Collection<Value>, name: &str) -> Outcome<Duration> {
    let since = Instant::now();
    let count =
        |report: &mut Value| report["views"] = (report["views"].as_u64().unwrap_or(0) + 1).into();
    reports.update(name, count).await?;
    Ok(since.elapsed())
}
