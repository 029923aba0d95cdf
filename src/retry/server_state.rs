//! State about the server that all writes of one client share.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use tokio::time::Instant;

use super::blocked_by::BlockedBy;
use super::later::later;
use super::overload::{Overload, RequestSample};
use super::policy::RetryPolicy;
use super::rate::{Rate, RateSchedule};
use super::waits::Waits;
use crate::protocol::Quota;

/// The part of a retry that one success earns.
const EARNED: f64 = 0.2;
/// Retries regained per second, so that a client is never blocked permanently.
const REGAINED: f64 = 1.0;
/// Weight in the running mean of a round trip that is longer than the mean.
const LONGER: f64 = 0.2;
/// Weight of a round trip that is shorter. Chance makes many round trips longer, and hardly any shorter.
const SHORTER: f64 = 0.5;
/// Outliers are clamped to this multiple of the mean. Otherwise a single late response would dominate it.
const LATE: f64 = 2.0;

/// The server as its client sees it: gate, quota, rate, retry budget, round trip and overload.
#[derive(Debug)]
pub(crate) struct ServerState {
    state: Mutex<LockedState>,
    /// Notified when the pauses of an overloaded server become shorter.
    eased: Notify,
    capacity: f64,
    rate: Option<Rate>,
    pub(crate) waits: Waits,
}

#[derive(Debug)]
struct LockedState {
    closed_until: Option<Instant>,
    tokens: f64,
    counted: Option<Instant>,
    round_trip: Option<Duration>,
    rate_schedule: RateSchedule,
    /// Requests sent so far.
    sent: u64,
    quota: Option<QuotaLeft>,
    overload: Overload,
}

/// The requests that may still be sent until the quota resets.
#[derive(Clone, Copy, Debug)]
struct QuotaLeft {
    left: u64,
    until: Instant,
    /// The number of the request whose response reported the quota.
    reported_by: u64,
}

/// A place among the requests of a rate. If it is dropped before its request goes out, another may take it.
#[derive(Debug)]
pub(crate) struct RatePermit<'a> {
    server: &'a ServerState,
    is_used: bool,
}

impl RatePermit<'_> {
    /// Keeps the place taken, because the request goes out.
    pub(crate) fn using(mut self) {
        self.is_used = true;
    }
}

impl Drop for RatePermit<'_> {
    fn drop(&mut self) {
        if let Some(rate) = self.server.rate
            && !self.is_used
        {
            self.server.state().rate_schedule.give_back(rate);
        }
    }
}

/// A place in the queue for an overloaded server. Dropping it frees the place.
#[derive(Debug)]
pub(crate) struct Ticket<'a> {
    server: &'a ServerState,
    number: u64,
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.server.state().overload.leave(self.number);
    }
}

impl ServerState {
    pub(crate) fn new(policy: &RetryPolicy, rate: Option<Rate>) -> Self {
        let (capacity, waits) = (f64::from(policy.budget), policy.waits);
        // Waits that take no time spread no requests and relieve no server.
        let (rate, longest_pause) = match waits {
            Waits::Slept => (rate, policy.cap),
            Waits::Counted => (None, Duration::ZERO),
        };
        Self {
            state: Mutex::new(LockedState {
                closed_until: None,
                tokens: capacity,
                counted: None,
                round_trip: None,
                rate_schedule: RateSchedule::default(),
                sent: 0,
                quota: None,
                overload: Overload::new(longest_pause),
            }),
            eased: Notify::new(),
            capacity,
            rate,
            waits,
        }
    }

    // A poisoned lock can be used, because no panic can leave these numbers half changed.
    fn state(&self) -> MutexGuard<'_, LockedState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Holds back every request for this time.
    pub(crate) fn close_for(&self, time: Duration, now: Instant) {
        if self.waits != Waits::Slept {
            // The call that has to wait counts the wait, after which the server would be open again.
            return;
        }
        let mut state = self.state();
        let until = later(now, time);
        if state.closed_until.is_none_or(|old| old < until) {
            state.closed_until = Some(until);
        }
    }

    /// Forgets the quota, because its reset was waited for in no time.
    pub(crate) fn forget_quota(&self) {
        self.state().quota = None;
    }

