//! A server that struggles, and the pauses that it is given.
//!
//! Each write's own backoff is blind to the others: where a thousand writes each send one request, a server that
//! answers four of five with 503 has a thousand requests to refuse. So their replies are counted together, and
//! while most tell of overload, requests go one after another, each after a pause that doubles with every
//! refusal. A server that answers again has the pauses quartered, so it takes a few replies until everything
//! flows as before.
//!
//! Requests wait in the order of their coming, but none owns its turn: a future that is not polled when it could
//! go (`select!`, a full buffer) loses one pause to those behind it, and holds nobody up.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::later::later;

/// Weight of a reply in the share of those that tell of overload.
const WEIGHT: f64 = 1.0 / 16.0;
/// A server struggles when more than this share does.
const MOST: f64 = 0.6;
/// The first pause, unless the request took longer.
const FIRST: Duration = Duration::from_millis(10);
/// A shorter pause is none.
const LEAST: Duration = Duration::from_millis(1);
/// The longest pause, unless the user allows less: a recovery is seen that soon.
const LONGEST: Duration = Duration::from_secs(1);

/// How a request went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestSample {
    /// Its number.
    pub(crate) number: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// The reply tells of overload.
    pub(crate) overload: bool,
    /// The one before it, of the same call, did so too.
    pub(crate) again: bool,
}

/// What the replies of late tell of the server.
#[derive(Debug)]
pub(super) struct Overload {
    /// Share of the replies that tell of overload, the last ones counting most.
    share: f64,
    /// From one request to the next.
    pause: Duration,
    next: Option<Instant>,
    /// The last request that went out before the pause was changed.
    changed_after: u64,
    longest: Duration,
    /// Those that wait, by their tickets, which grow.
    waiting: VecDeque<u64>,
    tickets: u64,
}

impl Overload {
    /// No overload, and no pause that is longer than what the user allows.
    pub(super) fn new(cap: Duration) -> Self {
        Self {
            share: 0.0,
            pause: Duration::ZERO,
            next: None,
            changed_after: 0,
            longest: cap.min(LONGEST),
            waiting: VecDeque::new(),
            tickets: 0,
        }
    }

    /// Whether requests go one after another.
    pub(super) fn holds(&self) -> bool {
        !self.pause.is_zero()
    }

    /// A ticket, to wait behind all others.
    pub(super) fn queue(&mut self) -> u64 {
        self.tickets += 1;
        self.waiting.push_back(self.tickets);
        self.tickets
    }

    /// Whoever has this ticket waits no more.
    pub(super) fn leave(&mut self, ticket: u64) {
        if let Ok(place) = self.waiting.binary_search(&ticket) {
            self.waiting.remove(place);
        }
    }

    /// How long this ticket has to wait, unless those before it go away; one that let others pass need not wait
    /// for them.
    pub(super) fn wait(&self, ticket: u64, now: Instant) -> Duration {
        let before = self.waiting.binary_search(&ticket).unwrap_or(0);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let due = later(self.next.unwrap_or(now), self.pause.saturating_mul(before));
        due.saturating_duration_since(now).min(LONGEST)
    }

    /// The request with this ticket goes out, in front of all that could have gone and did not.
    pub(super) fn pass(&mut self, ticket: u64, now: Instant) {
        let passed = self.waiting.partition_point(|waiting| *waiting <= ticket);
        self.waiting.drain(..passed);
        self.next = Some(later(now, self.pause));
    }

