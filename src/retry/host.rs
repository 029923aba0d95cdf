//! What the writes of one client know together about their server.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::held::Held;
use super::policy::RetryPolicy;
use super::rate::{Places, Rate};
use super::strain::{Strain, Went};
use super::time::later;
use crate::http::Quota;

/// What one success earns of a retry.
const EARNED: f64 = 0.2;
/// Retries that come back with each second, so that a client is not mute for ever.
const REGAINED: f64 = 1.0;
/// Weight in the running mean of a round trip that was longer than it.
const LONGER: f64 = 0.2;
/// Weight of one that was shorter: chance makes many round trips longer, and hardly any shorter.
const SHORTER: f64 = 0.5;
/// A longer one counts as so many times the mean at most, or a single late reply would stand for all.
const LATE: f64 = 2.0;

/// The server as its client sees it: the gate, the quota, the rate, the retry budget, the round trip, whether it
/// struggles.
#[derive(Debug)]
pub(crate) struct Host {
    state: Mutex<State>,
    /// Told when a struggling server is given shorter pauses.
    eased: Notify,
    capacity: f64,
    rate: Option<Rate>,
}

#[derive(Debug)]
struct State {
    closed_until: Option<Instant>,
    tokens: f64,
    counted: Option<Instant>,
    round_trip: Option<Duration>,
    places: Places,
    /// Requests sent so far.
    sent: u64,
    quota: Option<QuotaLeft>,
    strain: Strain,
}

/// Requests that may still be sent until then.
#[derive(Clone, Copy, Debug)]
struct QuotaLeft {
    left: u64,
    until: Instant,
    /// The number of the request whose reply told.
    told_to: u64,
}

/// A place among the requests of a rate; dropped before its request goes out, it is free for another.
#[derive(Debug)]
pub(crate) struct Place<'a> {
    host: &'a Host,
    used: bool,
}

impl Place<'_> {
    /// The request goes out.
    pub(crate) fn using(mut self) {
        self.used = true;
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(rate) = self.host.rate
            && !self.used
        {
            self.host.state().places.give_back(rate);
        }
    }
}

/// A place in the queue to a struggling server; dropped, it is free.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    host: &'a Host,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.host.state().strain.leave(self.number);
    }
}

impl Host {
    pub(crate) fn new(policy: &RetryPolicy, rate: Option<Rate>) -> Self {
        let capacity = f64::from(policy.budget);
        Self {
            state: Mutex::new(State {
                closed_until: None,
                tokens: capacity,
                counted: None,
                round_trip: None,
                places: Places::default(),
                sent: 0,
                quota: None,
                strain: Strain::new(policy.cap),
            }),
            eased: Notify::new(),
            capacity,
            rate,
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

    /// A ticket for a struggling server.
    pub(crate) fn queue(&self) -> Ticket<'_> {
        Ticket {
            host: self,
            number: self.state().strain.queue(),
        }
    }

    /// Waits for shorter pauses; what happens from this call on counts, not only from the first poll.
    pub(crate) fn eased(&self) -> Notified<'_> {
        self.eased.notified()
    }

    /// Lets a request pass and numbers it, or tells why and how long it is held back. A struggling server takes
    /// only those that have a ticket.
    pub(crate) fn pass(&self, now: Instant, ticket: Option<&Ticket<'_>>) -> Result<u64, Held> {
        let mut state = self.state();
        let used_up = state.quota.filter(|quota| quota.left == 0);
        let until = state.closed_until.max(used_up.map(|quota| quota.until));
        let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if !wait.is_zero() {
            return Err(Held::Server(wait));
        }
        if state.strain.holds() {
            let Some(Ticket { number, .. }) = ticket else {
                return Err(Held::Strain(Duration::ZERO));
            };
            let wait = state.strain.wait(*number, now);
            if !wait.is_zero() {
                return Err(Held::Strain(wait));
            }
            state.strain.pass(*number, now);
        }
        state.quota = state.quota.filter(|quota| now < quota.until);
        if let Some(quota) = &mut state.quota {
            quota.left = quota.left.saturating_sub(1);
        }
        state.sent += 1;
        Ok(state.sent)
    }

    /// Takes a place at the user's rate and tells how long to wait for it; an error, and no place, if that
    /// would be later than the deadline.
    pub(crate) fn take_place(
        &self,
        now: Instant,
        deadline: Instant,
    ) -> Result<(Place<'_>, Duration), Held> {
        let mut wait = Duration::ZERO;
        if let Some(rate) = self.rate {
            let mut state = self.state();
            wait = state.places.wait(rate, now);
            if !wait.is_zero() && later(now, wait) >= deadline {
                return Err(Held::Rate(wait));
            }
            state.places.take(rate, now);
        }
        Ok((
            Place {
                host: self,
                used: false,
            },
            wait,
        ))
    }

