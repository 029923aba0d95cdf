//! The connections of a watch: how they live and end.

use std::time::Duration;

use super::known::Weight;
use super::listing::Need;
use super::{Failure, Machine, Pause, Phase};

/// How many openings without a single byte lead to polling.
const IDLE_OPENINGS: u8 = 3;
/// A connection that lived this long worked, even if nothing was told.
const WORKED_FOR: Duration = Duration::from_secs(60);

impl<I: Clone + Ord + Weight, S, A: Clone + PartialEq> Machine<I, S, A> {
    /// The feed is open.
    pub(crate) fn opened(&mut self, now: Duration) {
        self.phase = Phase::Open;
        self.was_unauthorized = false;
        if self.was_open && !self.rules.signals_gaps && self.need.is_none() {
            let settle = if self.owes_comparison {
                Duration::ZERO
            } else {
                self.rules.settle
            };
            self.need = Some(Need::Compare {
                not_before: now + settle,
            });
        }
        self.was_open = true;
        self.owes_comparison = false;
    }

    /// Bytes came.
    pub(crate) fn lives(&mut self) {
        (self.has_lived, self.idle_openings) = (true, 0);
    }

    /// A heartbeat came, this long after the one before.
    pub(crate) fn beat(&mut self, after: Duration) {
        self.heartbeat.beats(after);
    }

    /// The feed has said something that is of no interest here.
    pub(crate) fn is_alive(&mut self) {
        self.told();
    }

    pub(super) fn told(&mut self) {
        self.backoff.works();
        (self.has_told, self.has_lived, self.is_fresh) = (true, true, false);
        self.idle_openings = 0;
    }

    /// The feed has ended, after this time.
    pub(crate) fn ended(&mut self, lived_for: Duration) {
        if self.rules.is_paged {
            // A server that ignores the position tells the same again and again.
            let interval = if self.has_moved {
                Duration::ZERO
            } else {
                self.rules.interval
            };
            self.backoff.works();
            return self.close(Some(interval));
        }
        if !self.has_lived && self.reached.is_some() {
            // Some servers answer a position that is too old with nothing at all.
            if !self.is_fresh {
                return self.failed(Failure::TooOld);
            }
            // Nothing was told since the last list, so another one shows what has changed.
            self.backoff.fails(None);
            self.close(None);
            self.need = Some(Need::Whole { resets: false });
            return;
        }
        if lived_for >= WORKED_FOR {
            self.backoff.works();
        } else if !self.has_told {
            self.backoff.fails(None);
        }
        self.close(None);
    }

    /// The feed was silent for the idle time.
    pub(crate) fn was_silent(&mut self) {
        if !self.has_lived {
            self.idle_openings = self.idle_openings.saturating_add(1);
            self.polls = self.polls || self.idle_openings >= IDLE_OPENINGS;
        }
        self.backoff.fails(None);
        self.close(None);
    }

    /// The feed could not be opened, or broke.
    pub(crate) fn failed(&mut self, failure: Failure) {
        match failure {
            Failure::Final => self.phase = Phase::Ended,
            Failure::Unauthorized if self.was_unauthorized => self.phase = Phase::Ended,
            Failure::Unauthorized => {
                self.was_unauthorized = true;
                self.backoff.fails(None);
                self.close(None);
            }
            Failure::TooOld if self.reached.is_none() => self.phase = Phase::Ended,
            Failure::TooOld => self.lost_place(),
            Failure::Temporary(retry_after) => {
                self.backoff.fails(retry_after);
                self.close(None);
            }
        }
    }

    /// The feed cannot continue from where it was, or cannot be read any further from there.
    pub(crate) fn lost_place(&mut self) {
        self.backoff.fails(None);
        self.close(None);
        self.need_reset();
        self.reached = None;
    }

    /// The transport cannot follow a feed, so the collection is polled.
    pub(crate) fn falls_back(&mut self) {
        self.polls = true;
        self.phase = Phase::Closed;
    }

    pub(super) fn close(&mut self, interval: Option<Duration>) {
        self.phase = Phase::Closed;
        self.wait = Some(interval.map_or(Pause::Backoff, Pause::For));
        self.to_compare.clear();
        if !self.suspects.is_empty() {
            // The feed has not explained what was found, and on this connection it no longer can.
            self.need_reset();
        }
        if let Some(Need::Compare { .. }) = self.need {
            // A connection that breaks again and again must not put it off.
            self.owes_comparison = true;
            self.need = None;
        }
        self.listing = None;
    }

    pub(super) fn need_reset(&mut self) {
        self.need = Some(Need::Whole { resets: true });
        self.listing = None;
        self.to_compare.clear();
        self.suspects.clear();
        self.shown.clear();
        if self.rules.lists_first {
            self.reached = None;
        }
    }
}
