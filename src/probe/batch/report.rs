//! The results of a probe of an endpoint for several writes, for programs and for people.

use std::fmt;

use crate::probe::Verdict;

/// A property of an endpoint for several writes that [`Client::probe_batch`](crate::Client::probe_batch) checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BatchCheck {
    /// A batch of writes onto their current versions is stored.
    Applies,
    /// The response says that each of them was applied.
    TellsSuccess,
    /// The response to each write has the version that is stored. Otherwise the next write reads first.
    TellsVersions,
    /// A write with an old version is not stored.
    KeepsPreconditions,
    /// The response says that the write with the old version was refused.
    TellsRefusal,
    /// If one write is refused, none of the others is stored.
    Atomic,
    /// The response names the write that was refused. Otherwise every resource is read.
    NamesRefused,
}

/// The result of one check, with what the probe observed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchFinding {
    /// The check.
    pub check: BatchCheck,
    /// The result.
    pub verdict: Verdict,
    /// What the probe observed, in a few words.
    pub seen: String,
}

/// The results of a probe of an endpoint for several writes.
///
/// Its `Display` form has one line for each check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BatchProbeReport {
    /// The path of the endpoint.
    pub path: String,
    /// The results in the order of the checks. Checks that were not reached are missing.
    pub findings: Vec<BatchFinding>,
    /// The reason why the checks ended early, if they did.
    pub stopped: Option<String>,
    /// The reason why a temporary resource could not be removed. If it is set, the resource is still there.
    pub left_behind: Option<String>,
    /// Total number of requests sent.
    pub requests: u32,
}

impl BatchCheck {
    /// All checks, in the order in which they run.
    pub const ALL: [Self; 7] = [
        Self::Applies,
        Self::TellsSuccess,
        Self::TellsVersions,
        Self::KeepsPreconditions,
        Self::TellsRefusal,
        Self::Atomic,
        Self::NamesRefused,
    ];

    /// Whether a transaction by this endpoint could lose an update or be half applied if the check fails.
    ///
    /// If one of the other checks fails, a transaction only takes more requests.
    pub fn guards_transactions(self) -> bool {
        !matches!(self, Self::TellsVersions | Self::NamesRefused)
    }

    /// Returns what the check expects, in a few words.
    fn asked(self) -> &'static str {
        match self {
            Self::Applies => "good writes are stored together",
            Self::TellsSuccess => "the response says so for each",
            Self::TellsVersions => "the response has the version of each",
            Self::KeepsPreconditions => "a stale write is not stored",
            Self::TellsRefusal => "the response says that it was refused",
            Self::Atomic => "the writes beside it are not stored",
            Self::NamesRefused => "the response names the refused write",
        }
    }
}

impl fmt::Display for BatchCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.asked())
    }
}

impl BatchProbeReport {
    /// Returns the result of a check, which is `Unknown` if the check was not reached.
    pub fn verdict(&self, check: BatchCheck) -> Verdict {
        let found = self.findings.iter().find(|found| found.check == check);
        found.map_or(Verdict::Unknown, |found| found.verdict)
    }

    /// Whether the endpoint applied all of the writes or none, and kept their preconditions.
    ///
    /// This holds if every check holds that [guards transactions](BatchCheck::guards_transactions).
    pub fn is_atomic(&self) -> bool {
        let mut guards = BatchCheck::ALL
            .into_iter()
            .filter(|check| check.guards_transactions());
        guards.all(|guard| self.verdict(guard) == Verdict::Holds)
    }

    /// Returns the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &BatchFinding> {
        let found = self.findings.iter();
        found.filter(|found| found.verdict == Verdict::Fails)
    }
}

impl fmt::Display for BatchProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fails = self.failed().any(|found| found.check.guards_transactions());
        let verdict = match (self.is_atomic(), fails) {
            (true, _) => "is atomic and keeps preconditions",
            (false, true) => "is NOT FIT for transactions",
            (false, false) => "could not be judged",
        };
        write!(f, "{} {verdict}", self.path)?;
        for check in BatchCheck::ALL {
            let found = self.findings.iter().find(|found| found.check == check);
            let mark = match found.map(|found| found.verdict) {
                Some(Verdict::Holds) => "yes",
                Some(Verdict::Fails) if check.guards_transactions() => "NO",
                Some(Verdict::Fails) => "no",
                Some(Verdict::Unknown) | None => "?",
            };
            let seen = found.map_or("not reached", |found| &found.seen);
            write!(f, "\n  {mark:<3}  {check:<38} {seen}")?;
        }
        if let Some(stopped) = &self.stopped {
            write!(f, "\n  the checks ended early: {stopped}")?;
        }
        if let Some(left_behind) = &self.left_behind {
            write!(f, "\n  a resource is left behind: {left_behind}")?;
        }
        Ok(())
    }
}
