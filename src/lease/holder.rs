//! When a holder renews its lease, and when it must no longer believe in it. Pure: it is told the time.

use std::time::Duration;

use super::clock::LeaseTime;

/// The lease of a holder, by its own clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(test, derive(Hash))]
pub(super) struct Holder {
    ttl: Duration,
    /// When the request left that was granted last. The validity counts from there, because the service may have granted
    /// it as early as that.
    granted: LeaseTime,
    acquired: LeaseTime,
    at_most: Option<Duration>,
    /// When the last renewal was tried, and failed.
    failed: Option<(LeaseTime, Duration)>,
}

/// What a holder does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Wait(Duration),
    Renew,
    /// The lease cannot be vouched for any more.
    Ended(Ended),
}

/// Why a lease has ended by the clocks of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It was not renewed in time.
    Expired,
    /// It was held for as long as it may be.
    AtMost,
}

impl Holder {
    pub(super) fn new(ttl: Duration, granted: LeaseTime, at_most: Option<Duration>) -> Self {
        Self {
            ttl,
            granted,
            acquired: granted,
            at_most,
            failed: None,
        }
    }

    /// Returns the lease for the next holder in this process, who was not there when it was acquired.
    pub(super) fn handed_over(self, now: LeaseTime, at_most: Option<Duration>) -> Self {
        Self {
            acquired: now,
            at_most,
            ..self
        }
    }

    /// Records a renewal whose request left at this time.
    pub(super) fn renewed(&mut self, sent: LeaseTime, ttl: Duration) {
        (self.granted, self.ttl, self.failed) = (sent, ttl, None);
    }

    /// Records that a renewal failed, although the lease may still be held. `drawn` is a random number from 0 to 1.
    pub(super) fn failed(&mut self, now: LeaseTime, drawn: f64) {
        let wait = (self.ttl / 8).mul_f64(0.5 + drawn.clamp(0.0, 1.0) / 2.0);
        self.failed = Some((now, wait));
    }

    /// Returns for how long the lease can still be vouched for.
    ///
    /// A third of the ttl is left out. It covers clocks that run at different rates, and a last request that is slow.
    pub(super) fn remaining(&self, now: LeaseTime) -> Duration {
        let by_ttl = (self.ttl / 3 * 2).saturating_sub(now.longest_since(self.granted));
        by_ttl.min(self.held_for(now))
    }

    /// Returns for how long it may still be held at most.
    fn held_for(&self, now: LeaseTime) -> Duration {
        let held = now.longest_since(self.acquired);
        let left = self.at_most.map(|at_most| at_most.saturating_sub(held));
        left.unwrap_or(Duration::MAX)
    }

    pub(super) fn next(&self, now: LeaseTime) -> Next {
        if self.held_for(now).is_zero() {
            return Next::Ended(Ended::AtMost);
        }
        let remaining = self.remaining(now);
        if remaining.is_zero() {
            return Next::Ended(Ended::Expired);
        }
        let until = match self.failed {
            Some((at, wait)) => wait.saturating_sub(now.longest_since(at)),
            None => (self.ttl / 3).saturating_sub(now.longest_since(self.granted)),
        };
        if until.is_zero() {
            Next::Renew
        } else {
            Next::Wait(until.min(remaining))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    fn held() -> Holder {
        Holder::new(TTL, LeaseTime::at(0, 1_000), None)
    }

    #[test]
    fn a_lease_is_renewed_after_a_third_of_its_time_and_ends_after_two() {
        let lease = held();
        assert_eq!(lease.next(LeaseTime::at(0, 1_000)), Next::Wait(TTL / 3));
        assert_eq!(lease.next(LeaseTime::at(5, 1_005)), Next::Renew);
        assert_eq!(
            lease.next(LeaseTime::at(10, 1_010)),
            Next::Ended(Ended::Expired)
        );
    }

    #[test]
    fn a_machine_that_slept_has_lost_its_lease() {
        assert_eq!(
            held().next(LeaseTime::at(1, 1_060)),
            Next::Ended(Ended::Expired)
        );
    }

    #[test]
    fn a_wall_clock_that_is_set_back_lengthens_no_lease() {
        assert_eq!(
            held().next(LeaseTime::at(10, 100)),
            Next::Ended(Ended::Expired)
        );
    }

    #[test]
    fn the_time_counts_from_the_request_and_not_from_its_response() {
        let mut lease = held();
        lease.renewed(LeaseTime::at(5, 1_005), TTL);
        assert_eq!(
            lease.remaining(LeaseTime::at(9, 1_009)),
            Duration::from_secs(6)
        );
    }

    #[test]
    fn a_renewal_that_failed_is_tried_again_for_as_long_as_the_lease_lasts() {
        let mut lease = held();
        lease.failed(LeaseTime::at(5, 1_005), 1.0);
        assert_eq!(lease.next(LeaseTime::at(5, 1_005)), Next::Wait(TTL / 8));
        assert_eq!(lease.next(LeaseTime::at(7, 1_007)), Next::Renew);
        lease.failed(LeaseTime::at(9, 1_009), 1.0);
        // The end comes first.
        assert_eq!(
            lease.next(LeaseTime::at(9, 1_009)),
            Next::Wait(Duration::from_secs(1))
        );
    }

    #[test]
    fn a_lease_is_held_no_longer_than_allowed_however_often_it_is_renewed() {
        let mut lease = Holder::new(TTL, LeaseTime::at(0, 0), Some(Duration::from_secs(12)));
        lease.renewed(LeaseTime::at(10, 10), TTL);
        assert_eq!(
            lease.remaining(LeaseTime::at(10, 10)),
            Duration::from_secs(2)
        );
        assert_eq!(
            lease.next(LeaseTime::at(12, 12)),
            Next::Ended(Ended::AtMost)
        );
    }

    #[test]
    fn what_was_granted_counts_and_not_what_was_asked_for() {
        let mut lease = held();
        lease.renewed(LeaseTime::at(5, 5), Duration::from_secs(3));
        assert_eq!(lease.remaining(LeaseTime::at(5, 5)), Duration::from_secs(2));
    }
}
