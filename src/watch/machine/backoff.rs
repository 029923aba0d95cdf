//! How long to wait before the next connection, and how long a connection may be silent.

use std::time::Duration;

/// The shortest wait between two connections, and the first upper bound of the jitter.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(1);
/// The longest wait, unless the server asks for a longer one.
pub(crate) const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// The longest wait that a server can ask for.
pub(crate) const LONGEST_ASKED_WAIT: Duration = Duration::from_secs(3_600);
/// With this many failures, the longest wait is reached.
const MOST_FAILURES: u32 = 7;
/// How long a connection may be silent until a heartbeat was seen.
pub(crate) const IDLE_TIME: Duration = Duration::from_secs(45);
/// How many heartbeats may be missing.
const MISSED_HEARTBEATS: u32 = 3;
/// Bytes without an event that follow faster on each other are parts of one.
const SHORTEST_HEARTBEAT: Duration = Duration::from_secs(1);
/// The idle time is at least this long, however fast the heartbeat is.
const SHORTEST_IDLE_TIME: Duration = Duration::from_secs(5);
/// The idle time is at most this long, however slow the heartbeat is.
const LONGEST_IDLE_TIME: Duration = Duration::from_secs(1_800);

/// The failures since the last sign of a working feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Backoff {
    failures: u32,
    /// What the feed asked for (`retry:`), which holds for every later connection.
    asked: Option<Duration>,
    /// What the last response asked for (`Retry-After`).
    asked_once: Option<Duration>,
}

impl Backoff {
    pub(super) fn works(&mut self) {
        self.failures = 0;
    }

    pub(super) fn fails(&mut self, retry_after: Option<Duration>) {
        self.failures = (self.failures + 1).min(MOST_FAILURES);
        self.asked_once = retry_after;
    }

    pub(super) fn ask(&mut self, retry: Duration) {
        self.asked = Some(retry);
    }

    /// Returns the wait before the next connection, with full jitter. `jitter` is between 0 and 1.
    pub(super) fn wait(&mut self, jitter: f64) -> Duration {
        let doublings = self.failures.saturating_sub(1);
        let longest = FIRST_WAIT.saturating_mul(1 << doublings).min(LONGEST_WAIT);
        let spread = longest
            .saturating_sub(FIRST_WAIT)
            .mul_f64(jitter.clamp(0.0, 1.0));
        let asked = self.asked.max(self.asked_once.take()).unwrap_or_default();
        (FIRST_WAIT + spread).max(asked.min(LONGEST_ASKED_WAIT))
    }
}

/// The signs of life of the connections.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Heartbeat {
    longest: Option<Duration>,
    set: Option<Duration>,
}

impl Heartbeat {
    pub(super) fn of(set: Option<Duration>) -> Self {
        Self { longest: None, set }
    }

    /// Notes a heartbeat, this long after the one before.
    pub(super) fn beats(&mut self, after: Duration) {
        if after >= SHORTEST_HEARTBEAT {
            self.longest = self.longest.max(Some(after));
        }
    }

    pub(super) fn idle_time(&self) -> Duration {
        let seen = |longest: Duration| {
            let missed = longest.saturating_mul(MISSED_HEARTBEATS);
            missed.clamp(SHORTEST_IDLE_TIME, LONGEST_IDLE_TIME)
        };
        self.set
            .unwrap_or_else(|| self.longest.map_or(IDLE_TIME, seen))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(times: u32) -> Backoff {
        let mut backoff = Backoff::default();
        for _ in 0..times {
            backoff.fails(None);
        }
        backoff
    }

    #[test]
    fn waits_grow_from_a_second_to_a_minute_with_full_jitter() {
        for (failures, longest) in [(0, 1), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (900, 60)] {
            assert_eq!(failed(failures).wait(0.0), FIRST_WAIT);
            assert_eq!(failed(failures).wait(1.0), Duration::from_secs(longest));
        }
    }

    #[test]
    fn what_the_server_asks_for_is_heeded_up_to_an_hour() {
        let mut backoff = Backoff::default();
        backoff.fails(Some(Duration::from_secs(90)));
        assert_eq!(backoff.wait(0.0), Duration::from_secs(90));
        assert_eq!(backoff.wait(0.0), FIRST_WAIT, "it was asked for once");
        backoff.ask(Duration::from_secs(7));
        assert_eq!(backoff.wait(0.0), Duration::from_secs(7));
        assert_eq!(backoff.wait(0.0), Duration::from_secs(7), "it stays");
        backoff.fails(Some(Duration::MAX));
        assert_eq!(backoff.wait(1.0), LONGEST_ASKED_WAIT);
    }

    #[test]
    fn the_idle_time_is_three_heartbeats_once_one_was_seen() {
        let mut heartbeat = Heartbeat::default();
        assert_eq!(heartbeat.idle_time(), IDLE_TIME);
        heartbeat.beats(Duration::from_secs(15));
        heartbeat.beats(Duration::from_secs(10));
        assert_eq!(heartbeat.idle_time(), Duration::from_secs(45));
        heartbeat.beats(Duration::from_secs(20));
        assert_eq!(heartbeat.idle_time(), Duration::from_secs(60));
        let set = Duration::from_secs(3);
        assert_eq!(Heartbeat::of(Some(set)).idle_time(), set);
    }
}
