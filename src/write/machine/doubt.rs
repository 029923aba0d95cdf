//! The machine in doubt: from a lost response until the write is settled.
//!
//! While a request may have been applied without our knowledge, no refusal counts as a race and no error is
//! reported as a plain failure. A read can prove that a write was applied, but never that it was not. The request
//! may still be in flight, and a replica may show an earlier state. Only the server proves that it was not applied,
//! by accepting a later write of ours onto a state without it.

use std::time::Duration;

use super::{Doubt, Machine, Phase, Then, Why};
use crate::write::machine::events::{
    Action, Base, Condition, Failure, Goal, LostWriteVerdict, OutcomeKind, ReadOutcome,
};

impl<V: Clone + PartialEq> Machine<V> {
    /// Ends without success. A write in doubt must not be reported as a plain failure, so it is judged by one more
    /// read. If that does not help, it ends as `Unknown`.
    pub(super) fn give_up(&mut self, outcome: OutcomeKind) -> Action<V> {
        if self.doubt.is_none() {
            return self.finish(outcome);
        }
        if self.last_read_used || self.condition() == Condition::None {
            return self.finish(OutcomeKind::Unknown);
        }
        self.last_read_used = true;
        self.pending_outcome = Some(outcome);
        self.ask_read(Why::LostWrite)
    }

    /// Ends with the outcome that was pending until a doubt was judged, unless a handler decides otherwise.
    fn conclude(&mut self, seen: ReadOutcome<V>, ending: OutcomeKind) -> Action<V> {
        if matches!(ending, OutcomeKind::Refused | OutcomeKind::Locked) {
            return self.ask_handler(Some(seen), ending);
        }
        self.finish_plainly(ending)
    }

    /// Ends without success. In doubt the outcome is `Unknown`: a state without a trace of the write does not prove
    /// that it was not applied.
    pub(super) fn finish_plainly(&mut self, ending: OutcomeKind) -> Action<V> {
        self.finish(if self.doubt.is_some() {
            OutcomeKind::Unknown
        } else {
            ending
        })
    }

    /// Handles a read that has to settle a doubt.
    pub(super) fn reread(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        if self.params.goal == Goal::Delete || self.resolved_to_delete {
            if seen == ReadOutcome::Absent {
                return self.finish(OutcomeKind::Settled);
            }
            if !self.is_base(&seen) && !self.is_pending() {
                // Another client changed it before our request arrived, or our request removed it and it was
                // created again.
                self.doubt = None;
                return self.after_judgement(seen, true);
            }
        }
        let acts = self.params.goal == Goal::Act;
        if !acts && self.is_base(&seen) || (self.is_pending() && self.params.goal == Goal::Delete) {
            return self.still_unchanged();
        }
        if seen == ReadOutcome::Absent && !self.is_pending() {
            // The resource is gone, so our write can neither be recognised nor applied twice.
            self.doubt = None;
            return self.after_judgement(seen, true);
        }
        self.phase = Phase::Judging(seen);
        Action::Judge
    }

    /// Handles a read in which the version has not moved.
    ///
    /// The doubt stays. The request may still arrive, and the read may come from a replica that lags behind. So a
    /// pending outcome is not reported as a plain failure, and a refusal of the next request does not count as a
    /// race.
    pub(super) fn still_unchanged(&mut self) -> Action<V> {
        if self.pending_outcome.take().is_some() {
            return self.finish(OutcomeKind::Unknown);
        }
        if self.is_pending() {
            return self.poll_later(None);
        }
        // Both requests have the same bytes and condition, so at most one of them can be applied.
        self.send(true)
    }

