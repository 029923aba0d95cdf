//! The machine after a refusal: races, missing resources, locks, and the handler for the rest.

use std::time::Duration;

use super::{MAX_HANDLER_ROUNDS, Machine, Phase, Then, Why};
use crate::write::machine::events::{
    Action, Base, Condition, Goal, HandlerDecision, OutcomeKind, Pause, ReadOutcome, Refused,
};

impl<V: Clone + PartialEq> Machine<V> {
    /// Handles a refusal of a write. `current` is the current version, if the refusal carried the current state.
    pub(super) fn refused(
        &mut self,
        kind: Refused,
        current: Option<V>,
        wait: Option<Duration>,
    ) -> Action<V> {
        let pinned = self.condition() != Condition::None;
        self.refused_version = None;
        self.was_refused = true;
        self.requested_wait = wait.filter(|_| kind == Refused::Unclassified);
        match kind {
            Refused::Stale if pinned => self.stale(current),
            Refused::Unclassified if pinned && self.tally.races > 0 => {
                // A server that reports races only as 409 gets the same pauses as any other.
                let pause = Pause::Race(self.tally.races + 1);
                self.wait(pause, Then::Read(Why::Unclassified))
            }
            Refused::Unclassified if pinned => self.ask_read(Why::Unclassified),
            Refused::Missing if pinned => self.missing(),
            Refused::Locked => self.wait_transient(wait, Then::Resend, OutcomeKind::Locked),
            Refused::Transient => self.wait_transient(wait, Then::Resend, OutcomeKind::Refused),
            Refused::Contradicted { unmoved } => self.contradicted(unmoved),
            Refused::ConditionRequired
                if !pinned && self.params.goal != Goal::Append && self.doubt.is_none() =>
            {
                self.base = Base::Unknown;
                self.params.allows_unconditional = false;
                self.ask_read(Why::First)
            }
            _ => self.ask(None, OutcomeKind::Refused),
        }
    }

    /// Handles a refusal because the version has moved.
    pub(super) fn stale(&mut self, current: Option<V>) -> Action<V> {
        self.tally.races += 1;
        if let Base::Version(version) = &self.base {
            self.refused_version = Some(version.clone());
        }
        match current {
            // In doubt, judge the state at hand, because there may be no time for another read.
            Some(version) if self.tally.races == 1 || self.doubt.is_some() => {
                self.race(ReadOutcome::Version(version))
            }
            _ => self.race_pause(Then::Read(Why::Race)),
        }
    }

    /// Starts the first retry at once, because a single other writer is usually done by then. Later retries spread
    /// out.
    pub(super) fn race_pause(&mut self, then: Then) -> Action<V> {
        if self.tally.races > 1 {
            return self.wait(Pause::Race(self.tally.races), then);
        }
        match then {
            Then::Read(why) => self.ask_read(why),
            Then::Send | Then::Resend | Then::Follow => self.send(false),
        }
    }

    /// Handles a refusal because the resource does not exist.
    pub(super) fn missing(&mut self) -> Action<V> {
        match (self.params.goal, &self.base) {
            // A 404 to a creation concerns its parent, which a read cannot fix.
            (Goal::Create | Goal::Append, _) | (_, Base::Absent) => {
                self.ask(None, OutcomeKind::Refused)
            }
            (Goal::Delete, _) => {
                let outcome = if self.doubt.is_some() {
                    OutcomeKind::Settled
                } else {
                    OutcomeKind::Unchanged
                };
                self.finish(outcome)
            }
            // 404 takes precedence over 412 (RFC 9110 13.2.1). The read shows whether the resource is gone.
            _ => self.ask_read(Why::Unclassified),
        }
    }

    /// Asks the handler about a refusal. A doubt is judged first. `ending` is the outcome if the handler gives up.
    pub(super) fn ask(&mut self, seen: Option<ReadOutcome<V>>, ending: OutcomeKind) -> Action<V> {
        if self.doubt.is_some() {
            // The refusal may answer a resend whose first request was applied.
            if self.condition() == Condition::None {
                return self.finish(OutcomeKind::Unknown);
            }
            self.pending_outcome = Some(ending);
            return match seen {
                Some(seen) => self.reread(seen),
                None => self.ask_read(Why::LostWrite),
            };
        }
        self.ask_handler(seen, ending)
    }

    /// Asks the handler at once. An action has no document that a handler could change.
    pub(super) fn ask_handler(
        &mut self,
        seen: Option<ReadOutcome<V>>,
        ending: OutcomeKind,
    ) -> Action<V> {
        if self.params.goal == Goal::Act {
            return self.finish_plainly(ending);
        }
        self.phase = Phase::Asking(seen, ending);
        Action::Ask
    }

    /// Carries out the handler's decision.
    pub(super) fn answered(
        &mut self,
        seen: Option<ReadOutcome<V>>,
        ending: OutcomeKind,
        answer: HandlerDecision,
    ) -> Action<V> {
        match answer {
            HandlerDecision::GiveUp => self.finish_plainly(ending),
            _ if self.handler_rounds >= MAX_HANDLER_ROUNDS => self.give_up(OutcomeKind::Exhausted),
            HandlerDecision::Again | HandlerDecision::Changed => {
                self.handler_rounds += 1;
                let changed = answer == HandlerDecision::Changed;
                self.resolved_to_delete &= !changed;
                match seen {
                    // A creation keeps its condition. Any other write meets the new state, unless the handler saw
                    // that state and returned a document for it.
                    Some(seen) if self.params.goal != Goal::Create && !self.is_base(&seen) => {
                        if !changed || seen == ReadOutcome::Absent {
                            return self.merge_into(seen);
                        }
                        self.rebase(&seen);
                        self.send(false)
                    }
                    _ => self.send(false),
                }
            }
            // A collection is not the document to be posted, so there is nothing to adopt.
            HandlerDecision::Adopt if self.params.goal == Goal::Append => {
                self.finish_plainly(ending)
            }
            HandlerDecision::Adopt => match seen {
                Some(seen) => self.adopt(seen),
                None => self.ask_read(Why::Adopt),
            },
        }
    }
}
