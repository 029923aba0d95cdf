//! A rate limit that the client applies by itself.

use std::time::Duration;

use tokio::time::Instant;

use super::later::later;

/// A rate of requests per time. It allows a burst of that size after an idle period, and evenly spaced requests
/// after the burst.
///
/// This is the generic cell rate algorithm, which needs one instant and a comparison. The crate `governor`
/// implements it too, but with a clock of its own, which a test cannot stop, and with a dozen dependencies for keys
/// and lock-free counters. Here the lock of the server state is held anyway, and each client has one rate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// The time from one request to the next.
    interval: Duration,
    /// How far ahead of the even spacing a request may be.
    ahead: Duration,
}

/// The places taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RateSchedule {
    /// When the next request is due by the even spacing.
    next: Option<Instant>,
}

impl Rate {
    pub(crate) fn new(requests: u32, per: Duration) -> Self {
        let interval = per / requests.max(1);
        Self {
            interval,
            ahead: per.saturating_sub(interval),
        }
    }
}

impl RateSchedule {
    /// Returns how long the next request has to wait for its place.
    pub(super) fn wait(self, rate: Rate, now: Instant) -> Duration {
        let next = self.next.unwrap_or(now);
        let ahead = next.saturating_duration_since(now);
        ahead.saturating_sub(rate.ahead)
    }

    /// Takes the next place.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) {
        let due = self.next.map_or(now, |next| next.max(now));
        self.next = Some(later(due, rate.interval));
    }

    /// Gives the last place back.
    pub(super) fn give_back(&mut self, rate: Rate) {
        self.next = self.next.and_then(|next| next.checked_sub(rate.interval));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how long each of several simultaneous requests has to wait, in milliseconds.
    fn waits(
        rate: Rate,
        rate_schedule: &mut RateSchedule,
        now: Instant,
        requests: usize,
    ) -> Vec<u128> {
        let one = |_| {
            let wait = rate_schedule.wait(rate, now);
            rate_schedule.take(rate, now);
            wait.as_millis()
        };
        (0..requests).map(one).collect()
    }

    #[test]
    fn after_a_rest_some_go_at_once_and_the_others_evenly() {
        let rate = Rate::new(4, Duration::from_secs(2));
        let (mut rate_schedule, now) = (RateSchedule::default(), Instant::now());
        let six = waits(rate, &mut rate_schedule, now, 6);
        assert_eq!(six, [0, 0, 0, 0, 500, 1000]);
        let rested = now + Duration::from_secs(60);
        assert_eq!(
            waits(rate, &mut rate_schedule, rested, 5),
            [0, 0, 0, 0, 500]
        );
    }

    #[test]
    fn a_place_given_back_is_free_again() {
        let rate = Rate::new(1, Duration::from_secs(2));
        let (mut rate_schedule, now) = (RateSchedule::default(), Instant::now());
        assert_eq!(waits(rate, &mut rate_schedule, now, 2), [0, 2000]);
        rate_schedule.give_back(rate);
        assert_eq!(waits(rate, &mut rate_schedule, now, 1), [2000]);
    }

    #[test]
    fn odd_rates_do_not_panic() {
        let now = Instant::now();
        for (requests, per) in [
            (0, Duration::ZERO),
            (1, Duration::MAX),
            (9, Duration::from_nanos(1)),
        ] {
            let mut rate_schedule = RateSchedule::default();
            assert_eq!(
                waits(Rate::new(requests, per), &mut rate_schedule, now, 3)[0],
                0
            );
        }
    }
}
