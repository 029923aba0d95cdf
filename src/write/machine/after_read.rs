//! The machine after a read: the first look, races, and merging two states.

use std::time::Duration;

use super::{AGING_READS, AGING_READS_IN_ALL, LAGGING_READS, Machine, Phase, Then, Why};
use crate::write::machine::events::{
    Action, Base, Decision, Failure, Goal, OutcomeKind, Pause, ReadOutcome,
};

impl<V: Clone + PartialEq> Machine<V> {
    /// Handles the result of a read that was made for this reason.
    pub(super) fn read(&mut self, why: Why, seen: ReadOutcome<V>) -> Action<V> {
        let seen = match seen {
            // A call that may omit the condition ignores an unusable version.
            ReadOutcome::Unusable {
                becomes_usable: false,
                ..
            } if self.params.allows_unconditional => ReadOutcome::Unversioned,
            seen => seen,
        };
        match seen {
            ReadOutcome::Successor => return self.end_for_successor(),
            ReadOutcome::Marked => return self.end_marked(),
            _ => {}
        }
        if let ReadOutcome::Unusable {
            becomes_usable,
            moved,
        } = seen
        {
            self.unusable_reads = if moved { 1 } else { self.unusable_reads + 1 };
            self.aging_reads += 1;
            let in_bounds =
                self.unusable_reads <= AGING_READS && self.aging_reads <= AGING_READS_IN_ALL;
            if becomes_usable && in_bounds {
                return self.wait(Pause::Aging(self.unusable_reads), Then::Read(why));
            }
            // A refused creation needs no version, because the refusal shows that the resource exists.
            if self.params.goal != Goal::Create || why == Why::LostWrite {
                return self.give_up(OutcomeKind::UnusableValidator);
            }
        }
        self.unusable_reads = 0;
        match why {
            Why::First => self.first_read(seen),
            Why::Race => self.race(seen),
            Why::Adopt if seen == ReadOutcome::Absent => self.send(false),
            Why::Adopt => self.adopt(seen),
            Why::Done => self.done(&seen),
            Why::Unclassified => {
                if self.is_base(&seen) {
                    match self.requested_wait.take() {
                        // This is not a race, because the server itself says when to retry.
                        Some(wait) => {
                            self.wait_transient(Some(wait), Then::Resend, OutcomeKind::Refused)
                        }
                        None => self.ask(Some(seen), OutcomeKind::Refused),
                    }
                } else {
                    self.tally.races += 1;
                    self.race(seen)
                }
            }
            Why::LostWrite => self.reread(seen),
            Why::Check { trusted } => self.check(seen, trusted),
        }
    }

    /// Whether the read shows the base of the write.
    pub(super) fn is_base(&self, seen: &ReadOutcome<V>) -> bool {
        match (&self.base, seen) {
            (Base::Version(base), ReadOutcome::Version(now)) => base == now,
            (Base::Absent, ReadOutcome::Absent) | (Base::Unversioned, ReadOutcome::Unversioned) => {
                true
            }
            _ => false,
        }
    }

    /// Handles the read before the first send.
    pub(super) fn first_read(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        // The base was read without a validator. Only a comparison with the current state can show whether it still
        // holds.
        let unpinned_base = matches!(self.base, Base::Unversioned) && !self.params.edit_reruns;
        if unpinned_base {
            return self.merge_into(seen);
        }
        if seen == ReadOutcome::Absent {
            if self.params.create_if_absent && self.params.goal == Goal::Replace {
                self.base = Base::Absent;
                return self.prepare();
            }
            return self.finish(OutcomeKind::NotFound);
        }
        // Without a version `send` refuses to write. The edit runs first anyway, so that the error can return the
        // edited document.
        self.rebase(&seen);
        if self.params.goal == Goal::Delete {
            self.send(false)
        } else {
            self.prepare()
        }
    }

    /// Handles the state that was found after a refused version.
    pub(super) fn race(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        let shown = match &seen {
            ReadOutcome::Version(now) => Some(now),
            // This write may itself have made the change, under a version that did not move.
            ReadOutcome::Altered(now) if self.doubt.is_none() => Some(now),
            _ => None,
        };
        if shown.is_some() && shown == self.refused_version.as_ref() {
            return self.reread_later(Why::Race);
        }
        if self.doubt.is_some() {
            return self.reread(seen);
        }
        self.outdated_reads = 0;
        self.merge_into(seen)
    }

