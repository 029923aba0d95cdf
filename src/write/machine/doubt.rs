//! The machine in doubt: from a lost reply to its settlement.
//!
//! While a request may have been applied without our knowing, no refusal is taken for a race and no
//! error is reported as a plain failure. Reads can prove that a write was applied, and never that it was
//! not: the request may still be under way, and a replica may show an earlier state. That it was not is
//! proven by the server alone, when it takes a later write of ours onto a state without it.

use std::time::Duration;

use super::{Doubt, Machine, Phase, Then, Why};
use crate::write::machine::events::{
    Action, Base, Condition, Failure, Goal, LostWriteVerdict, OutcomeKind, ReadOutcome,
};

impl<V: Clone + PartialEq> Machine<V> {
    /// Ends without success: what is in doubt must not be reported as a plain failure, so it gets
    /// one more read to be judged by, and is `Unknown` if that does not help.
    pub(super) fn give_up(&mut self, outcome: OutcomeKind) -> Action<V> {
        if self.doubt.is_none() {
            return self.finish(outcome);
        }
        if self.last_read_used || self.condition() == Condition::None {
            return self.finish(OutcomeKind::Unknown);
        }
        self.last_read_used = true;
        self.verdict_pending = Some(outcome);
        self.ask_read(Why::LostWrite)
    }

    /// Ends with what was pending until a doubt was judged, unless a handler knows better.
    fn conclude(&mut self, seen: ReadOutcome<V>, ending: OutcomeKind) -> Action<V> {
        if matches!(ending, OutcomeKind::Refused | OutcomeKind::Locked) {
            return self.ask_handler(Some(seen), ending);
        }
        self.finish_plainly(ending)
    }

    /// Ends without success. In doubt nothing proves that nothing was applied: that a state shows no trace
    /// of the write does not.
    pub(super) fn finish_plainly(&mut self, ending: OutcomeKind) -> Action<V> {
        self.finish(if self.doubt.is_some() {
            OutcomeKind::Unknown
        } else {
            ending
        })
    }

    pub(super) fn reread(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        if self.params.goal == Goal::Delete || self.removing {
            if seen == ReadOutcome::Absent {
                return self.finish(OutcomeKind::Settled);
            }
            if !self.is_base(&seen) && !self.is_pending() {
                // Changed by somebody before ours arrived, or removed by ours and made again.
                self.doubt = None;
                return self.after_judgement(seen, true);
            }
        }
        if self.is_base(&seen) || (self.is_pending() && self.params.goal == Goal::Delete) {
            return self.still_unchanged();
        }
        if seen == ReadOutcome::Absent && !self.is_pending() {
            // Gone: our write can neither be seen nor be doubled any more.
            self.doubt = None;
            return self.after_judgement(seen, true);
        }
        self.phase = Phase::Judging(seen);
        Action::Judge
    }

    /// The version has not moved, as far as the read shows.
    ///
    /// The doubt stays all the same: the request may still arrive, and the read may have come from a replica
    /// that lags behind. So what was pending is not told as a plain failure, and a refusal of what is sent
    /// next is not taken for a race.
    pub(super) fn still_unchanged(&mut self) -> Action<V> {
        if self.verdict_pending.take().is_some() {
            return self.finish(OutcomeKind::Unknown);
        }
        if self.is_pending() {
            return self.poll_later(None);
        }
        // The same bytes under the same condition: of the two at most one can be applied.
        self.send(true)
    }

    pub(super) fn judged(&mut self, seen: ReadOutcome<V>, verdict: LostWriteVerdict) -> Action<V> {
        // Only a version that has moved fences what may still be under way.
        let fenced = match &seen {
            ReadOutcome::Unversioned => matches!(self.base, Base::Unversioned | Base::Absent),
            ReadOutcome::Altered(_) => false,
            _ => true,
        };
        match verdict {
            LostWriteVerdict::Applied => {
                self.rebase(&seen);
                self.finish(OutcomeKind::Settled)
            }
            // The condition was checked when the request was accepted: no later version fences it.
            _ if self.is_pending() && self.verdict_pending.is_none() => self.poll_later(None),
            _ if !fenced || self.is_pending() => self.finish(OutcomeKind::Unknown),
            LostWriteVerdict::Unknown => self.finish(OutcomeKind::Unknown),
            // The state that was read may be older than the base: a replica can lag behind. Whether it is the
            // present one shows when the server takes the next write onto it, so the doubt stays until then.
            LostWriteVerdict::NotApplied => {
                // Before a creation nothing was there, so whatever is there now came after it.
                self.doubt = self
                    .doubt
                    .filter(|doubt| doubt.own && self.base != Base::Absent);
                self.after_judgement(seen, false)
            }
            LostWriteVerdict::Doubtful => {
                // What somebody else may have created is not merged into.
                if self.verdict_pending.is_some() || self.params.goal == Goal::Create {
                    return self.finish(OutcomeKind::Unknown);
                }
                // The moved version is a fence: what was sent can arrive no more. What stays
                // open is whether it did, and that is handed on as a conflict.
                self.doubt = None;
                self.after_judgement(seen, true)
            }
        }
    }

    pub(super) fn after_judgement(
        &mut self,
        seen: ReadOutcome<V>,
        may_have_been_applied: bool,
    ) -> Action<V> {
        if let Some(ending) = self.verdict_pending.take() {
            if may_have_been_applied {
                return self.finish(OutcomeKind::Unknown);
            }
            return self.conclude(seen, ending);
        }
        if may_have_been_applied {
            self.handed_on = true;
            self.ask_resolve(seen, true)
        } else {
            self.meet(seen)
        }
    }

    pub(super) fn send_failed(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        match failure {
            Failure::NotSent | Failure::Throttled => {
                self.wait_transient(wait, Then::Resend, OutcomeKind::Failed)
            }
            Failure::Permanent => self.give_up(OutcomeKind::Failed),
            Failure::Doubtful => {
                self.doubted();
                self.give_up(OutcomeKind::Failed)
            }
            Failure::InFlight | Failure::Answered => {
                self.doubted();
                self.after_loss(failure, wait)
            }
        }
    }

    pub(super) fn doubted(&mut self) {
        self.doubt = Some(Doubt {
            pending: self.is_pending(),
            own: true,
        });
    }

    pub(super) fn after_loss(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        let asked_to_return = failure == Failure::Answered && wait.is_some();
        if self.params.goal == Goal::Append {
            // Nothing pins a POST. It goes out again only if the server knows its key again: whatever
            // answers 503 may stand before the server that carried it out.
            if self.params.honours_keys {
                return self.wait_transient(wait, Then::Resend, OutcomeKind::Exhausted);
            }
            return self.finish(OutcomeKind::Unknown);
        }
        if self.condition() == Condition::None {
            // Nothing fences an unconditional write, and no version tells whether it was applied.
            return self.finish(OutcomeKind::Unknown);
        }
        let then = if asked_to_return {
            Then::Resend
        } else {
            Then::Read(Why::LostWrite)
        };
        self.wait_transient(wait, then, OutcomeKind::Exhausted)
    }
}
