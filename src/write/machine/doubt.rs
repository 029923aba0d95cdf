//! The machine in doubt: from a lost reply to its settlement.
//!
//! While a request may have been applied without our knowing, no refusal is taken for a race and no
//! error is reported as a plain failure.

use std::time::Duration;

use super::super::plan::{Action, Base, Condition, Failure, Goal, Outcome, Seen, Verdict};
use super::{Doubt, Machine, Phase, Then, Why, base_of};

impl<V: Clone + PartialEq> Machine<V> {
    /// Ends without success: what is in doubt must not be reported as a plain failure, so it gets
    /// one more read to be judged by, and is `Unknown` if that does not help.
    pub(super) fn give_up(&mut self, outcome: Outcome) -> Action<V> {
        if self.doubt.is_none() {
            return self.finish(outcome);
        }
        if self.last_read_used || self.condition() == Condition::None {
            return self.finish(Outcome::Unknown);
        }
        self.last_read_used = true;
        self.verdict_pending = Some(outcome);
        self.ask_read(Why::Settle)
    }

    /// Ends with what was pending until a doubt was judged.
    pub(super) fn conclude(&mut self, seen: Seen<V>, ending: Outcome) -> Action<V> {
        if matches!(ending, Outcome::Refused | Outcome::Locked) {
            self.ask_handler(Some(seen), ending)
        } else {
            self.finish(ending)
        }
    }

    pub(super) fn settle(&mut self, seen: Seen<V>) -> Action<V> {
        if self.plan.goal == Goal::Delete || self.removing {
            if seen == Seen::Absent {
                return self.finish(Outcome::Settled);
            }
            if !self.is_base(&seen) {
                // Changed by somebody before ours arrived, or removed by ours and made again.
                self.doubt = None;
                return self.after_judgement(seen, true);
            }
        }
        if self.is_base(&seen) {
            return self.settle_unchanged(seen);
        }
        if seen == Seen::Absent {
            // Gone: our write can neither be seen nor be doubled any more.
            self.doubt = None;
            return self.after_judgement(seen, true);
        }
        self.phase = Phase::Judging(seen);
        Action::Judge
    }

    /// The version has not moved: nothing of ours was applied so far.
    ///
    /// The doubt stays all the same. The read may have come from a replica that lags behind, so a
    /// refusal of what is sent next must still not be taken for a race.
    pub(super) fn settle_unchanged(&mut self, seen: Seen<V>) -> Action<V> {
        let pending = self.doubt.is_some_and(|doubt| doubt.pending);
        if let Some(ending) = self.verdict_pending.take() {
            if self.doubt.is_some_and(|doubt| doubt.in_flight) {
                return self.finish(Outcome::Unknown);
            }
            return self.conclude(seen, ending);
        }
        if pending {
            return self.wait_transient(None, Then::Read(Why::Settle), Outcome::Exhausted);
        }
        // The same bytes under the same condition: of the two at most one can be applied.
        self.send(self.tally.rounds > 0)
    }

    pub(super) fn judged(&mut self, seen: Seen<V>, verdict: Verdict) -> Action<V> {
        // Only a version that has moved fences what may still be under way.
        let fenced =
            seen != Seen::Unversioned || matches!(self.base, Base::Unversioned | Base::Absent);
        match verdict {
            _ if !fenced && verdict != Verdict::Landed => self.finish(Outcome::Unknown),
            Verdict::Landed => {
                self.base = base_of(&seen);
                self.finish(Outcome::Settled)
            }
            Verdict::Unknown => self.finish(Outcome::Unknown),
            Verdict::NotLanded => {
                self.doubt = None;
                self.after_judgement(seen, false)
            }
            Verdict::Doubtful => {
                // What somebody else may have created is not merged into.
                if self.verdict_pending.is_some() || self.plan.goal == Goal::Create {
                    return self.finish(Outcome::Unknown);
                }
                // The moved version is a fence: what was sent can arrive no more. What stays
                // open is whether it did, and that is handed on as a conflict.
                self.doubt = None;
                self.after_judgement(seen, true)
            }
        }
    }

    pub(super) fn after_judgement(&mut self, seen: Seen<V>, may_have_landed: bool) -> Action<V> {
        if let Some(ending) = self.verdict_pending.take() {
            if may_have_landed {
                return self.finish(Outcome::Unknown);
            }
            return self.conclude(seen, ending);
        }
        if may_have_landed {
            self.ask_resolve(seen, true)
        } else {
            self.meet(seen)
        }
    }

    pub(super) fn send_failed(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        match failure {
            Failure::NotSent | Failure::Throttled => {
                self.wait_transient(wait, Then::Resend, Outcome::Failed)
            }
            Failure::Permanent => self.give_up(Outcome::Failed),
            Failure::Doubtful => {
                self.doubted(false, false);
                self.give_up(Outcome::Failed)
            }
            Failure::InFlight | Failure::Answered | Failure::Pending => {
                self.doubted(failure != Failure::Answered, failure == Failure::Pending);
                self.after_loss(failure, wait)
            }
        }
    }

    fn doubted(&mut self, in_flight: bool, pending: bool) {
        let old = self.doubt;
        self.doubt = Some(Doubt {
            in_flight: in_flight || old.is_some_and(|doubt| doubt.in_flight),
            pending: pending || old.is_some_and(|doubt| doubt.pending),
        });
    }

    pub(super) fn after_loss(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        let told_to_return = failure == Failure::Answered && wait.is_some();
        if self.plan.goal == Goal::Append {
            // Nothing pins a POST. It goes out again only if the server promised to know the key,
            // or asked in so many words to be asked again.
            if failure != Failure::Pending && (self.plan.honours_keys || told_to_return) {
                return self.wait_transient(wait, Then::Resend, Outcome::Exhausted);
            }
            return self.finish(Outcome::Unknown);
        }
        if self.condition() == Condition::None {
            // Nothing fences an unconditional write, and no version tells whether it landed.
            return self.finish(Outcome::Unknown);
        }
        let then = if told_to_return {
            Then::Resend
        } else {
            Then::Read(Why::Settle)
        };
        self.wait_transient(wait, then, Outcome::Exhausted)
    }
}
