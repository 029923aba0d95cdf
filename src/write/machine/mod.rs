//! The write loop as a pure state machine: events in, actions out.
//!
//! The machine does no I/O and has no clock and no randomness, so the machine that sends a user's write also runs
//! in property tests and in the model. The driver carries out each action and returns exactly one event for it.
//! Documents stay with the driver. The machine decides by versions.
//!
//! The central concept is *doubt*: a request may have been applied without a response, or may still arrive. Two
//! things end a doubt: a state that shows the change, or a later write that the server accepts onto a state
//! without it. During a doubt, a refusal does not count as a race. If a request may have been applied, the write
//! never ends as a plain failure.
//!
//! `docs/guide/states.md` lists the states and their transitions. The test in `states` keeps it true.

mod accepted;
mod after_read;
mod after_refusal;
mod contradicted;
mod doubt;
pub(crate) mod events;
#[cfg(any(test, fuzzing))]
pub(crate) mod every;
#[cfg(test)]
mod model;
mod phase;
#[cfg(test)]
mod states;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use phase::Clock;
use phase::{Doubt, Phase, Then, Why};

use events::{
    Action, Base, Condition, Event, Goal, OutcomeKind, Pause, ReadOutcome, Tally, WriteParams,
};

/// Maximum number of reads of a validator that is too young, in one write. Another writer may renew it each time.
const AGING_READS_IN_ALL: u32 = 100;
/// Maximum number of reads in a row of one validator that is too young, before it counts as unusable.
const AGING_READS: u32 = 8;
/// Maximum number of reads of an outdated state, with growing pauses. Replicas lag by seconds. After that, the
/// server is taken to return this state permanently.
pub(crate) const LAGGING_READS: u32 = 6;
/// Maximum number of extra rounds for a refusal handler. Each may cost more than a request (a payment, a name),
/// and unlike a lost race, none of them means that another writer made progress.
const MAX_HANDLER_ROUNDS: u32 = 15;

/// One logical write, from its first request to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(crate) struct Machine<V> {
    pub(super) params: WriteParams<V>,
    pub(super) base: Base<V>,
    pub(super) phase: Phase<V>,
    pub(super) doubt: Option<Doubt>,
    /// Whether a request of this write may have been applied but can no longer arrive. No later failure is plain then.
    pub(super) may_be_applied: bool,
    /// The outcome of a refusal, once an older doubt is judged.
    pub(super) pending_outcome: Option<OutcomeKind>,
    /// The version that the server refused as stale in its last response to a send.
    pub(super) refused_version: Option<V>,
    /// The base that the last request was pinned to.
    pub(super) sent_onto: Option<Base<V>>,
    /// Whether the server has refused at least once, so that a handler can be asked.
    pub(super) was_refused: bool,
    /// The wait that an unclassified refusal asks for, until a read shows whether it was a race.
    pub(super) requested_wait: Option<Duration>,
    /// Number of reads in a row that showed an outdated state.
    pub(super) outdated_reads: u32,
    /// Number of reads in a row that showed the same unusable version.
    pub(super) unusable_reads: u32,
    /// Number of reads in this write that showed an unusable version.
    pub(super) aging_reads: u32,
    /// Number of rounds that the refusal handler asked for.
    pub(super) handler_rounds: u32,
    /// Whether a resolution asked for a removal.
    pub(super) resolved_to_delete: bool,
    /// Whether the write has used its last read, which a write in doubt gets before it gives up.
    pub(super) last_read_used: bool,
    /// The outcome if the current wait does not help.
    pub(super) outcome_if_wait_fails: OutcomeKind,
    clock: Clock,
    pub(super) tally: Tally,
}

