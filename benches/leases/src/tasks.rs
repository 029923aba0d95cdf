//! Tasks of one process that want one lock: requests for each critical section.

use std::time::Duration;

use ifmatch::testing::ResourceServer;
use tokio::task::JoinSet;

use crate::by_hand::Lock;
use crate::{Outcome, Row, leases};

const TASKS: u32 = 64;
/// Critical sections of each task.
const SECTIONS: u32 = 4;
const SECTION: Duration = Duration::from_millis(2);

pub async fn measure() -> Outcome<Row> {
    let by_hand = by_hand().await?;
    let leases = by_lease().await?;
    Ok(Row {
        what: "64 tasks in one process: requests for each critical section",
        by_hand: format!("{by_hand:.2}"),
        leases: format!("{leases:.2}"),
        ratio: leases / by_hand,
        target: 0.25,
    })
}

async fn by_hand() -> Outcome<f64> {
    let server = ResourceServer::start().await;
    let lock = Lock::new(&server.uri(), "nightly");
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let lock = lock.clone();
        tasks.spawn(async move {
            for _ in 0..SECTIONS {
                lock.acquire().await?;
                tokio::time::sleep(SECTION).await;
                lock.release().await?;
            }
            Outcome::Ok(())
        });
    }
    ended(tasks, &server).await
}

async fn by_lease() -> Outcome<f64> {
    let server = ResourceServer::start().await;
    let leases = leases(&server)?;
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let leases = leases.clone();
        tasks.spawn(async move {
            for _ in 0..SECTIONS {
                let held = leases.acquire("nightly").await?;
                tokio::time::sleep(SECTION).await;
                held.release().await?;
            }
            Outcome::Ok(())
        });
    }
    ended(tasks, &server).await
}

/// Waits for all tasks. Returns the requests for each critical section.
async fn ended(mut tasks: JoinSet<Outcome>, server: &ResourceServer) -> Outcome<f64> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    let sections = TASKS * SECTIONS;
    Ok(server.requests().count() as f64 / f64::from(sections))
}
