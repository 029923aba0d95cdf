//! Fuzzes the machine of a write with arbitrary events.

use std::time::Duration;

use crate::write::machine::events::{
    Action, Base, Condition, Decision, Event, Failure, Goal, HandlerDecision, LostWriteVerdict,
    OutcomeKind, Progress, ReadOutcome, Refused, WriteParams,
};
use crate::write::machine::every::one_of;
use crate::write::machine::{Clock, Machine};

/// Runs one write to its end and checks its invariants on the way.
///
/// The first eight bytes are the parameters of the write. Each further byte answers one action. Two values stand
/// for an event that fits no action and for time that passes. When the bytes are used up, everything fails, which
/// must end the write as well.
pub fn machine(bytes: &[u8]) {
    let mut choices = Choices(bytes);
    let params = params(&mut choices);
    let mut watched = Watched::new(&params);
    let mut machine = Machine::new(params);
    let (mut now, mut event) = (Duration::ZERO, Event::Begin);
    // The limits on rounds, resends and reads allow far fewer steps than this.
    for _ in 0..4_000 {
        let clock = Clock {
            now,
            round_trip: Duration::from_secs(1),
        };
        let action = machine.on(clock, event.clone());
        watched.action(&action);
        if let Action::Finish(outcome) = action {
            return watched.end(outcome, &machine);
        }
        event = choices.event(&action, &mut now);
        watched.event(&action, &event);
    }
    panic!("the write does not end");
}

struct Choices<'a>(&'a [u8]);

impl Choices<'_> {
    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn byte(&mut self) -> u8 {
        self.next().unwrap_or(0)
    }

    fn bit(&mut self) -> bool {
        self.byte() % 2 == 1
    }

    /// The event that answers an action, or occasionally one that fits no action.
    fn event(&mut self, action: &Action<u8>, now: &mut Duration) -> Event<u8> {
        let Some(what) = self.next() else {
            return used_up(action);
        };
        match what {
            255 => {
                *now += Duration::from_secs(self.byte().into());
                self.event(action, now)
            }
            254 => self.any_event(),
            _ => self.answer(action, what),
        }
    }

    fn any_event(&mut self) -> Event<u8> {
        let what = self.byte();
        let of = |action: Action<u8>, choices: &mut Self| choices.answer(&action, what / 9);
        match what % 9 {
            0 => Event::Begin,
            1 => Event::OutOfTime,
            2 => Event::Woke,
            3 => of(Action::Prepare, self),
            4 => of(Action::Read, self),
            5 => of(Action::Judge, self),
            6 => of(Action::Ask, self),
            7 => of(
                Action::Resolve {
                    may_have_been_applied: false,
                },
                self,
            ),
            _ => Event::Stored,
        }
    }

    fn answer(&mut self, action: &Action<u8>, what: u8) -> Event<u8> {
        match action {
            Action::Prepare => match what % 8 {
                0 => Event::EditFailed,
                1 => Event::Prepared(false),
                _ => Event::Prepared(true),
            },
            Action::Read => match what % 8 {
                0 | 1 => self.failed(what / 8),
                2 => Event::Read(ReadOutcome::Absent),
                3 => Event::Read(ReadOutcome::Unversioned),
                4 => Event::Read(ReadOutcome::Unusable {
                    becomes_usable: what >= 128,
                    moved: what >= 192,
                }),
                5 => Event::Read(ReadOutcome::Altered(what / 8 % 4)),
                _ => Event::Read(ReadOutcome::Version(what / 8 % 4)),
            },
            Action::Follow => Event::Followed(one_of(what, Progress::all(None))),
            Action::Send { .. } => match what % 4 {
                0 if what >= 200 => Event::Accepted { wait: self.wait() },
                0 => Event::Stored,
                1 | 2 => self.refused(what / 4),
                _ => self.failed(what / 4),
            },
            Action::Judge => Event::Judged(one_of(what, LostWriteVerdict::ALL)),
            Action::Resolve { .. } => Event::Resolved(one_of(what, Decision::ALL)),
            Action::Ask => Event::HandlerDecided(one_of(what, HandlerDecision::ALL)),
            Action::Wait(_) if what < 16 => Event::OutOfTime,
            Action::Wait(_) | Action::Finish(_) => Event::Woke,
        }
    }

    fn refused(&mut self, what: u8) -> Event<u8> {
        let kind = one_of(what, Refused::PLAIN);
        let current = self.bit().then(|| self.byte() % 4);
        Event::Refused {
            kind,
            current,
            wait: self.wait(),
        }
    }

    fn failed(&mut self, what: u8) -> Event<u8> {
        let failure = one_of(what, Failure::ALL);
        Event::Failed {
            failure,
            wait: self.wait(),
        }
    }

    fn wait(&mut self) -> Option<Duration> {
        self.bit().then_some(Duration::from_secs(1))
    }
}