impl<V: Clone + PartialEq> Machine<V> {
    /// Creates a write that has not begun.
    pub(crate) fn new(params: WriteParams<V>) -> Self {
        let is_in_doubt = params.earlier_write_is_unsettled || params.resumes;
        let doubt = is_in_doubt.then_some(Doubt {
            is_accepted: false,
            is_own: params.resumes,
            had_lost: false,
        });
        let may_be_applied = params.may_have_been_made_before;
        Self {
            base: params.base.clone(),
            params,
            phase: Phase::Start,
            doubt,
            may_be_applied,
            pending_outcome: None,
            refused_version: None,
            sent_onto: None,
            was_refused: false,
            requested_wait: None,
            outdated_reads: 0,
            unusable_reads: 0,
            aging_reads: 0,
            handler_rounds: 0,
            resolved_to_delete: false,
            last_read_used: false,
            outcome_if_wait_fails: OutcomeKind::Exhausted,
            clock: Clock::default(),
            tally: Tally::default(),
        }
    }

    /// Whether a request of this write may have been applied without a response.
    pub(crate) fn in_doubt(&self) -> bool {
        self.doubt.is_some()
    }

    /// Returns the current goal of the write.
    pub(crate) fn goal(&self) -> Goal {
        self.params.goal
    }

    /// Returns the counts so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes one event and returns the next action.
    pub(crate) fn on(&mut self, clock: Clock, event: Event<V>) -> Action<V> {
        self.clock = clock;
        let now = clock.now;
        if now >= self.params.deadline {
            // There is no time for a last read.
            self.last_read_used = true;
        }
        let counted = self.tally;
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        let action = match (phase, event) {
            (Phase::Start, Event::Begin) => self.begin(),
            (Phase::Preparing, Event::Prepared(changed)) => self.prepared(changed),
            (Phase::Preparing, Event::EditFailed) => self.edit_failed(),
            (Phase::Reading(why), Event::Read(seen)) => self.read(why, seen),
            // The document holds the stamp of this write.
            (Phase::Reading(_), Event::Recognised(seen)) => {
                self.rebase(&seen);
                self.finish(OutcomeKind::Settled)
            }
            (Phase::Reading(why), Event::Failed { failure, wait }) => {
                self.read_failed(why, failure, wait)
            }
            (Phase::Sending, Event::Stored) => self.finish(OutcomeKind::Stored),
            (Phase::Sending, Event::Accepted { wait }) => self.accepted(wait),
            (Phase::Following, Event::Followed(progress)) => self.followed(progress),
            (
                Phase::Sending,
                Event::Refused {
                    kind,
                    current,
                    wait,
                },
            ) => self.refused(kind, current, wait),
            (Phase::Sending, Event::Failed { failure, wait }) => self.send_failed(failure, wait),
            (Phase::Judging(seen), Event::Judged(verdict)) => self.judged(seen, verdict),
            (Phase::Resolving(seen, may_have_been_applied), Event::Resolved(decision)) => {
                self.resolved(&seen, may_have_been_applied, decision)
            }
            (Phase::Asking(seen, ending), Event::HandlerDecided(answer)) => {
                self.answered(seen, ending, answer)
            }
            (Phase::Waiting(then), Event::Woke) => match then {
                Then::Read(why) => self.ask_read(why),
                Then::Send => self.send(false),
                Then::Resend => self.send(true),
                Then::Follow => self.follow(),
            },
            (Phase::Waiting(_), Event::OutOfTime) => self.end_waits(self.outcome_if_wait_fails),
            (Phase::Asking(_, OutcomeKind::Locked), Event::OutOfTime) => {
                self.give_up(OutcomeKind::Locked)
            }
            (_, Event::OutOfTime) => self.give_up(OutcomeKind::Exhausted),
            // The event does not fit the state, so the driver is wrong or the write is over. Ending the write can
            // neither lose nor double an edit.
            _ => self.give_up(OutcomeKind::Failed),
        };
        let costs_time = matches!(
            action,
            Action::Read | Action::Send { .. } | Action::Wait(_) | Action::Follow
        );
        if now >= self.params.deadline && costs_time {
            // The action is not carried out, so it does not count.
            self.tally = counted;
            return self.give_up(OutcomeKind::Exhausted);
        }
        action
    }

