//! The two clocks that leases are timed by.

use std::fmt::Debug;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

/// A point in time on two clocks, each measured from a start of its own.
///
/// One clock is monotonic and may stand still while the machine sleeps. The other one is the wall clock, which runs on,
/// and can be set. A holder believes the clock that has advanced more. A contender
/// believes the one that has advanced less.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub struct LeaseTime {
    /// The time on the monotonic clock.
    pub monotonic: Duration,
    /// The time on the wall clock.
    pub wall: Duration,
}

impl LeaseTime {
    /// Returns how long a holder counts since an earlier time: the longer of both clocks.
    pub fn longest_since(self, earlier: Self) -> Duration {
        let (monotonic, wall) = self.since(earlier);
        monotonic.max(wall)
    }

    /// Returns how long a contender counts since an earlier time: the shorter of both clocks.
    pub fn shortest_since(self, earlier: Self) -> Duration {
        let (monotonic, wall) = self.since(earlier);
        monotonic.min(wall)
    }

    fn since(self, earlier: Self) -> (Duration, Duration) {
        let monotonic = self.monotonic.saturating_sub(earlier.monotonic);
        (monotonic, self.wall.saturating_sub(earlier.wall))
    }
}

#[cfg(test)]
impl LeaseTime {
    /// Returns the time after so many seconds on each clock.
    pub(super) fn at(monotonic: u64, wall: u64) -> Self {
        Self {
            monotonic: Duration::from_secs(monotonic),
            wall: Duration::from_secs(wall),
        }
    }
}

/// The clocks of a program, for tests that stop them or set them.
pub trait LeaseClock: Send + Sync + Debug + 'static {
    /// Returns the current time.
    fn now(&self) -> LeaseTime;
}

/// The clocks of the machine. The monotonic one is tokio's.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// Starts the monotonic clock.
    #[expect(clippy::new_without_default, reason = "it reads a clock")]
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

impl LeaseClock for SystemClock {
    fn now(&self) -> LeaseTime {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH);
        LeaseTime {
            monotonic: self.start.elapsed(),
            wall: wall.unwrap_or_default(),
        }
    }
}
