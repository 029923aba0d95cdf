//! A server that struggles, and the pauses that it is given.
//!
//! Each write's own backoff is blind to the others: where a thousand writes each send one request, a server that
//! answers four of five with 503 has a thousand requests to refuse. So their replies are counted together, and
//! while most tell of overload, requests go one after another, each after a pause that doubles with every
//! refusal. A server that answers again has the pauses quartered, so it takes a few replies until everything
//! flows as before, and no herd of those that waited runs over it.

use std::time::Duration;

use tokio::time::Instant;

use super::time::later;

/// Weight of a reply in the share of those that tell of overload.
const WEIGHT: f64 = 1.0 / 16.0;
/// A server struggles when more than this share does.
const MOST: f64 = 0.6;
/// The first pause, unless a round trip is longer.
const FIRST: Duration = Duration::from_millis(10);
/// A shorter pause is none.
const LEAST: Duration = Duration::from_millis(1);
/// The longest pause, unless the user allows less: a recovery is seen that soon.
const LONGEST: Duration = Duration::from_secs(1);

/// What the replies of late tell of the server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strain {
    /// Share of the replies that tell of overload, the last ones counting most.
    share: f64,
    /// From one request to the next.
    pause: Duration,
    next: Option<Instant>,
    /// The last request that went out before the pause was changed.
    changed_after: u64,
    longest: Duration,
}

impl Strain {
    /// No strain, and no pause that is longer than what the user allows.
    pub(super) fn new(cap: Duration) -> Self {
        Self {
            share: 0.0,
            pause: Duration::ZERO,
            next: None,
            changed_after: 0,
            longest: cap.min(LONGEST),
        }
    }

    /// Whether requests go one after another.
    pub(super) fn holds(self) -> bool {
        !self.pause.is_zero()
    }

    /// How long the next request has to wait.
    pub(super) fn wait(self, now: Instant) -> Duration {
        let next = self.next.filter(|_| self.holds());
        next.map_or(Duration::ZERO, |next| next.saturating_duration_since(now))
    }

    /// A request goes out.
    pub(super) fn passed(&mut self, now: Instant) {
        if self.holds() {
            self.next = Some(later(now, self.pause));
        }
    }

    /// How the request of this number went, the latest being `sent`. What was under way when the pause was
    /// changed knows nothing of the change, and does not change it again.
    pub(super) fn replied(
        &mut self,
        overload: bool,
        (number, sent): (u64, u64),
        round_trip: Duration,
        now: Instant,
    ) {
        self.share += (f64::from(u8::from(overload)) - self.share) * WEIGHT;
        if number <= self.changed_after {
            return;
        }
        let pause = if !overload {
            let shorter = self.pause / 4;
            if shorter < LEAST {
                Duration::ZERO
            } else {
                shorter
            }
        } else if self.share > MOST {
            let longer = self.pause.saturating_mul(2);
            longer.max(FIRST).max(round_trip).min(self.longest)
        } else {
            self.pause
        };
        if pause != self.pause {
            (self.pause, self.changed_after) = (pause, sent);
            self.passed(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replies of which so many in a hundred tell of overload, one request at a time; how long they took.
    fn replies(strain: &mut Strain, now: &mut Instant, overload: u64, requests: u64) -> Duration {
        let begun = *now;
        for number in 1..=requests {
            *now += strain.wait(*now);
            strain.passed(*now);
            strain.replied(number * 61 % 100 < overload, (1, 1), Duration::ZERO, *now);
            strain.changed_after = 0;
        }
        *now - begun
    }

    #[test]
    fn a_struggling_server_gets_pauses_and_loses_them_when_it_recovers() {
        let (mut strain, mut now) = (Strain::new(Duration::MAX), Instant::now());
        assert!(replies(&mut strain, &mut now, 80, 200) > Duration::from_secs(20));
        assert!(replies(&mut strain, &mut now, 0, 200) < Duration::from_secs(3));
        assert!(!strain.holds());
    }

    #[test]
    fn a_server_that_refuses_every_third_request_is_not_held_up() {
        let (mut strain, mut now) = (Strain::new(Duration::MAX), Instant::now());
        assert_eq!(replies(&mut strain, &mut now, 34, 1000), Duration::ZERO);
    }

    #[test]
    fn a_herd_that_was_under_way_changes_the_pause_once() {
        let (mut strain, now) = (Strain::new(Duration::MAX), Instant::now());
        for number in 1..=500 {
            strain.replied(true, (number, 500), Duration::ZERO, now);
        }
        assert_eq!(strain.wait(now), FIRST);
        strain.replied(true, (501, 501), Duration::ZERO, now);
        assert_eq!(strain.wait(now), FIRST * 2);
    }

    #[test]
    fn no_pause_is_longer_than_a_second_or_than_the_user_allows() {
        let (mut strain, now) = (Strain::new(Duration::MAX), Instant::now());
        for number in 1..=500 {
            strain.replied(true, (number, number), Duration::MAX, now);
        }
        assert_eq!(strain.wait(now), LONGEST);
        strain = Strain::new(Duration::from_millis(20));
        for number in 1..=500 {
            strain.replied(true, (number, number), Duration::MAX, now);
        }
        assert_eq!(strain.wait(now), Duration::from_millis(20));
    }
}
