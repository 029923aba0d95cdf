//! When a chain that could not be sent is tried again.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::journal::ChainKey;
use crate::retry::later;

/// The first and the longest wait. Each wait is drawn between zero and twice the last limit (full jitter).
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The waits of the chains that could not be sent.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    waits: HashMap<ChainKey, Wait>,
    /// Whether the server did not respond the last time. One chain is tried first then.
    is_unreachable: bool,
}

#[derive(Debug)]
struct Wait {
    limit: Duration,
    until: Instant,
}

impl Backoff {
    /// Records that a chain could not be sent. `drawn` is a random number from 0 to 1.
    pub(super) fn failed(&mut self, key: ChainKey, now: Instant, is_unreachable: bool, drawn: f64) {
        self.is_unreachable = is_unreachable;
        let wait = self.waits.entry(key).or_insert(Wait {
            limit: FIRST / 2,
            until: now,
        });
        wait.limit = (wait.limit * 2).min(LONGEST);
        wait.until = later(now, wait.limit.mul_f64(drawn.clamp(0.0, 1.0)));
    }

    /// Records that a chain could be sent, so that the server can be reached again and every other chain is due.
    pub(super) fn succeeded(&mut self, key: &ChainKey) {
        self.waits.remove(key);
        if std::mem::take(&mut self.is_unreachable) {
            self.nudge();
        }
    }

    /// Makes every chain due.
    pub(super) fn nudge(&mut self) {
        self.waits.clear();
    }

    /// Returns which of the chains are due now: one of them, as long as the server cannot be reached.
    pub(super) fn due(&self, chains: Vec<ChainKey>, now: Instant) -> Vec<ChainKey> {
        let is_due = |key: &ChainKey| self.waits.get(key).is_none_or(|wait| wait.until <= now);
        let mut due: Vec<_> = chains.into_iter().filter(is_due).collect();
        if self.is_unreachable {
            due.truncate(1);
        }
        due
    }

    /// Returns when the next one of the chains is due.
    pub(super) fn next(&self, chains: &[ChainKey]) -> Option<Instant> {
        let waits = chains.iter().filter_map(|key| self.waits.get(key));
        waits.map(|wait| wait.until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: ChainKey = ([0; 16], [1; 16]);
    const OTHER: ChainKey = ([0; 16], [2; 16]);

    #[tokio::test(start_paused = true)]
    async fn the_limit_doubles_up_to_five_minutes() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        let mut limits = Vec::new();
        for _ in 0..12 {
            backoff.failed(ONE, now, false, 1.0);
            limits.extend(backoff.next(&[ONE]).map(|until| (until - now).as_secs()));
        }
        assert_eq!(limits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
        backoff.failed(ONE, now, false, 0.5);
        assert_eq!(
            backoff.next(&[ONE]).map(|until| (until - now).as_secs()),
            Some(150)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_chain_is_tried_until_the_server_responds() {
        let (mut backoff, now) = (Backoff::default(), Instant::now());
        backoff.failed(ONE, now, true, 0.0);
        assert_eq!(backoff.due(vec![ONE, OTHER], now), [ONE]);
        backoff.failed(OTHER, now, true, 1.0);
        assert_eq!(backoff.due(vec![ONE, OTHER], now), [ONE]);
        backoff.succeeded(&ONE);
        assert_eq!(backoff.due(vec![ONE, OTHER], now), [ONE, OTHER]);
    }
}
