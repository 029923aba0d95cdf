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
    Refused, Seen, Tally, Verdict,
};

/// How often a young validator is read again before it is called unusable.
const HEALING_READS: u32 = 8;

/// One logical write, from its first request to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Machine<V> {
    plan: Plan<V>,
    base: Base<V>,
    phase: Phase<V>,
    doubt: Option<Doubt>,
    /// What a refusal ends in once an older doubt is judged.
    verdict_pending: Option<Outcome>,
    refused_version: Option<V>,
    same_again: u32,
    unusable: u32,
    /// The resolution asked for a removal.
    removing: bool,
    /// The one read that a write in doubt gets before it is given up.
    last_read_used: bool,
    /// What the last wait was for.
    waiting_for: Outcome,
    tally: Tally,
}

/// Requests under the present base that may have been applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Doubt {
    /// It may still arrive: an unchanged version does not settle it.
    in_flight: bool,
    /// The server has it (202): sending it again would make a second job.
    pending: bool,
}

/// Why a read was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Why {
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
enum Phase<V> {
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
enum Then {
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

    fn condition(&self) -> Condition<V> {
        match (&self.base, self.plan.goal) {
            (Base::Unversioned | Base::Unknown, _) | (_, Goal::Append) => Condition::None,
            (Base::Version(version), _) => Condition::Match(version.clone()),
            (Base::Absent, _) => Condition::Absent,
        }
    }

    fn send(&mut self, resend: bool) -> Action<V> {
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

    fn ask_read(&mut self, why: Why) -> Action<V> {
        self.tally.requests += 1;
        self.phase = Phase::Reading(why);
        Action::Read
    }

    fn wait(&mut self, pause: Pause, then: Then) -> Action<V> {
        self.phase = Phase::Waiting(then);
        Action::Wait(pause)
    }

    /// Waits for a transient cause, or ends when there were too many.
    fn wait_transient(&mut self, told: Option<Duration>, then: Then, ending: Outcome) -> Action<V> {
        if self.tally.transient >= self.plan.max_transient {
            return self.give_up(ending);
        }
        self.tally.transient += 1;
        let pause = told.map_or(Pause::Transient(self.tally.transient), Pause::Told);
        self.waiting_for = ending;
        self.wait(pause, then)
    }

    fn finish(&mut self, outcome: Outcome) -> Action<V> {
        self.phase = Phase::Done;
        Action::Finish(outcome)
    }

    /// Ends without success: what is in doubt must not be reported as a plain failure, so it gets
    /// one more read to be judged by, and is `Unknown` if that does not help.
    fn give_up(&mut self, outcome: Outcome) -> Action<V> {
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
    fn conclude(&mut self, seen: Seen<V>, ending: Outcome) -> Action<V> {
        if ending == Outcome::Refused {
            self.ask(Some(seen), ending)
        } else {
            self.finish(ending)
        }
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

    fn is_base(&self, seen: &Seen<V>) -> bool {
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
    fn meet(&mut self, seen: Seen<V>) -> Action<V> {
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

    fn ask_resolve(&mut self, seen: Seen<V>, may_have_landed: bool) -> Action<V> {
        self.phase = Phase::Resolving(seen);
        Action::Resolve { may_have_landed }
    }

    fn ask(&mut self, seen: Option<Seen<V>>, ending: Outcome) -> Action<V> {
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

    fn settle(&mut self, seen: Seen<V>) -> Action<V> {
        if self.plan.goal == Goal::Delete || self.removing {
            if seen == Seen::Absent {
                return self.finish(Outcome::Settled);
            }
            if !self.is_base(&seen) {
                self.doubt = None;
            }
        }
        if self.is_base(&seen) {
            return self.settle_unchanged(seen);
        }
        match (&self.doubt, &seen) {
            (None, _) => self.after_judgement(seen, false),
            // Gone: our write can neither be seen nor be doubled any more.
            (Some(_), Seen::Absent) => {
                self.doubt = None;
                self.after_judgement(seen, true)
            }
            (Some(_), _) => {
                self.phase = Phase::Judging(seen);
                Action::Judge
            }
        }
    }

    /// The version has not moved: nothing of ours was applied so far.
    fn settle_unchanged(&mut self, seen: Seen<V>) -> Action<V> {
        let pending = self.doubt.is_some_and(|doubt| doubt.pending);
        if self.doubt.is_some_and(|doubt| !doubt.in_flight) {
            self.doubt = None;
        }
        if let Some(ending) = self.verdict_pending.take() {
            if self.doubt.is_some() {
                return self.finish(Outcome::Unknown);
            }
            return self.conclude(seen, ending);
        }
        if pending {
            return self.wait_transient(None, Then::Read(Why::Settle), Outcome::Unknown);
        }
        // The same bytes under the same condition: of the two at most one can be applied.
        self.send(self.tally.rounds > 0)
    }

    fn judged(&mut self, seen: Seen<V>, verdict: Verdict) -> Action<V> {
        match verdict {
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
                if self.verdict_pending.is_some() {
                    return self.finish(Outcome::Unknown);
                }
                // The moved version is a fence: what was sent can arrive no more. What stays
                // open is whether it did, and that is handed on as a conflict.
                self.doubt = None;
                self.after_judgement(seen, true)
            }
        }
    }

    fn after_judgement(&mut self, seen: Seen<V>, may_have_landed: bool) -> Action<V> {
        if let Some(ending) = self.verdict_pending.take() {
            return self.conclude(seen, ending);
        }
        if may_have_landed {
            self.ask_resolve(seen, true)
        } else {
            self.meet(seen)
        }
    }

    fn read_failed(&mut self, why: Why, failure: Failure, wait: Option<Duration>) -> Action<V> {
        if failure == Failure::Permanent || self.last_read_used {
            return self.give_up(Outcome::Failed);
        }
        self.wait_transient(wait, Then::Read(why), Outcome::Failed)
    }

    fn send_failed(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        match failure {
            Failure::NotSent | Failure::Throttled => {
                self.wait_transient(wait, Then::Resend, Outcome::Failed)
            }
            Failure::Permanent => self.give_up(Outcome::Failed),
            Failure::InFlight | Failure::Answered | Failure::Pending => {
                let old = self.doubt;
                self.doubt = Some(Doubt {
                    in_flight: failure != Failure::Answered
                        || old.is_some_and(|doubt| doubt.in_flight),
                    pending: failure == Failure::Pending || old.is_some_and(|doubt| doubt.pending),
                });
                self.after_loss(failure, wait)
            }
        }
    }

    fn after_loss(&mut self, failure: Failure, wait: Option<Duration>) -> Action<V> {
        let told_to_return = failure == Failure::Answered && wait.is_some();
        if self.plan.goal == Goal::Append {
            // Nothing pins a POST. It goes out again only if the server promised to know the key,
            // or asked in so many words to be asked again.
            if failure != Failure::Pending && (self.plan.honours_keys || told_to_return) {
                return self.wait_transient(wait, Then::Resend, Outcome::Unknown);
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
        self.wait_transient(wait, then, Outcome::Unknown)
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

fn base_of<V: Clone>(seen: &Seen<V>) -> Base<V> {
    match seen {
        Seen::Version(version) => Base::Version(version.clone()),
        Seen::Absent => Base::Absent,
        Seen::Unversioned | Seen::Unusable { .. } => Base::Unversioned,
    }
}
