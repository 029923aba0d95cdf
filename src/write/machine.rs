//! The write loop as a pure state machine: events in, actions out.
//!
//! No I/O, clock or randomness is in here, so the machine that sends a user's write is the one
//! that runs in property tests and simulations. The driver carries the actions out and answers
//! each with exactly one event. Documents stay with the driver: the machine decides by versions.
//!
//! The central idea is *doubt*: from the moment a request may have been applied without our
//! knowing, until a read has judged it. While there is doubt, no refusal is taken for a race and
//! no error is reported as a plain failure.

use std::time::Duration;

use super::plan::{
    Action, Answered, Base, Condition, Decision, Event, Failure, Goal, Outcome, Pause, Plan,
    Refused, Seen, Tally,
};

/// How often a young validator is read again before it is called unusable.
const HEALING_READS: u32 = 8;

/// One logical write, from its first request to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<V> {
    pub(super) plan: Plan<V>,
    pub(super) base: Base<V>,
    pub(super) phase: Phase<V>,
    pub(super) doubt: Option<Doubt>,
    /// What a refusal ends in once an older doubt is judged.
    pub(super) verdict_pending: Option<Outcome>,
    pub(super) refused_version: Option<V>,
    pub(super) same_again: u32,
    pub(super) unusable: u32,
    /// The resolution asked for a removal.
    pub(super) removing: bool,
    /// The one read that a write in doubt gets before it is given up.
    pub(super) last_read_used: bool,
    /// What the last wait was for.
    pub(super) waiting_for: Outcome,
    pub(super) tally: Tally,
}

/// Requests under the present base that may have been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Doubt {
    /// It may still arrive: an unchanged version does not settle it.
    pub(super) in_flight: bool,
    /// The server has it (202): sending it again would make a second job.
    pub(super) pending: bool,
}

