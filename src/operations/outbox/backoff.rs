//! When a chain that could not be sent is tried again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::ChainKey;
use crate::retry::later;

/// The first and the longest wait. Each wait is drawn between zero and this limit, which doubles (full jitter).
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The waits of an outbox.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The waits of the chains that the server could not take yet.
    chains: HashMap<ChainKey, Wait>,
    /// The wait for the server, if it did not respond the last time.
    server: Option<Wait>,
}

#[derive(Clone, Copy, Debug)]
struct Wait {
    limit: Duration,
    until: Instant,
}

impl Wait {
    /// Returns the wait after a further failure. `drawn` is a random number from 0 to 1.
    fn after(before: Option<Self>, now: Instant, drawn: f64) -> Self {
        let limit = before.map_or(FIRST, |before| (before.limit * 2).min(LONGEST));
        Self {
            limit,
            until: later(now, limit.mul_f64(drawn.clamp(0.0, 1.0))),
        }
    }
}

impl Backoff {
    /// Records that a chain could not be sent. `drawn` is a random number from 0 to 1.
    pub(super) fn failed(&mut self, key: ChainKey, now: Instant, is_unreachable: bool, drawn: f64) {
        if is_unreachable {
            self.server = Some(Wait::after(self.server, now, drawn));
        } else {
            self.server = None;
            let before = self.chains.get(&key).copied();
            self.chains.insert(key, Wait::after(before, now, drawn));
        }
    }

    /// Records that a chain could be sent.
    pub(super) fn succeeded(&mut self, key: &ChainKey) {
        self.chains.remove(key);
        self.server = None;
    }

    /// Makes every chain due, or one of them as long as the server does not respond.
    pub(super) fn nudge(&mut self, now: Instant) {
        self.chains.clear();
        self.server = self.server.map(|_| Wait {
            limit: FIRST / 2,
            until: now,
        });
    }

    /// Whether the server did not respond the last time. One chain at a time is tried then.
    pub(super) fn is_unreachable(&self) -> bool {
        self.server.is_some()
    }

    /// Returns when the server is asked again, if that is later than now.
    pub(super) fn server_until(&self, now: Instant) -> Option<Instant> {
        self.server
            .map(|wait| wait.until)
            .filter(|until| *until > now)
    }

    /// Returns when a chain is tried again, if that is later than now.
    pub(super) fn chain_until(&self, key: &ChainKey, now: Instant) -> Option<Instant> {
        let until = self.chains.get(key).map(|wait| wait.until);
        until.filter(|until| *until > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ChainKey = ([0; 16], [1; 16]);
    const OTHER: ChainKey = ([0; 16], [2; 16]);

    #[tokio::test(start_paused = true)]
    async fn waits_double_up_to_five_minutes() {
        for is_unreachable in [false, true] {
            let (mut backoff, now) = (Backoff::default(), Instant::now());
            let mut waits = Vec::new();
            for _ in 0..11 {
                backoff.failed(ONE, now, is_unreachable, 1.0);
                let until = backoff.server_until(now).or(backoff.chain_until(&ONE, now));
                waits.extend(until.map(|until| (until - now).as_secs()));
            }
            assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_chain_that_the_server_cannot_take_yet_holds_up_no_other() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(ONE, now, false, 1.0);
        assert_eq!(backoff.chain_until(&ONE, now), Some(now + FIRST));
        assert_eq!(backoff.chain_until(&ONE, now + FIRST), None);
        assert_eq!(backoff.chain_until(&OTHER, now), None);
        assert!(!backoff.is_unreachable());
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_makes_every_chain_due() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(ONE, now, true, 1.0);
        assert_eq!(backoff.server_until(now), Some(now + FIRST));
        backoff.nudge(now);
        assert_eq!(
            (backoff.server_until(now), backoff.is_unreachable()),
            (None, true)
        );
        backoff.succeeded(&ONE);
        assert!(!backoff.is_unreachable());
    }
}
