//! Processes that want one lock: the time from a release to the next acquisition.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ifmatch::testing::ResourceServer;
use tokio::task::JoinSet;

use crate::by_hand::Lock;
use crate::{Outcome, Row, leases, median, poll_interval};

const PROCESSES: u32 = 8;
/// Critical sections of each process.
const SECTIONS: u32 = 50;
/// It is long enough for the others to be somewhere in their waits.
const SECTION: Duration = Duration::from_millis(30);

/// What was measured, and when the lock was released last.
#[derive(Default)]
struct Gaps {
    gaps: Vec<Duration>,
    released: Option<Instant>,
}

type Shared = Arc<Mutex<Gaps>>;

fn acquired(shared: &Shared) {
    let mut shared = shared.lock().expect("no task panics");
    if let Some(released) = shared.released.take() {
        shared.gaps.push(released.elapsed());
    }
}

fn releases(shared: &Shared) {
    shared.lock().expect("no task panics").released = Some(Instant::now());
}

pub async fn measure() -> Outcome<Row> {
    // By turns, because the machine is not the same all the time.
    let (mut by_hand_gaps, mut lease_gaps) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        by_hand_gaps.extend(by_hand().await?);
        lease_gaps.extend(by_lease().await?);
    }
    let (by_hand, leases) = (median(by_hand_gaps), median(lease_gaps));
    Ok(Row {
        what: "8 processes: median time from a release to the next acquisition",
        by_hand: format!("{by_hand:.1?}"),
        leases: format!("{leases:.1?}"),
        ratio: leases.as_secs_f64() / by_hand.as_secs_f64(),
        target: 1.0,
    })
}

async fn by_hand() -> Outcome<Vec<Duration>> {
    let server = ResourceServer::start().await;
    let (shared, mut tasks) = (Shared::default(), JoinSet::new());
    for _ in 0..PROCESSES {
        let (lock, shared) = (Lock::new(&server.uri(), "nightly"), shared.clone());
        tasks.spawn(async move {
            for _ in 0..SECTIONS {
                // A process that has released it leaves the others the first try.
                tokio::time::sleep(poll_interval()).await;
                lock.acquire().await?;
                acquired(&shared);
                tokio::time::sleep(SECTION).await;
                releases(&shared);
                lock.release().await?;
            }
            Outcome::Ok(())
        });
    }
    ended(tasks, &shared).await
}

async fn by_lease() -> Outcome<Vec<Duration>> {
    let server = ResourceServer::start().await;
    let (shared, mut tasks) = (Shared::default(), JoinSet::new());
    for _ in 0..PROCESSES {
        let (leases, shared) = (leases(&server)?, shared.clone());
        tasks.spawn(async move {
            for _ in 0..SECTIONS {
                tokio::time::sleep(poll_interval()).await;
                let held = leases.acquire("nightly").await?;
                acquired(&shared);
                tokio::time::sleep(SECTION).await;
                releases(&shared);
                held.release().await?;
            }
            Outcome::Ok(())
        });
    }
    ended(tasks, &shared).await
}

async fn ended(mut tasks: JoinSet<Outcome>, shared: &Shared) -> Outcome<Vec<Duration>> {
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(std::mem::take(
        &mut shared.lock().expect("no task panics").gaps,
    ))
}
