//! Clocks for leases, which tests can set.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::lease::{LeaseClock, LeaseTime};

/// The two clocks of a machine, for [`Leases::clock`](crate::Leases::clock) in tests.
///
/// Both follow tokio's clock, so they can be paused with it. Clones are the clocks of the same machine.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ifmatch::{ErrorKind, Leases, testing::{Clocks, ResourceServer}};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ifmatch::Error> {
/// let server = ResourceServer::start().await;
/// let client = server.in_process().build()?;
/// let clocks = Clocks::new();
/// let leases = Leases::documents(&client, "leases").clock(clocks.clone());
/// let held = leases.acquire("nightly").await?;
///
/// // The machine sleeps for a minute, and its monotonic clock stands still.
/// clocks.sleep(Duration::from_secs(60));
/// let reports = client.collection::<serde_json::Value>("reports").under(&held);
/// let lost = reports.create("a", &serde_json::json!({})).await.unwrap_err();
/// assert_eq!(lost.kind(), ErrorKind::LeaseLost);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Clocks {
    start: Instant,
    wall: Arc<Mutex<Wall>>,
}

/// How far the wall clock is from the monotonic one.
#[derive(Debug)]
struct Wall {
    ahead: Duration,
}

/// The wall clock begins far enough from zero to be set back.
const EPOCH: Duration = Duration::from_secs(1_000_000_000);

impl Clocks {
    /// Starts both clocks.
    #[expect(clippy::new_without_default, reason = "it reads a clock")]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            wall: Arc::new(Mutex::new(Wall { ahead: EPOCH })),
        }
    }

    /// Lets the machine sleep: the wall clock runs on, and the monotonic one stands still.
    pub fn sleep(&self, time: Duration) {
        self.set(|ahead| ahead.saturating_add(time));
    }

    /// Sets the wall clock forward.
    pub fn set_forward(&self, time: Duration) {
        self.sleep(time);
    }

    /// Sets the wall clock back.
    pub fn set_back(&self, time: Duration) {
        self.set(|ahead| ahead.saturating_sub(time));
    }

    fn set(&self, change: impl FnOnce(Duration) -> Duration) {
        let mut wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        wall.ahead = change(wall.ahead);
    }
}

impl LeaseClock for Clocks {
    fn now(&self) -> LeaseTime {
        let monotonic = self.start.elapsed();
        let wall = self.wall.lock().unwrap_or_else(PoisonError::into_inner);
        LeaseTime {
            monotonic,
            wall: monotonic.saturating_add(wall.ahead),
        }
    }
}
