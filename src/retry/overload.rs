//! An overloaded server, and the pauses between requests to it.
//!
//! Each write's own backoff does not know of the others. If a thousand writes each send one request, a server that
//! answers four of five with 503 has a thousand requests to refuse. So responses are counted across all writes.
//! While most of them indicate overload, requests go one after another, each after a pause that doubles with every
//! refusal. Each successful response quarters the pause, so requests flow freely again after a few responses.
//!
//! Requests wait in order of arrival, but no request owns its turn. A future that is not polled when it could go
//! (`select!`, a full buffer) loses one pause to those behind it and delays none of them.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::later::later;

/// Weight of a response in the share of responses that indicate overload.
const WEIGHT: f64 = 1.0 / 16.0;
/// A server counts as overloaded above this share.
const MOST: f64 = 0.6;
/// The first pause, unless the request took longer.
const FIRST: Duration = Duration::from_millis(10);
/// A shorter pause counts as no pause.
const LEAST: Duration = Duration::from_millis(1);
/// The longest pause, unless the user allows less. A recovery is noticed within this time.
const LONGEST: Duration = Duration::from_secs(1);

/// The outcome of one request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RequestSample {
    /// The number of the request.
    pub(crate) number: u64,
    /// How long it took.
    pub(crate) took: Duration,
    /// Whether the response indicates overload.
    pub(crate) shows_overload: bool,
    /// Whether the previous request of the same call indicated overload too.
    pub(crate) is_retry: bool,
}

/// The state of the server, as recent responses show it.
#[derive(Debug)]
pub(super) struct Overload {
    /// Share of the responses that indicate overload. Recent responses count most.
    share: f64,
    /// The time from one request to the next.
    pause: Duration,
    next: Option<Instant>,
    /// The number of the last request sent before the pause was changed.
    changed_after: u64,
    longest: Duration,
    /// The requests that wait, by ticket in ascending order.
    waiting: VecDeque<u64>,
    tickets: u64,
}

impl Overload {
    /// Starts without overload. No pause will be longer than `cap`, which the user sets.
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

    /// Returns a ticket, which waits behind all others.
    pub(super) fn queue(&mut self) -> u64 {
        self.tickets += 1;
        self.waiting.push_back(self.tickets);
        self.tickets
    }

    /// Removes a ticket, which then waits no more.
    pub(super) fn leave(&mut self, ticket: u64) {
        if let Ok(place) = self.waiting.binary_search(&ticket) {
            self.waiting.remove(place);
        }
    }

    /// Returns how long this ticket has to wait if those before it stay. A ticket that others have passed need not
    /// wait for those before it.
    pub(super) fn wait(&self, ticket: u64, now: Instant) -> Duration {
        let before = self.waiting.binary_search(&ticket).unwrap_or(0);
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        let due = later(self.next.unwrap_or(now), self.pause.saturating_mul(before));
        due.saturating_duration_since(now).min(LONGEST)
    }

    /// Lets the request with this ticket go out, ahead of all that could have gone and did not.
    pub(super) fn pass(&mut self, ticket: u64, now: Instant) {
        let passed = self.waiting.partition_point(|waiting| *waiting <= ticket);
        self.waiting.drain(..passed);
        self.next = Some(later(now, self.pause));
    }

    /// Records the outcome of a request and returns whether the pause became shorter. `sent` is the number of the
    /// latest request.
    ///
    /// A request that was under way when the pause changed does not change it again. Repeated tries do not count in
    /// the share. Otherwise one resource that is always refused would count for the whole server.
    pub(super) fn replied(&mut self, sample: RequestSample, sent: u64, now: Instant) -> bool {
        let RequestSample {
            number,
            shows_overload: overload,
            ..
        } = sample;
        if !sample.is_retry {
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
            shows_overload: overload,
            is_retry: false,
        }
    }

    /// Returns how long a request that arrives now has to wait.
    fn wait(overload: &mut Overload, now: Instant) -> Duration {
        let ticket = overload.queue();
        let wait = overload.wait(ticket, now);
        overload.leave(ticket);
        wait
    }

    /// Runs requests one at a time, of which `percent` in a hundred indicate overload. Returns the time they took.
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