    /// Takes the first step, which depends on the goal and the base.
    fn begin(&mut self) -> Action<V> {
        match (self.params.goal, &self.base) {
            // Nothing recognises the document of an earlier run, except a server that honours its key.
            (Goal::Append, _) if self.params.resumes && !self.params.honours_keys => {
                self.finish(OutcomeKind::Unknown)
            }
            (Goal::Append, _) => self.send(false),
            (Goal::Create, _) => {
                self.base = Base::Absent;
                if self.doubt.is_some() {
                    self.ask_read(Why::LostWrite)
                } else {
                    self.send(false)
                }
            }
            (Goal::Delete, Base::Version(_)) => self.send_or_settle(),
            (Goal::Replace | Goal::Act, Base::Version(_)) => self.prepare(),
            // Without a guard, the state does not matter to the action.
            (Goal::Act, _) if self.params.allows_unconditional && !self.params.edit_reruns => {
                self.send(false)
            }
            // No version fences the requests of an earlier run.
            (_, Base::Unknown | Base::Unversioned) if self.params.resumes => {
                self.finish(OutcomeKind::Unknown)
            }
            (_, Base::Unknown | Base::Unversioned | Base::Absent) => self.ask_read(Why::First),
        }
    }

    /// Runs the edit on the base.
    fn prepare(&mut self) -> Action<V> {
        self.resolved_to_delete = false;
        self.phase = Phase::Preparing;
        Action::Prepare
    }

    /// Whether the base is a cached snapshot. The result or the failure of an edit on it says nothing about the
    /// current state.
    fn is_outdated(&self) -> bool {
        self.params.base_is_cached && self.tally.requests == 0
    }

    /// Handles an edit that failed.
    fn edit_failed(&mut self) -> Action<V> {
        if self.is_outdated() {
            self.base = Base::Unknown;
            return self.ask_read(Why::First);
        }
        // The doubt of an earlier write does not concern an edit that was never sent.
        if self.doubt.is_some_and(|doubt| doubt.is_own) {
            return self.finish(OutcomeKind::Unknown);
        }
        self.finish(OutcomeKind::EditFailed)
    }

    /// Handles an edit that was run. `changed` states whether there is anything to write.
    fn prepared(&mut self, changed: bool) -> Action<V> {
        if !changed && !matches!(self.base, Base::Absent) {
            if self.is_outdated() {
                self.base = Base::Unknown;
                return self.ask_read(Why::First);
            }
            return self.finish(OutcomeKind::Unchanged);
        }
        self.send_or_settle()
    }

    /// Sends the write, after a read if an earlier write onto the same version, or an earlier run of this one, is
    /// unsettled.
    fn send_or_settle(&mut self) -> Action<V> {
        let is_first = self.tally.requests == 0;
        if self
            .doubt
            .is_some_and(|doubt| !doubt.is_own || (self.params.resumes && is_first))
        {
            self.ask_read(Why::LostWrite)
        } else {
            self.send(false)
        }
    }

    /// Returns the condition that the base and the goal require.
    pub(super) fn condition(&self) -> Condition<V> {
        match (&self.base, self.params.goal) {
            (Base::Unversioned | Base::Unknown, _) | (_, Goal::Append) => Condition::None,
            (Base::Version(version), _) => Condition::Match(version.clone()),
            (Base::Absent, _) => Condition::Absent,
        }
    }