/// Why a read was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    /// Nothing is known yet.
    First,
    /// The version was refused.
    Race,
    /// A 409 that nobody classified: has the version moved at all?
    Unclassified,
    /// A lost write has to be settled.
    Settle,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase<V> {
    Start,
    Preparing,
    Reading(Why),
    Sending,
    Judging(Seen<V>),
    Resolving(Seen<V>),
    Asking(Option<Seen<V>>, Outcome),
    Waiting(Then),
    Done,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Then {
    Read(Why),
    Send,
    Resend,
}

impl<V: Clone + PartialEq> Machine<V> {
    /// A write that has not begun.
    pub(crate) fn new(plan: Plan<V>) -> Self {
        let doubt = plan.doubtful.then_some(Doubt {
            in_flight: true,
            pending: false,
        });
        Self {
            base: plan.base.clone(),
            plan,
            phase: Phase::Start,
            doubt,
            verdict_pending: None,
            refused_version: None,
            same_again: 0,
            unusable: 0,
            removing: false,
            last_read_used: false,
            waiting_for: Outcome::Exhausted,
            tally: Tally::default(),
        }
    }

    /// What was counted so far.
    pub(crate) fn tally(&self) -> Tally {
        self.tally
    }

    /// Takes one event and tells the next action. `now` is the time since the write began.
    pub(crate) fn on(&mut self, now: Duration, event: Event<V>) -> Action<V> {
        if now >= self.plan.deadline {
            // No time for a last read either.
            self.last_read_used = true;
        }
        let phase = std::mem::replace(&mut self.phase, Phase::Done);
        let action = match (phase, event) {
            (Phase::Start, Event::Begin) => self.begin(),
            (Phase::Preparing, Event::Prepared(changed)) => self.prepared(changed),
            (Phase::Preparing, Event::EditFailed) => self.finish(Outcome::EditFailed),
            (Phase::Reading(why), Event::Read(seen)) => self.read(why, seen),
            (Phase::Reading(why), Event::Failed { failure, wait }) => {
                self.read_failed(why, failure, wait)
            }
            (Phase::Sending, Event::Stored) => self.finish(Outcome::Stored),
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
            (Phase::Resolving(seen), Event::Resolved(decision)) => self.resolved(&seen, decision),
            (Phase::Asking(seen, ending), Event::Answered(answer)) => {
                self.answered(seen, ending, answer)
            }
            (Phase::Waiting(then), Event::Woke) => match then {
                Then::Read(why) => self.ask_read(why),
                Then::Send => self.send(false),
                Then::Resend => self.send(true),
            },
            (Phase::Waiting(_), Event::OutOfTime) if self.waiting_for == Outcome::Locked => {
                self.give_up(Outcome::Locked)
            }
            (_, Event::OutOfTime) => self.give_up(Outcome::Exhausted),
            // An event that answers no action: the driver is wrong or the write is over. Ending
            // is the one answer that can neither lose nor double an edit.
            _ => self.give_up(Outcome::Failed),
        };
        let costs_time = matches!(action, Action::Read | Action::Send { .. } | Action::Wait(_));
        if now >= self.plan.deadline && costs_time {
            return self.give_up(Outcome::Exhausted);
        }
        action
    }

    fn begin(&mut self) -> Action<V> {
        match (self.plan.goal, &self.base) {
            (Goal::Append, _) => self.send(false),
            (Goal::Create, _) => {
                self.base = Base::Absent;
                if self.doubt.is_some() {
                    self.ask_read(Why::Settle)
                } else {
                    self.send(false)
                }
            }
            (Goal::Delete, Base::Version(_)) => self.send_or_settle(),
            (Goal::Replace, Base::Version(_)) => self.prepare(),
            (_, Base::Unknown | Base::Unversioned | Base::Absent) => self.ask_read(Why::First),
        }
    }

    fn prepare(&mut self) -> Action<V> {
        self.phase = Phase::Preparing;
        Action::Prepare
    }

    fn prepared(&mut self, changed: bool) -> Action<V> {
        if !changed && !matches!(self.base, Base::Absent) {
            return self.finish(Outcome::Unchanged);
        }
        self.send_or_settle()
    }

    fn send_or_settle(&mut self) -> Action<V> {
        if self.doubt.is_some() {
            self.ask_read(Why::Settle)
        } else {
            self.send(false)
        }
    }

    pub(super) fn condition(&self) -> Condition<V> {
        match (&self.base, self.plan.goal) {
            (Base::Unversioned | Base::Unknown, _) | (_, Goal::Append) => Condition::None,
            (Base::Version(version), _) => Condition::Match(version.clone()),
            (Base::Absent, _) => Condition::Absent,
        }
    }

    pub(super) fn send(&mut self, resend: bool) -> Action<V> {
        let condition = self.condition();
        if condition == Condition::None
            && self.plan.goal != Goal::Append
            && !self.plan.unconditional
        {
            return self.finish(Outcome::UnusableValidator);
        }
        if !resend {
            if self.tally.rounds >= self.plan.max_rounds {
                return self.give_up(Outcome::Exhausted);
            }
            self.tally.rounds += 1;
        }
        self.tally.requests += 1;
        self.phase = Phase::Sending;
        Action::Send {
            condition,
            delete: self.plan.goal == Goal::Delete || self.removing,
            resend,
        }
    }

    pub(super) fn ask_read(&mut self, why: Why) -> Action<V> {
        self.tally.requests += 1;
        self.phase = Phase::Reading(why);
        Action::Read
    }

    fn wait(&mut self, pause: Pause, then: Then) -> Action<V> {
        self.phase = Phase::Waiting(then);
        Action::Wait(pause)
    }

    /// Waits for a transient cause, or ends when there were too many.
    pub(super) fn wait_transient(
        &mut self,
        told: Option<Duration>,
        then: Then,
        ending: Outcome,
    ) -> Action<V> {
        if self.tally.transient >= self.plan.max_transient {
            return self.give_up(ending);
        }
        self.tally.transient += 1;
        let pause = told.map_or(Pause::Transient(self.tally.transient), Pause::Told);
        self.waiting_for = ending;
        self.wait(pause, then)
    }

    pub(super) fn finish(&mut self, outcome: Outcome) -> Action<V> {
        self.phase = Phase::Done;
        Action::Finish(outcome)
    }

    fn read(&mut self, why: Why, seen: Seen<V>) -> Action<V> {
        if let Seen::Unusable { may_heal } = seen {
            self.unusable += 1;
            if may_heal && self.unusable <= HEALING_READS {
                return self.wait(Pause::Settle(self.unusable), Then::Read(why));
            }
            // A creation that was refused asks for no version: something is there.
            if self.plan.goal != Goal::Create || why == Why::Settle {
                return self.give_up(Outcome::UnusableValidator);
            }
        }
        self.unusable = 0;
        match why {
            Why::First => self.first_read(seen),
            Why::Race => self.race(seen),
            Why::Unclassified => {
                if self.is_base(&seen) {
                    self.ask(Some(seen), Outcome::Refused)
                } else {
                    self.tally.races += 1;
                    self.race(seen)
                }
            }
            Why::Settle => self.settle(seen),
        }
    }

    pub(super) fn is_base(&self, seen: &Seen<V>) -> bool {
        match (&self.base, seen) {
            (Base::Version(base), Seen::Version(now)) => base == now,
            (Base::Absent, Seen::Absent) | (Base::Unversioned, Seen::Unversioned) => true,
            _ => false,
        }
    }

    fn first_read(&mut self, seen: Seen<V>) -> Action<V> {
        // The document in hand was read without a validator: only a comparison with what is there
        // now can tell whether it is still what the edit was made on.
        let unpinned_base = matches!(self.base, Base::Unversioned) && !self.plan.replay;
        if unpinned_base {
            return self.meet(seen);
        }
        if seen == Seen::Absent {
            if self.plan.create_if_absent && self.plan.goal == Goal::Replace {
                self.base = Base::Absent;
                return self.prepare();
            }
            return self.finish(Outcome::NotFound);
        }
        // Without a version `send` refuses to write; the edit runs first all the same, so that the
        // error can give the edited document back.
        self.base = base_of(&seen);
        if self.plan.goal == Goal::Delete {
            self.send(false)
        } else {
            self.prepare()
        }
    }

    fn race(&mut self, seen: Seen<V>) -> Action<V> {
        if let (Seen::Version(now), Some(refused)) = (&seen, &self.refused_version)
            && now == refused
        {
            self.same_again += 1;
            if self.same_again > 1 {
                return self.give_up(Outcome::UnusableValidator);
            }
            return self.wait(Pause::Settle(self.same_again), Then::Read(Why::Race));
        }
        self.same_again = 0;
        if self.doubt.is_some() {
            return self.settle(seen);
        }
        self.meet(seen)
    }

    /// Brings the edit and a remote state together, once it is sure that no request of ours made it.
    pub(super) fn meet(&mut self, seen: Seen<V>) -> Action<V> {
        let absent = seen == Seen::Absent;
        match self.plan.goal {
            Goal::Delete if absent => return self.finish(Outcome::Unchanged),
            // Removed again since the refusal: the creation is due once more.
            _ if absent && self.base == Base::Absent => return self.race_pause(Then::Send),
            Goal::Create if !absent => return self.ask(Some(seen), Outcome::Refused),
            _ => {}
        }
        let met_a_creation = self.plan.create_if_absent && self.base == Base::Absent;
        if !absent && (self.plan.replay || met_a_creation) {
            self.tally.merged += 1;
            self.base = base_of(&seen);
            return self.prepare();
        }
        self.ask_resolve(seen, false)
    }

    pub(super) fn ask_resolve(&mut self, seen: Seen<V>, may_have_landed: bool) -> Action<V> {
        self.phase = Phase::Resolving(seen);
        Action::Resolve { may_have_landed }
    }

    pub(super) fn ask(&mut self, seen: Option<Seen<V>>, ending: Outcome) -> Action<V> {
        if self.doubt.is_some() {
            // The refusal may answer a resend whose first sending was applied.
            self.verdict_pending = Some(ending);
            return match seen {
                Some(seen) => self.settle(seen),
                None => self.ask_read(Why::Settle),
            };
        }
        self.phase = Phase::Asking(seen, ending);
        Action::Ask
    }

    fn read_failed(&mut self, why: Why, failure: Failure, wait: Option<Duration>) -> Action<V> {
        if failure == Failure::Permanent || self.last_read_used {
            return self.give_up(Outcome::Failed);
        }
        self.wait_transient(wait, Then::Read(why), Outcome::Failed)
    }

    fn refused(&mut self, kind: Refused, current: Option<V>, wait: Option<Duration>) -> Action<V> {
        let pinned = self.condition() != Condition::None;
        match kind {
            Refused::Stale if pinned => self.stale(current),
            Refused::Unclassified if pinned && self.tally.races > 0 => {
                // A server that says nothing but 409 to races is spared like any other.
                let pause = Pause::Race(self.tally.races + 1);
                self.wait(pause, Then::Read(Why::Unclassified))
            }
            Refused::Unclassified if pinned => self.ask_read(Why::Unclassified),
            Refused::Missing if pinned => self.missing(),
            Refused::Locked => self.wait_transient(wait, Then::Resend, Outcome::Locked),
            Refused::Transient => self.wait_transient(wait, Then::Resend, Outcome::Refused),
            Refused::ConditionRequired if !pinned && self.plan.goal != Goal::Append => {
                self.base = Base::Unknown;
                self.plan.unconditional = false;
                self.ask_read(Why::First)
            }
            _ => self.ask(None, Outcome::Refused),
        }
    }

    fn stale(&mut self, current: Option<V>) -> Action<V> {
        self.tally.races += 1;
        if let Base::Version(version) = &self.base {
            self.refused_version = Some(version.clone());
        }
        match current {
            Some(version) if self.tally.races == 1 => self.race(Seen::Version(version)),
            _ => self.race_pause(Then::Read(Why::Race)),
        }
    }

    /// The first retry goes at once: a single other writer is long done. Later ones spread out.
    fn race_pause(&mut self, then: Then) -> Action<V> {
        if self.tally.races > 1 {
            return self.wait(Pause::Race(self.tally.races), then);
        }
        match then {
            Then::Read(why) => self.ask_read(why),
            Then::Send | Then::Resend => self.send(false),
        }
    }

    fn missing(&mut self) -> Action<V> {
        match (self.plan.goal, &self.base) {
            // A 404 to a create means its parent; no read of ours can mend that.
            (Goal::Create | Goal::Append, _) | (_, Base::Absent) => {
                self.ask(None, Outcome::Refused)
            }
            (Goal::Delete, _) => {
                let outcome = if self.doubt.is_some() {
                    Outcome::Settled
                } else {
                    Outcome::Unchanged
                };
                self.finish(outcome)
            }
            // 404 outranks 412 (RFC 9110 13.2.1): the read tells whether the resource is gone.
            _ => self.ask_read(Why::Unclassified),
        }
    }

    fn resolved(&mut self, seen: &Seen<V>, decision: Decision) -> Action<V> {
        let absent = *seen == Seen::Absent;
        let raced = self.tally.races > 0 && decision != Decision::Unresolved;
        self.tally.merged += u32::from(raced);
        self.removing = decision == Decision::Delete;
        match decision {
            Decision::Unresolved | Decision::AsRemote if absent => self.finish(Outcome::Gone),
            Decision::Unresolved => self.finish(Outcome::Conflict),
            Decision::Delete if absent => self.finish(Outcome::Unchanged),
            Decision::AsRemote => {
                self.base = base_of(seen);
                self.finish(Outcome::Unchanged)
            }
            Decision::Write | Decision::Delete => {
                self.base = base_of(seen);
                if self.plan.goal != Goal::Create || !absent {
                    self.plan.goal = Goal::Replace;
                }
                self.send(false)
            }
        }
    }

    fn answered(&mut self, seen: Option<Seen<V>>, ending: Outcome, answer: Answered) -> Action<V> {
        match answer {
            Answered::GiveUp => self.finish(ending),
            Answered::Again | Answered::Changed => {
                // A create keeps to its condition; anything else is pinned to what was shown.
                if let Some(seen) = &seen
                    && self.plan.goal != Goal::Create
                {
                    self.base = base_of(seen);
                }
                self.send(false)
            }
            Answered::Adopt => match seen {
                Some(seen) => self.ask_resolve(seen, false),
                None => self.ask_read(Why::Race),
            },
        }
    }
}

pub(super) fn base_of<V: Clone>(seen: &Seen<V>) -> Base<V> {
    match seen {
        Seen::Version(version) => Base::Version(version.clone()),
        Seen::Absent => Base::Absent,
        Seen::Unversioned | Seen::Unusable { .. } => Base::Unversioned,
    }
}