    /// Handles the verdict on the unsettled write.
    pub(super) fn judged(&mut self, seen: ReadOutcome<V>, verdict: LostWriteVerdict) -> Action<V> {
        let acts = self.params.goal == Goal::Act;
        // Only a version that has moved fences a request that may still be in flight.
        let fenced = match &seen {
            _ if self.base == Base::Unknown => false,
            // Without a version, an action that was not carried out yet may still arrive.
            ReadOutcome::Unversioned if acts => false,
            ReadOutcome::Unversioned => matches!(self.base, Base::Unversioned | Base::Absent),
            ReadOutcome::Altered(_) => false,
            _ => true,
        };
        match verdict {
            LostWriteVerdict::Applied => {
                self.rebase(&seen);
                self.finish(OutcomeKind::Settled)
            }
            // The condition was checked when the request was accepted, so no later version fences it.
            _ if self.is_pending() && self.pending_outcome.is_none() => self.poll_later(None),
            _ if !fenced || self.is_pending() => self.finish(OutcomeKind::Unknown),
            LostWriteVerdict::Unknown => self.finish(OutcomeKind::Unknown),
            // A replica that lags behind cannot show what took its place.
            LostWriteVerdict::Excluded => {
                self.doubt = None;
                self.after_judgement(seen, false)
            }
            // An action was not carried out yet, and may still arrive.
            LostWriteVerdict::NotApplied if self.is_base(&seen) && acts => self.still_unchanged(),
            // A replica can lag behind, so the state that was read may be older than the base. The server proves it
            // current by accepting the next write onto it. The doubt stays until then.
            LostWriteVerdict::NotApplied => {
                // Before a creation there was nothing, so any state found now is newer.
                self.doubt = self
                    .doubt
                    .filter(|doubt| doubt.is_own && self.base != Base::Absent);
                self.after_judgement(seen, false)
            }
            LostWriteVerdict::Doubtful => {
                // Do not merge into a resource that another client may have created.
                if self.pending_outcome.is_some() || self.params.goal == Goal::Create {
                    return self.finish(OutcomeKind::Unknown);
                }
                // The moved version fences the request, so it cannot be applied any more. It may have been applied
                // before, which is passed on to the strategy.
                self.doubt = None;
                self.after_judgement(seen, true)
            }
        }
    }

    /// Continues after a doubt was judged: with the pending outcome, or by merging with the state that was read.
    pub(super) fn after_judgement(
        &mut self,
        seen: ReadOutcome<V>,
        may_have_been_applied: bool,
    ) -> Action<V> {
        if let Some(ending) = self.pending_outcome.take() {
            if may_have_been_applied {
                return self.finish(OutcomeKind::Unknown);
            }
            return self.conclude(seen, ending);
        }
        if may_have_been_applied {
            self.may_be_applied = true;
            self.ask_resolve(seen, true)
        } else {
            self.merge_into(seen)
        }
    }

    /// Handles a send without a usable response.
    pub(super) fn send_failed(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        match failure {
            Failure::NotSent | Failure::Throttled => {
                self.wait_transient(wait, Then::Resend, OutcomeKind::Failed)
            }
            Failure::Permanent => self.give_up(OutcomeKind::Failed),
            Failure::Doubtful => {
                self.record_doubt();
                self.give_up(OutcomeKind::Failed)
            }
            Failure::InFlight | Failure::Responded => {
                self.record_doubt();
                self.after_loss(failure, wait)
            }
        }
    }

    /// Records that the last request may have been applied.
    pub(super) fn record_doubt(&mut self) {
        self.doubt = Some(Doubt {
            is_accepted: self.is_pending(),
            is_own: true,
            had_lost: false,
        });
    }

    /// Decides how to settle a lost request: by a resend, by a read, or not at all.
    pub(super) fn after_loss(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        let goal = self.params.goal;
        let asked_to_return = failure == Failure::Responded && wait.is_some() && goal != Goal::Act;
        if matches!(goal, Goal::Append | Goal::Act) && self.params.honours_keys {
            return self.wait_transient(wait, Then::Resend, OutcomeKind::Exhausted);
        }
        if goal == Goal::Append {
            // A POST carries no condition. It is sent again only if the server recognises its key, because a 503
            // may come from a proxy in front of the server that carried it out.
            return self.finish(OutcomeKind::Unknown);
        }
        // An action may leave the version as it is, so only the application can recognise it in the current state.
        if self.condition() == Condition::None && goal != Goal::Act {
            // No version fences an unconditional write or shows whether it was applied.
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
