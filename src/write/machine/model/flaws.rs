//! Mistakes that people make in such loops, put into ours to see whether the walk finds them.

use super::client::Call;
use crate::write::machine::events::{
    Condition, Event, Failure, LostWriteVerdict, OutcomeKind, ReadOutcome, Refused,
};
use crate::write::machine::{Doubt, Machine, Phase, Why};

/// One mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Sends without the condition.
    NoCondition,
    /// Takes a refusal after a lost reply for a race.
    RefusalIsRace,
    /// Takes a lost reply for a request that never went out, and sends it again.
    BlindResend,
    /// Judges that no lost write was applied.
    NeverLanded,
    /// Forgets the doubt once a read has shown the version unmoved.
    DoubtForgotten,
    /// Takes a state without a trace of its write for a proof that the write was not applied.
    TracelessIsProof,
    /// Takes a version for the state that it named before.
    TrustsVersions,
    /// Reports a write in doubt as failed.
    PlainFailure,
    /// Gives up without a look when a reply is lost.
    NoLook,
    /// Judges that of no lost write it can be told whether it was applied.
    NeverSure,
    /// Posts again under another key.
    AnotherKey,
    /// Forgets the doubt when a handler is to be asked.
    AskedInDoubt,
    /// Doubts what was refused unprocessed.
    NeedlessDoubt,
    /// Does not count rounds, and asks again however often the same version was refused.
    NoLimits,
    /// Stops without an end when it has to wait.
    Stuck,
}

impl Flaw {
    /// Before the machine hears of an event.
    pub(super) fn bend(self, machine: &mut Machine<u8>, event: &mut Event<u8>) {
        let sending = machine.phase == Phase::Sending;
        match (self, &mut *event) {
            (Self::RefusalIsRace, Event::Refused { kind, .. }) if *kind == Refused::Stale => {
                machine.doubt = None;
            }
            (Self::BlindResend, Event::Failed { failure, .. })
                if sending && *failure == Failure::InFlight =>
            {
                *failure = Failure::NotSent;
            }
            (Self::NoLook, Event::Failed { failure, .. })
                if sending && *failure == Failure::InFlight =>
            {
                *failure = Failure::Doubtful;
                machine.last_read_used = true;
            }
            (Self::NeverSure, Event::Judged(verdict)) => *verdict = LostWriteVerdict::Unknown,
            (Self::AskedInDoubt, Event::Refused { kind, .. }) if *kind == Refused::Final => {
                machine.doubt = None;
            }
            (Self::NeverLanded, Event::Judged(verdict)) => *verdict = LostWriteVerdict::NotApplied,
            (Self::DoubtForgotten, Event::Read(ReadOutcome::Version(_)))
                if machine.phase == Phase::Reading(Why::LostWrite) =>
            {
                if let Event::Read(seen) = &*event
                    && machine.is_base(seen)
                {
                    machine.doubt = None;
                }
            }
            (Self::TracelessIsProof, Event::Judged(LostWriteVerdict::NotApplied)) => {
                machine.doubt = machine.doubt.map(|doubt| Doubt {
                    own: false,
                    ..doubt
                });
            }
            (Self::TrustsVersions, Event::Read(seen)) => {
                if let ReadOutcome::Altered(version) = seen {
                    *seen = ReadOutcome::Version(*version);
                }
            }
            (Self::NeedlessDoubt, Event::Failed { failure, .. })
                if sending && *failure == Failure::Throttled =>
            {
                *failure = Failure::InFlight;
            }
            (Self::NoLimits, _) => {
                machine.tally.rounds = machine.tally.rounds.min(1);
                machine.same_again = 0;
            }
            _ => {}
        }
    }

    /// Before a request goes out.
    pub(super) fn loosen(self, call: &mut Call) {
        if let (Self::NoCondition, Call::Write { condition, .. }) = (self, call) {
            *condition = Condition::None;
        }
    }

    /// Before an end is reported.
    pub(super) fn report(self, outcome: OutcomeKind) -> OutcomeKind {
        match (self, outcome) {
            (Self::PlainFailure, OutcomeKind::Unknown) => OutcomeKind::Exhausted,
            _ => outcome,
        }
    }
}
