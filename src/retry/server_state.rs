//! What the writes of one client know together about their server.

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
use crate::protocol::Quota;

/// What one success earns of a retry.
const EARNED: f64 = 0.2;
/// Retries that come back with each second, so that a client is not mute for ever.
const REGAINED: f64 = 1.0;
/// Weight in the running mean of a round trip that was longer than it.
const LONGER: f64 = 0.2;
/// Weight of one that was shorter: chance makes many round trips longer, and hardly any shorter.
const SHORTER: f64 = 0.5;
/// Outliers are clamped to so many times the mean. Otherwise a single late reply would dominate it.
const LATE: f64 = 2.0;

/// The server as its client sees it: the gate, the quota, the rate, the retry budget, the round trip, whether it
/// struggles.
#[derive(Debug)]
pub(crate) struct ServerState {
    state: Mutex<LockedState>,
    /// Told when a struggling server is given shorter pauses.
    eased: Notify,
    capacity: f64,
    rate: Option<Rate>,
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

/// Requests that may still be sent until then.
#[derive(Clone, Copy, Debug)]
struct QuotaLeft {
    left: u64,
    until: Instant,
    /// The number of the request whose reply reported it.
    reported_by: u64,
}

/// A place among the requests of a rate; dropped before its request goes out, it is free for another.
#[derive(Debug)]
pub(crate) struct RatePermit<'a> {
    server: &'a ServerState,
    used: bool,
}

impl RatePermit<'_> {
    /// The request goes out.
    pub(crate) fn using(mut self) {
        self.used = true;
    }
}

impl Drop for RatePermit<'_> {
    fn drop(&mut self) {
        if let Some(rate) = self.server.rate
            && !self.used
        {
            self.server.state().rate_schedule.give_back(rate);
        }
    }
}

/// A place in the queue to a struggling server; dropped, it is free.
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
        let capacity = f64::from(policy.budget);
        Self {
            state: Mutex::new(LockedState {
                closed_until: None,
                tokens: capacity,
                counted: None,
                round_trip: None,
                rate_schedule: RateSchedule::default(),
                sent: 0,
                quota: None,
                overload: Overload::new(policy.cap),
            }),
            eased: Notify::new(),
            capacity,
            rate,
        }
    }

    // A panic elsewhere cannot leave these numbers half changed.
    fn state(&self) -> MutexGuard<'_, LockedState> {
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
            server: self,
            number: self.state().overload.queue(),
        }
    }

    /// Waits for shorter pauses; what happens from this call on counts, not only from the first poll.
    pub(crate) fn eased(&self) -> Notified<'_> {
        self.eased.notified()
    }

    /// Lets a request pass and numbers it, or tells why and how long it is held back. A struggling server takes
    /// only those that have a ticket.
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

    /// Takes a place at the user's rate and tells how long to wait for it; an error, and no place, if that
    /// would be later than the deadline.
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
                used: false,
            },
            wait,
        ))
    }

    /// The reply to the request of this number told what is left of a quota. What was sent after that request
    /// is not counted in it yet, and a later request knows more.
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
    pub(crate) fn replied(&self, sample: RequestSample, now: Instant) {
        let mut state = self.state();
        let sent = state.sent;
        let shorter = state.overload.replied(sample, sent, now);
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
        // The reply to an earlier request comes later.
        server.note_quota(quota(5), 1, now);
        assert_eq!((pass(&server, now), pass(&server, now)), (Ok(5), Ok(6)));
        assert_eq!(pass(&server, now), Err(Duration::from_secs(9)));
        // A quota that slides is as large as its last reply says.
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