/// The event after the bytes are used up: no request gets a response.
fn used_up(action: &Action<u8>) -> Event<u8> {
    match action {
        Action::Prepare => Event::Prepared(true),
        Action::Read | Action::Send { .. } => Event::Failed {
            failure: Failure::InFlight,
            wait: None,
        },
        Action::Follow => Event::Followed(Progress::Running(None)),
        Action::Judge => Event::Judged(LostWriteVerdict::Doubtful),
        Action::Resolve { .. } => Event::Resolved(Decision::Write),
        Action::Ask => Event::HandlerDecided(HandlerDecision::Adopt),
        Action::Wait(_) | Action::Finish(_) => Event::Woke,
    }
}

fn params(choices: &mut Choices<'_>) -> WriteParams<u8> {
    let goal = one_of(choices.byte(), Goal::ALL);
    let base = match choices.byte() % 4 {
        0 => Base::Unknown,
        1 => Base::Unversioned,
        _ => Base::Version(choices.byte() % 4),
    };
    let flags = choices.byte();
    let flag = |bit: u8| flags >> bit & 1 == 1;
    WriteParams {
        earlier_write_is_unsettled: flag(0)
            && !matches!(goal, Goal::Append | Goal::Act)
            && matches!(base, Base::Version(_)),
        resumes: flag(7) && goal != Goal::Act && !flag(1) && !flag(2),
        may_have_been_made_before: false,
        goal,
        base,
        base_is_cached: flag(6),
        edit_reruns: flag(1),
        create_if_absent: flag(2),
        honours_keys: flag(3),
        allows_unconditional: flag(4) && flag(5),
        max_rounds: u32::from(choices.byte() % 20) + 1,
        max_transient: u32::from(choices.byte() % 12),
        max_polls: 100,
        deadline: Duration::from_secs(30),
    }
}

/// The observed history of a write.
struct Watched {
    params: WriteParams<u8>,
    requests: u32,
    /// Whether a request may have been applied, and nothing has since shown that it was not.
    in_doubt: bool,
    /// Whether the last send was lost and no read followed it.
    unread: bool,
}

impl Watched {
    fn new(params: &WriteParams<u8>) -> Self {
        Self {
            params: params.clone(),
            requests: 0,
            in_doubt: params.earlier_write_is_unsettled || params.resumes,
            unread: params.earlier_write_is_unsettled || params.resumes,
        }
    }

    fn action(&mut self, action: &Action<u8>) {
        match action {
            Action::Send { condition, .. } => {
                self.requests += 1;
                let free = self.params.goal == Goal::Append || self.params.allows_unconditional;
                assert!(
                    *condition != Condition::None || free,
                    "sent without a condition"
                );
                assert!(
                    !self.unread || self.params.goal == Goal::Append || self.has_key(),
                    "a blind resend"
                );
            }
            Action::Read | Action::Follow => self.requests += 1,
            _ => {}
        }
    }

    /// Whether the server recognises a resend by its key.
    fn has_key(&self) -> bool {
        self.params.goal == Goal::Act && self.params.honours_keys
    }

    fn event(&mut self, action: &Action<u8>, event: &Event<u8>) {
        match (action, event) {
            (Action::Send { .. }, Event::Failed { failure, .. }) => {
                self.in_doubt |= matches!(
                    failure,
                    Failure::InFlight | Failure::Responded | Failure::Doubtful
                );
                self.unread |= *failure == Failure::InFlight;
            }
            (Action::Send { .. }, Event::Accepted { .. }) => {
                (self.in_doubt, self.unread) = (true, true);
            }
            (
                Action::Judge,
                Event::Judged(
                    LostWriteVerdict::NotApplied
                    | LostWriteVerdict::Excluded
                    | LostWriteVerdict::Doubtful,
                ),
            )
            | (Action::Follow, Event::Followed(Progress::Refused))
            | (Action::Resolve { .. }, _) => (self.in_doubt, self.unread) = (false, false),
            (Action::Read, Event::Read(ReadOutcome::Absent)) => {
                (self.in_doubt, self.unread) = (false, false);
            }
            (Action::Read, Event::Read(seen)) => {
                self.unread = false;
                let moved = matches!(seen, ReadOutcome::Version(_));
                self.in_doubt &= !(moved && self.params.goal == Goal::Delete);
            }
            _ => {}
        }
    }

    fn end(&self, outcome: OutcomeKind, machine: &Machine<u8>) {
        let tally = machine.tally();
        assert_eq!(tally.requests, self.requests, "the count of requests");
        assert!(
            tally.rounds <= self.params.max_rounds,
            "the limit of rounds"
        );
        assert!(
            tally.transient <= self.params.max_transient,
            "the limit of waits"
        );
        let plain = matches!(
            outcome,
            OutcomeKind::Failed
                | OutcomeKind::Exhausted
                | OutcomeKind::Refused
                | OutcomeKind::Locked
        );
        assert!(
            !(plain && self.in_doubt),
            "{outcome:?} while a write is in doubt"
        );
    }
}