    /// How a request went, the latest being `sent`. What was under way when the pause was changed knows nothing of
    /// the change, and does not change it again. Tries that are repeated do not count in the share, or one resource
    /// that is always refused would pass for the whole server. Whether the pause is shorter now.
    pub(super) fn replied(&mut self, sample: RequestSample, sent: u64, now: Instant) -> bool {
        let RequestSample {
            number, overload, ..
        } = sample;
        if !sample.again {
            self.share += (f64::from(u8::from(overload)) - self.share) * WEIGHT;
        }
        if number <= self.changed_after {
            return false;
        }
        let before = self.pause;
        let pause = if !overload {
            let shorter = self.pause / 4;
            if shorter < LEAST {
                Duration::ZERO
            } else {
                shorter
            }
        } else if self.share > MOST {
            let longer = self.pause.saturating_mul(2);
            longer.max(FIRST).max(sample.took).min(self.longest)
        } else {
            self.pause
        };
        if pause != before {
            (self.pause, self.changed_after) = (pause, sent);
            self.next = Some(later(now, pause));
        }
        pause < before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(number: u64, overload: bool) -> RequestSample {
        RequestSample {
            number,
            took: Duration::ZERO,
            overload,
            again: false,
        }
    }

    /// How long whoever comes now has to wait.
    fn wait(overload: &mut Overload, now: Instant) -> Duration {
        let ticket = overload.queue();
        let wait = overload.wait(ticket, now);
        overload.leave(ticket);
        wait
    }

    /// Replies of which so many in a hundred tell of overload, one request at a time; how long they took.
    fn replies(
        overload: &mut Overload,
        now: &mut Instant,
        percent: u64,
        requests: u64,
    ) -> Duration {
        let begun = *now;
        for number in 1..=requests {
            let ticket = overload.queue();
            *now += overload.wait(ticket, *now);
            overload.pass(ticket, *now);
            overload.replied(sample(1, number * 61 % 100 < percent), 1, *now);
            overload.changed_after = 0;
        }
        *now - begun
    }

    #[test]
    fn a_struggling_server_gets_pauses_and_loses_them_when_it_recovers() {
        let (mut overload, mut now) = (Overload::new(Duration::MAX), Instant::now());
        assert!(replies(&mut overload, &mut now, 80, 200) > Duration::from_secs(20));
        assert!(replies(&mut overload, &mut now, 0, 200) < Duration::from_secs(3));
        assert!(!overload.holds());
    }

    #[test]
    fn a_server_that_refuses_every_third_request_is_not_held_up() {
        let (mut overload, mut now) = (Overload::new(Duration::MAX), Instant::now());
        assert_eq!(replies(&mut overload, &mut now, 34, 1000), Duration::ZERO);
    }

    #[test]
    fn a_herd_that_was_under_way_changes_the_pause_once() {
        let (mut overload, now) = (Overload::new(Duration::MAX), Instant::now());
        for number in 1..=500 {
            overload.replied(sample(number, true), 500, now);
        }
        assert_eq!(wait(&mut overload, now), FIRST);
        overload.replied(sample(501, true), 501, now);
        assert_eq!(wait(&mut overload, now), FIRST * 2);
    }

    #[test]
    fn no_pause_is_longer_than_a_second_or_than_the_user_allows() {
        let (mut overload, now) = (Overload::new(Duration::MAX), Instant::now());
        for number in 1..=500 {
            overload.replied(sample(number, true), number, now);
        }
        assert_eq!(wait(&mut overload, now), LONGEST);
        overload = Overload::new(Duration::from_millis(20));
        for number in 1..=500 {
            overload.replied(sample(number, true), number, now);
        }
        assert_eq!(wait(&mut overload, now), Duration::from_millis(20));
    }

    #[test]
    fn requests_go_in_the_order_of_their_coming_and_wait_for_none_that_does_not_go() {
        let (mut overload, now) = (Overload::new(Duration::MAX), Instant::now());
        for number in 1..=500 {
            overload.replied(sample(number, true), 500, now);
        }
        let [one, two, three, four] = [(); 4].map(|()| overload.queue());
        let waits =
            |overload: &Overload| [one, two, three, four].map(|it| overload.wait(it, now) / 10);
        let millis = Duration::from_millis;
        assert_eq!(waits(&overload), [1, 2, 3, 4].map(millis));
        overload.leave(three);
        assert_eq!(waits(&overload)[3], millis(3));
        // The first is not polled when it could go.
        overload.pass(two, now);
        assert_eq!(waits(&overload)[3], millis(1));
        assert_eq!(overload.wait(one, now + FIRST), Duration::ZERO);
    }
}
