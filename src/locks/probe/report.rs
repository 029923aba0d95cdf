//! The results of a probe of a lease service, for programs and for people.

use std::fmt;

use crate::probe::Verdict;

/// A property of a lease service that [`Leases::probe`](crate::Leases::probe) checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseCheck {
    /// While a lease is held, no other client gets it.
    Excludes,
    /// A lease that is held can be renewed.
    Renews,
    /// A lease that was released can be acquired by another one.
    Releases,
    /// The next holder has a greater fencing token. Unknown if the service has no tokens.
    TokenRises,
    /// A holder that renews a lease of another one learns that it has lost it.
    TellsLoss,
    /// A release by an earlier holder does not end the lease of the next one.
    LateRelease,
    /// Only one of several simultaneous contenders gets a lease that was never held before.
    RacingFirst,
    /// Only one of several simultaneous contenders gets a lease that was released.
    RacingNext,
}

/// The result of one check, with what the probe observed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseFinding {
    /// The check.
    pub check: LeaseCheck,
    /// The result.
    pub verdict: Verdict,
    /// What the probe observed, in a few words.
    pub seen: String,
}

/// The results of a probe of a lease service.
///
/// Its `Display` form has one line for each check.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LeaseProbeReport {
    /// The results in the order of the checks. Checks that were not reached are missing.
    pub findings: Vec<LeaseFinding>,
}

impl LeaseCheck {
    /// All checks, in the order in which they run.
    pub const ALL: [Self; 8] = [
        Self::Excludes,
        Self::Renews,
        Self::Releases,
        Self::TokenRises,
        Self::TellsLoss,
        Self::LateRelease,
        Self::RacingFirst,
        Self::RacingNext,
    ];

    /// Whether a failure of the check means that two holders can have one lease.
    ///
    /// If one of the other checks fails, work is not done or done late, but never by two at once.
    pub fn guards_exclusion(self) -> bool {
        !matches!(self, Self::Renews | Self::Releases)
    }

    /// Returns what the check expects, in a few words.
    fn asked(self) -> &'static str {
        match self {
            Self::Excludes => "a lease that is held is refused to others",
            Self::Renews => "a lease that is held can be renewed",
            Self::Releases => "a lease that was released can be acquired",
            Self::TokenRises => "the next holder has a greater token",
            Self::TellsLoss => "an earlier holder cannot renew",
            Self::LateRelease => "an earlier holder cannot release",
            Self::RacingFirst => "one of several gets a new lease",
            Self::RacingNext => "one of several gets a released lease",
        }
    }
}

impl fmt::Display for LeaseCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.asked())
    }
}

impl LeaseProbeReport {
    /// Returns the result of a check, which is `Unknown` if the check was not reached.
    pub fn verdict(&self, check: LeaseCheck) -> Verdict {
        let found = self.findings.iter().find(|found| found.check == check);
        found.map_or(Verdict::Unknown, |found| found.verdict)
    }

    /// Whether the service gives a lease to one holder at a time.
    ///
    /// This holds if no check failed that [guards exclusion](LeaseCheck::guards_exclusion), and all of them were run. A
    /// service without fencing tokens may still exclude.
    pub fn excludes(&self) -> bool {
        let mut guards = LeaseCheck::ALL
            .into_iter()
            .filter(|check| check.guards_exclusion());
        guards.all(|guard| match self.verdict(guard) {
            Verdict::Holds => true,
            Verdict::Fails => false,
            Verdict::Unknown => guard == LeaseCheck::TokenRises,
        })
    }

    /// Returns the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &LeaseFinding> {
        let found = self.findings.iter();
        found.filter(|found| found.verdict == Verdict::Fails)
    }

    pub(super) fn found(&mut self, check: LeaseCheck, holds: bool, seen: impl Into<String>) {
        let verdict = if holds {
            Verdict::Holds
        } else {
            Verdict::Fails
        };
        self.add(check, verdict, seen);
    }

    pub(super) fn add(&mut self, check: LeaseCheck, verdict: Verdict, seen: impl Into<String>) {
        self.findings.push(LeaseFinding {
            check,
            verdict,
            seen: seen.into(),
        });
    }
}

impl fmt::Display for LeaseProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lets_two = self.failed().any(|found| found.check.guards_exclusion());
        let verdict = match (self.excludes(), lets_two) {
            (true, _) => "the service gives a lease to one holder at a time",
            (false, true) => "the service GIVES A LEASE TO TWO HOLDERS",
            (false, false) => "the probe could not determine whether the service excludes",
        };
        write!(f, "{verdict}")?;
        for check in LeaseCheck::ALL {
            let found = self.findings.iter().find(|found| found.check == check);
            let mark = match found.map(|found| found.verdict) {
                Some(Verdict::Holds) => "yes",
                Some(Verdict::Fails) if check.guards_exclusion() => "NO",
                Some(Verdict::Fails) => "no",
                Some(Verdict::Unknown) | None => "?",
            };
            let seen = found.map_or("not reached", |found| &found.seen);
            write!(f, "\n  {mark:<3}  {check:<44} {seen}")?;
        }
        Ok(())
    }
}