    /// Returns a ticket for an overloaded server.
    pub(crate) fn queue(&self) -> Ticket<'_> {
        Ticket {
            server: self,
            number: self.state().overload.queue(),
        }
    }

    /// Waits for shorter pauses. Notifications count from this call on, not only from the first poll.
    pub(crate) fn eased(&self) -> Notified<'_> {
        self.eased.notified()
    }

    /// Lets a request pass and returns its number, or returns why and how long it is held back. An overloaded
    /// server takes only requests with a ticket.
    pub(crate) fn pass(&self, now: Instant, ticket: Option<&Ticket<'_>>) -> Result<u64, BlockedBy> {
        let mut state = self.state();
        let used_up = state.quota.filter(|quota| quota.left == 0);
        let until = state.closed_until.max(used_up.map(|quota| quota.until));
        let wait = until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if !wait.is_zero() {
            return Err(BlockedBy::Server(wait));
        }
        if state.overload.holds() {
            let Some(Ticket { number, .. }) = ticket else {
                return Err(BlockedBy::Overload(Duration::ZERO));
            };
            let wait = state.overload.wait(*number, now);
            if !wait.is_zero() {
                return Err(BlockedBy::Overload(wait));
            }
            state.overload.pass(*number, now);
        }
        state.quota = state.quota.filter(|quota| now < quota.until);
        if let Some(quota) = &mut state.quota {
            quota.left = quota.left.saturating_sub(1);
        }
        state.sent += 1;
        Ok(state.sent)
    }

    /// Takes a place at the user's rate and returns how long to wait for it. Returns an error and takes no place if
    /// the wait would end after the deadline.
    pub(crate) fn take_place(
        &self,
        now: Instant,
        deadline: Instant,
    ) -> Result<(RatePermit<'_>, Duration), BlockedBy> {
        let mut wait = Duration::ZERO;
        if let Some(rate) = self.rate {
            let mut state = self.state();
            wait = state.rate_schedule.wait(rate, now);
            if !wait.is_zero() && later(now, wait) >= deadline {
                return Err(BlockedBy::Rate(wait));
            }
            state.rate_schedule.take(rate, now);
        }
        Ok((
            RatePermit {
                server: self,
                is_used: false,
            },
            wait,
        ))
    }

    /// Records the quota that the response to this request reported. Requests sent after that one are not counted
    /// in it yet. A report for a later request replaces it.
    pub(crate) fn note_quota(&self, quota: Quota, request: u64, now: Instant) {
        let mut state = self.state();
        if state.quota.is_none_or(|known| known.reported_by <= request) {
            state.quota = Some(QuotaLeft {
                left: quota
                    .left
                    .saturating_sub(state.sent.saturating_sub(request)),
                until: later(now, quota.reset),
                reported_by: request,
            });
        }
    }

    /// Returns how many retries are left in the budget.
    #[cfg(feature = "metrics")]
    pub(crate) fn budget_left(&self) -> f64 {
        self.state().tokens
    }

    /// Takes one retry out of the budget. Returns `false` if the budget is spent.
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

    /// Records the outcome of a request.
    pub(crate) fn replied(&self, sample: RequestSample, now: Instant) {
        let mut state = self.state();
        let sent = state.sent;
        let shorter = state.overload.replied(sample, sent, now);
        drop(state);
        if shorter {
            self.eased.notify_waiters();
        }
    }

    /// Records the round trip of a request.
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

    /// Records the success of a write.
    pub(crate) fn succeeded(&self) {
        let mut state = self.state();
        state.tokens = (state.tokens + EARNED).min(self.capacity);
    }

    /// Whether a request that goes out now will most likely get its response before the deadline.
    pub(crate) fn answers_by(&self, deadline: Instant, now: Instant) -> bool {
        let trip = self.round_trip().unwrap_or_default();
        later(now, trip.saturating_mul(2)) < deadline
    }

    /// Returns the running mean of the round trips. Late responses have little weight.
    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.state().round_trip
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(budget: u32) -> ServerState {
        ServerState::new(&RetryPolicy::default().budget(budget), None)
    }

    fn pass(server: &ServerState, now: Instant) -> Result<u64, Duration> {
        let passed = server.pass(now, None);
        passed.map_err(|blocked_by| blocked_by.retry_after().unwrap_or_default())
    }

    #[test]
    fn the_longest_wait_that_was_asked_holds() {
        let (server, now) = (server(1), Instant::now());
        server.close_for(Duration::from_secs(5), now);
        server.close_for(Duration::from_secs(2), now);
        assert_eq!(pass(&server, now), Err(Duration::from_secs(5)));
        assert_eq!(pass(&server, now + Duration::from_secs(6)), Ok(1));
    }

    #[test]
    fn a_spent_budget_comes_back_with_time_and_with_success() {
        let (server, now) = (server(2), Instant::now());
        assert!(server.take_retry(now) && server.take_retry(now) && !server.take_retry(now));
        assert!(server.take_retry(now + Duration::from_secs(1)));
        for _ in 0..5 {
            server.succeeded();
        }
        assert!(server.take_retry(now + Duration::from_secs(1)));
    }

    #[test]
    fn a_quota_counts_what_went_out_since_its_reply_was_asked_for() {
        let (server, now) = (server(1), Instant::now());
        let quota = |left| Quota {
            left,
            reset: Duration::from_secs(9),
        };
        for number in 1..=4 {
            assert_eq!(pass(&server, now), Ok(number));
        }
        server.note_quota(quota(4), 2, now);
        // The response to an earlier request comes later.
        server.note_quota(quota(5), 1, now);
        assert_eq!((pass(&server, now), pass(&server, now)), (Ok(5), Ok(6)));
        assert_eq!(pass(&server, now), Err(Duration::from_secs(9)));
        // A sliding quota is as large as its last report says.
        server.note_quota(quota(3), 6, now);
        assert_eq!(pass(&server, now), Ok(7));
        assert_eq!(pass(&server, now + Duration::from_secs(9)), Ok(8));
    }

    #[test]
    fn a_late_reply_is_soon_forgotten_and_a_slower_server_soon_learnt() {
        let (server, usual) = (server(1), Duration::from_millis(20));
        let late = Duration::from_secs(2);
        server.answered(usual);
        server.answered(late);
        assert!(server.round_trip() < Some(usual.mul_f64(1.25)));
        for _ in 0..30 {
            server.answered(late);
        }
        assert!(server.round_trip() > Some(late.mul_f64(0.9)));
        for _ in 0..8 {
            server.answered(usual);
        }
        assert!(server.round_trip() < Some(usual.mul_f64(1.5)));
    }
}
