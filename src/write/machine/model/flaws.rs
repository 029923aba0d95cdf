//! Typical mistakes in such loops, put into ours to check that the walk finds them.

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
    /// Treats a refusal after a lost response as a race.
    RefusalIsRace,
    /// Treats a lost response as a request that was never sent, and sends it again.
    BlindResend,
    /// Judges every lost write as not applied.
    NeverLanded,
    /// Forgets the doubt once a read has shown the version unmoved.
    DoubtForgotten,
    /// Treats a state without a trace of the write as proof that it was not applied.
    TracelessIsProof,
    /// Assumes that a version still names the same state.
    TrustsVersions,
    /// Reports a write in doubt as failed.
    PlainFailure,
    /// Gives up without a read when a response is lost.
    NoLook,
    /// Judges every lost write as unknown.
    NeverSure,
    /// Posts again under another key.
    AnotherKey,
    /// Forgets the doubt when the handler is about to be asked.
    AskedInDoubt,
    /// Doubts a request that was refused unprocessed.
    NeedlessDoubt,
    /// Does not count rounds, and reads again however often the same version was refused.
    NoLimits,
    /// Stops without an outcome when it has to wait.
    Stuck,
}

impl Flaw {
    /// Changes the machine or the event before the machine handles it.
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
                    is_own: false,
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
                machine.outdated_reads = 0;
            }
            _ => {}
        }
    }

    /// Changes a request before it is sent.
    pub(super) fn loosen(self, call: &mut Call) {
        if let (Self::NoCondition, Call::Write { condition, .. }) = (self, call) {
            *condition = Condition::None;
        }
    }

    /// Changes an outcome before it is reported.
    pub(super) fn report(self, outcome: OutcomeKind) -> OutcomeKind {
        match (self, outcome) {
            (Self::PlainFailure, OutcomeKind::Unknown) => OutcomeKind::Exhausted,
            _ => outcome,
        }
    }
}
