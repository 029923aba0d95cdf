//! Every answer that an action can get, for the tests and the fuzzer.

use std::time::Duration;

use super::events::{
    Decision, Failure, Goal, HandlerDecision, LostWriteVerdict, Progress, Refused,
};

/// The value that a drawn number stands for.
pub(crate) fn one_of<T: Copy, const N: usize>(what: u8, all: [T; N]) -> T {
    all[usize::from(what) % N]
}

impl Goal {
    /// Every goal.
    pub(crate) const ALL: [Self; 5] = [
        Self::Replace,
        Self::Create,
        Self::Delete,
        Self::Append,
        Self::Act,
    ];
}

impl Failure {
    /// Every kind of failure.
    pub(crate) const ALL: [Self; 6] = [
        Self::NotSent,
        Self::InFlight,
        Self::Responded,
        Self::Throttled,
        Self::Permanent,
        Self::Doubtful,
    ];
}

impl Refused {
    /// Every kind of refusal, except a success that contradicts itself.
    pub(crate) const PLAIN: [Self; 7] = [
        Self::Stale,
        Self::Unclassified,
        Self::Locked,
        Self::Transient,
        Self::Missing,
        Self::ConditionRequired,
        Self::Final,
    ];
    /// Every success that contradicts itself.
    #[cfg(test)]
    pub(crate) const CONTRADICTED: [Self; 2] = [
        Self::Contradicted { unmoved: true },
        Self::Contradicted { unmoved: false },
    ];
}

impl LostWriteVerdict {
    /// Every verdict.
    pub(crate) const ALL: [Self; 5] = [
        Self::Applied,
        Self::Excluded,
        Self::NotApplied,
        Self::Doubtful,
        Self::Unknown,
    ];
}

impl Decision {
    /// Every decision.
    pub(crate) const ALL: [Self; 5] = [
        Self::Write,
        Self::AsRemote,
        Self::KeepRemote,
        Self::Delete,
        Self::Unresolved,
    ];
}

impl HandlerDecision {
    /// Every answer of a handler.
    pub(crate) const ALL: [Self; 4] = [Self::Again, Self::Changed, Self::Adopt, Self::GiveUp];
}

impl Progress {
    /// Every progress, where a running write is polled again after this wait.
    pub(crate) const fn all(wait: Option<Duration>) -> [Self; 4] {
        [
            Self::Running(wait),
            Self::Done,
            Self::Refused,
            Self::Unknown,
        ]
    }
}
