//! What the writes of one client know together about their server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::time::later;

/// Retries that the writes of one client may have in advance.
pub(super) const BUDGET: u32 = 100;
/// What one success earns of a retry.
const EARNED: f64 = 0.2;
/// Retries that come back with each second, so that a client is not mute for ever.
const REGAINED: f64 = 1.0;
/// Weight of a new round trip in the running mean.
const NEW_TRIP: f64 = 0.2;

/// The server as its client sees it: the gate, the retry budget, the round trip.
#[derive(Debug)]
pub(crate) struct Host {
    state: Mutex<State>,
    capacity: f64,
}

#[derive(Debug)]
struct State {
    closed_until: Option<Instant>,
    tokens: f64,
    counted: Option<Instant>,
    round_trip: Option<Duration>,
}

impl Host {
    pub(crate) fn new(budget: u32) -> Self {
        let capacity = f64::from(budget);
        Self {
            state: Mutex::new(State {
                closed_until: None,
                tokens: capacity,
                counted: None,
                round_trip: None,
            }),
            capacity,
        }
    }

    // A panic elsewhere cannot leave these numbers half changed.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds back every request until then.
    pub(crate) fn close_for(&self, time: Duration, now: Instant) {
        let mut state = self.state();
        let until = later(now, time);
        if state.closed_until.is_none_or(|old| old < until) {
            state.closed_until = Some(until);
        }
    }

    /// How long requests are still held back.
    pub(crate) fn closed_for(&self, now: Instant) -> Duration {
        let until = self.state().closed_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    /// Takes one retry out of the budget; `false`: it is spent.
    pub(crate) fn take_retry(&self, now: Instant) -> bool {
        let mut state = self.state();
        if let Some(before) = state.counted {
            let regained = now.saturating_duration_since(before).as_secs_f64() * REGAINED;
            state.tokens = (state.tokens + regained).min(self.capacity);
        }
        state.counted = Some(now);
        if state.tokens < 1.0 {
            return false;
        }
        state.tokens -= 1.0;
        true
    }

    /// A request was answered after this time.
    pub(crate) fn answered(&self, after: Duration) {
        let mut state = self.state();
        state.round_trip = Some(match state.round_trip {
            Some(mean) => mean.mul_f64(1.0 - NEW_TRIP) + after.mul_f64(NEW_TRIP),
            None => after,
        });
    }

    /// A write succeeded.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        state.tokens = (state.tokens + EARNED).min(self.capacity);
    }

    /// The running mean of the round trips.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.state().round_trip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_wait_that_was_asked_holds() {
        let (host, now) = (Host::new(1), Instant::now());
        host.close_for(Duration::from_secs(5), now);
        host.close_for(Duration::from_secs(2), now);
        assert_eq!(host.closed_for(now), Duration::from_secs(5));
        assert_eq!(
            host.closed_for(now + Duration::from_secs(6)),
            Duration::ZERO
        );
    }

    #[test]
    fn a_spent_budget_comes_back_with_time_and_with_success() {
        let (host, now) = (Host::new(2), Instant::now());
        assert!(host.take_retry(now) && host.take_retry(now) && !host.take_retry(now));
        assert!(host.take_retry(now + Duration::from_secs(1)));
        for _ in 0..5 {
            host.succeeded();
        }
        assert!(host.take_retry(now + Duration::from_secs(1)));
    }
}