    /// Sends the write. `resend` asks for the same request again, if it was made for the current base.
    pub(super) fn send(&mut self, resend: bool) -> Action<V> {
        let resend = resend && self.sent_onto.as_ref() == Some(&self.base);
        let condition = self.condition();
        if condition == Condition::None
            && self.params.goal != Goal::Append
            && !self.params.allows_unconditional
        {
            return self.finish(OutcomeKind::UnusableValidator);
        }
        if self.has_run_out() || (self.is_late() && self.tally.rounds > 0) {
            // A request that is cut off at the deadline would leave a doubt.
            return self.give_up(OutcomeKind::Exhausted);
        }
        if !resend {
            if self.tally.rounds >= self.params.max_rounds {
                return self.give_up(OutcomeKind::Exhausted);
            }
            self.tally.rounds += 1;
        }
        self.tally.requests += 1;
        self.sent_onto = Some(self.base.clone());
        self.phase = Phase::Sending;
        Action::Send {
            condition,
            delete: self.params.goal == Goal::Delete || self.resolved_to_delete,
            resend,
        }
    }

    /// Whether no time is left for another request and its response.
    fn is_late(&self) -> bool {
        let Clock { now, round_trip } = self.clock;
        now.saturating_add(round_trip.saturating_mul(2)) >= self.params.deadline
    }

    /// Whether a queue or a read has used so much time that the rest is not enough for a first request. A call that
    /// had too little time from the start is tried all the same.
    fn has_run_out(&self) -> bool {
        let Clock { now, round_trip } = self.clock;
        round_trip < self.params.deadline && now.saturating_add(round_trip) >= self.params.deadline
    }

    /// Reads the resource for this reason.
    pub(super) fn ask_read(&mut self, why: Why) -> Action<V> {
        self.tally.requests += 1;
        self.phase = Phase::Reading(why);
        Action::Read
    }

    /// Waits, and continues with `then`.
    pub(super) fn wait(&mut self, pause: Pause, then: Then) -> Action<V> {
        self.outcome_if_wait_fails = OutcomeKind::Exhausted;
        self.phase = Phase::Waiting(then);
        Action::Wait(pause)
    }

    /// Waits for a transient cause, or ends when there were too many.
    pub(super) fn wait_transient(
        &mut self,
        retry_after: Option<Duration>,
        then: Then,
        ending: OutcomeKind,
    ) -> Action<V> {
        if self.tally.transient >= self.params.max_transient {
            return self.end_waits(ending);
        }
        self.tally.transient += 1;
        let pause = retry_after.map_or(Pause::Transient(self.tally.transient), Pause::RetryAfter);
        let action = self.wait(pause, then);
        self.outcome_if_wait_fails = match ending {
            OutcomeKind::Locked | OutcomeKind::Refused => ending,
            _ => OutcomeKind::Exhausted,
        };
        action
    }

    /// Ends the waits. The handler is asked about a refusal that outlasted them.
    fn end_waits(&mut self, ending: OutcomeKind) -> Action<V> {
        match ending {
            OutcomeKind::Locked | OutcomeKind::Refused => self.ask(None, ending),
            _ => self.give_up(ending),
        }
    }

    /// Ends the write. A plain failure becomes `Unknown` if a request may have been applied.
    pub(super) fn finish(&mut self, outcome: OutcomeKind) -> Action<V> {
        self.phase = Phase::Done;
        let outcome = if self.may_be_applied && outcome.is_plain_failure() {
            OutcomeKind::Unknown
        } else {
            outcome
        };
        Action::Finish(match outcome {
            OutcomeKind::Unknown if self.is_pending() => OutcomeKind::Accepted,
            outcome => outcome,
        })
    }

    /// Takes another state as the base.
    pub(super) fn rebase(&mut self, seen: &ReadOutcome<V>) {
        self.base = match seen {
            ReadOutcome::Version(version) | ReadOutcome::Altered(version) => {
                Base::Version(version.clone())
            }
            ReadOutcome::Absent | ReadOutcome::Successor => Base::Absent,
            ReadOutcome::Unversioned | ReadOutcome::Marked | ReadOutcome::Unusable { .. } => {
                Base::Unversioned
            }
        };
    }
}