    /// Reads again after a pause, because the read was outdated. Most likely a replica lags behind.
    pub(super) fn reread_later(&mut self, why: Why) -> Action<V> {
        self.outdated_reads += 1;
        if self.outdated_reads > LAGGING_READS {
            return self.give_up(OutcomeKind::UnusableValidator);
        }
        let action = self.wait(Pause::Lag(self.outdated_reads), Then::Read(why));
        self.outcome_if_wait_fails = OutcomeKind::UnusableValidator;
        action
    }

    /// Merges into the current state, as a handler decided.
    pub(super) fn adopt(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        if self.params.edit_reruns {
            return self.run_again(&seen);
        }
        self.ask_resolve(seen, false)
    }

    /// Runs the edit again on the current state.
    fn run_again(&mut self, seen: &ReadOutcome<V>) -> Action<V> {
        self.tally.merged += 1;
        self.rebase(seen);
        self.prepare()
    }

    /// Merges the edit with a remote state, once it is certain that no request of ours made that state.
    pub(super) fn merge_into(&mut self, seen: ReadOutcome<V>) -> Action<V> {
        let absent = seen == ReadOutcome::Absent;
        match self.params.goal {
            Goal::Delete if absent => return self.finish(OutcomeKind::Unchanged),
            // Removed again since the refusal, so the creation is due once more.
            _ if absent && self.base == Base::Absent => return self.race_pause(Then::Send),
            // The base of the edit was out of date: the resource did not exist.
            Goal::Replace if absent && self.params.create_if_absent => {
                self.base = Base::Absent;
                return self.prepare();
            }
            // A handler is asked only after a refusal by the server. The condition of the creation causes that
            // refusal.
            Goal::Create if !absent && !self.was_refused => return self.send(false),
            Goal::Create if !absent => return self.ask(Some(seen), OutcomeKind::Refused),
            _ => {}
        }
        let met_a_creation = self.params.create_if_absent && self.base == Base::Absent;
        if !absent && (self.params.edit_reruns || met_a_creation) {
            return self.run_again(&seen);
        }
        if absent && self.params.edit_reruns {
            // No resource is left to run the edit on.
            return self.finish(OutcomeKind::Gone);
        }
        self.ask_resolve(seen, false)
    }

    /// Asks the strategy to resolve the conflict with this state.
    pub(super) fn ask_resolve(
        &mut self,
        seen: ReadOutcome<V>,
        may_have_been_applied: bool,
    ) -> Action<V> {
        if self.params.goal == Goal::Act {
            // There is no document of the caller's to merge.
            return self.resolved(&seen, may_have_been_applied, Decision::Unresolved);
        }
        self.phase = Phase::Resolving(seen, may_have_been_applied);
        Action::Resolve {
            may_have_been_applied,
        }
    }

    /// Carries out the decision of the strategy.
    pub(super) fn resolved(
        &mut self,
        seen: &ReadOutcome<V>,
        may_have_been_applied: bool,
        decision: Decision,
    ) -> Action<V> {
        let absent = *seen == ReadOutcome::Absent;
        let raced = self.tally.races > 0 && decision != Decision::Unresolved;
        self.tally.merged += u32::from(raced);
        self.resolved_to_delete = decision == Decision::Delete;
        match decision {
            // A plain failure would claim that nothing was applied.
            Decision::Unresolved if may_have_been_applied => self.finish(OutcomeKind::Unknown),
            Decision::Unresolved | Decision::AsRemote | Decision::KeepRemote if absent => {
                self.finish(OutcomeKind::Gone)
            }
            Decision::Unresolved => self.finish_plainly(OutcomeKind::Conflict),
            // The state to keep may come from a replica that lags behind an applied write of ours.
            Decision::KeepRemote if self.may_be_applied || self.doubt.is_some() => {
                self.finish(OutcomeKind::Unknown)
            }
            Decision::Delete if absent => self.finish(OutcomeKind::Unchanged),
            Decision::AsRemote | Decision::KeepRemote => {
                self.rebase(seen);
                self.finish(OutcomeKind::Unchanged)
            }
            Decision::Write | Decision::Delete => {
                self.rebase(seen);
                let stays = match self.params.goal {
                    Goal::Create => absent,
                    Goal::Delete => self.resolved_to_delete,
                    Goal::Replace | Goal::Append | Goal::Act => true,
                };
                if !stays {
                    self.params.goal = Goal::Replace;
                }
                self.send(false)
            }
        }
    }

    /// Handles a read without a usable response.
    pub(super) fn read_failed(
        &mut self,
        why: Why,
        failure: Failure,
        wait: Option<Duration>,
    ) -> Action<V> {
        if matches!(failure, Failure::Permanent | Failure::Doubtful) {
            return self.give_up(OutcomeKind::Failed);
        }
        self.wait_transient(wait, Then::Read(why), OutcomeKind::Failed)
    }
}