    /// The reply to the request of this number told what is left of a quota. What was sent after that request
    /// is not counted in it yet, and a later request knows more.
    pub(crate) fn told(&self, quota: Quota, request: u64, now: Instant) {
        let mut state = self.state();
        if state.quota.is_none_or(|known| known.told_to <= request) {
            state.quota = Some(QuotaLeft {
                left: quota
                    .left
                    .saturating_sub(state.sent.saturating_sub(request)),
                until: later(now, quota.reset),
                told_to: request,
            });
        }
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

    /// How a request went.
    pub(crate) fn replied(&self, went: Went, now: Instant) {
        let mut state = self.state();
        let sent = state.sent;
        let shorter = state.strain.replied(went, sent, now);
        drop(state);
        if shorter {
            self.eased.notify_waiters();
        }
    }

    /// A request was answered after this time.
    pub(crate) fn answered(&self, after: Duration) {
        let mut state = self.state();
        state.round_trip = Some(match state.round_trip {
            Some(mean) => {
                let weight = if after < mean { SHORTER } else { LONGER };
                let after = after.min(mean.mul_f64(LATE));
                mean.mul_f64(1.0 - weight) + after.mul_f64(weight)
            }
            None => after,
        });
    }

    /// A write succeeded.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        state.tokens = (state.tokens + EARNED).min(self.capacity);
    }

    /// Whether a request that goes out now will most likely be answered by then.
    pub(crate) fn answers_by(&self, deadline: Instant, now: Instant) -> bool {
        let trip = self.round_trip().unwrap_or_default();
        later(now, trip.saturating_mul(2)) < deadline
    }

    /// The running mean of the round trips; late ones count for little.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.state().round_trip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(budget: u32) -> Host {
        Host::new(&RetryPolicy::default().budget(budget), None)
    }

    fn pass(host: &Host, now: Instant) -> Result<u64, Duration> {
        let passed = host.pass(now, None);
        passed.map_err(|held| held.told().unwrap_or_default())
    }

    #[test]
    fn the_longest_wait_that_was_asked_holds() {
        let (host, now) = (host(1), Instant::now());
        host.close_for(Duration::from_secs(5), now);
        host.close_for(Duration::from_secs(2), now);
        assert_eq!(pass(&host, now), Err(Duration::from_secs(5)));
        assert_eq!(pass(&host, now + Duration::from_secs(6)), Ok(1));
    }

    #[test]
    fn a_spent_budget_comes_back_with_time_and_with_success() {
        let (host, now) = (host(2), Instant::now());
        assert!(host.take_retry(now) && host.take_retry(now) && !host.take_retry(now));
        assert!(host.take_retry(now + Duration::from_secs(1)));
        for _ in 0..5 {
            host.succeeded();
        }
        assert!(host.take_retry(now + Duration::from_secs(1)));
    }

    #[test]
    fn a_quota_counts_what_went_out_since_its_reply_was_asked_for() {
        let (host, now) = (host(1), Instant::now());
        let quota = |left| Quota {
            left,
            reset: Duration::from_secs(9),
        };
        for number in 1..=4 {
            assert_eq!(pass(&host, now), Ok(number));
        }
        host.told(quota(4), 2, now);
        // The reply to an earlier request comes later.
        host.told(quota(5), 1, now);
        assert_eq!((pass(&host, now), pass(&host, now)), (Ok(5), Ok(6)));
        assert_eq!(pass(&host, now), Err(Duration::from_secs(9)));
        // A quota that slides is as large as its last reply says.
        host.told(quota(3), 6, now);
        assert_eq!(pass(&host, now), Ok(7));
        assert_eq!(pass(&host, now + Duration::from_secs(9)), Ok(8));
    }

    #[test]
    fn a_late_reply_is_soon_forgotten_and_a_slower_server_soon_learnt() {
        let (host, usual) = (host(1), Duration::from_millis(20));
        let late = Duration::from_secs(2);
        host.answered(usual);
        host.answered(late);
        assert!(host.round_trip() < Some(usual.mul_f64(1.25)));
        for _ in 0..30 {
            host.answered(late);
        }
        assert!(host.round_trip() > Some(late.mul_f64(0.9)));
        for _ in 0..8 {
            host.answered(usual);
        }
        assert!(host.round_trip() < Some(usual.mul_f64(1.5)));
    }
}
