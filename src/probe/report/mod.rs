//! The results of a probe, for programs and for people.

mod check_texts;

use std::fmt;
use std::time::Duration;

/// A property of an API that a probe checks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProbeCheck {
    /// A write that the server reports as a success is complete: stored as it was sent, and not deferred (202).
    Done,
    /// A read returns a version.
    Version,
    /// An unchanged resource keeps its version.
    StableVersion,
    /// A write with the version that the server sent is accepted.
    OwnVersion,
    /// Each change makes a new version.
    NewVersion,
    /// The response to a write has the version that a read shows.
    ReplyVersion,
    /// A write with an old version is refused and changes nothing.
    StaleWrite,
    /// The refusal of a stale write is distinguished from other refusals.
    StaleRefusal,
    /// A creation where a resource exists is refused and changes nothing.
    Creation,
    /// The version in a response that is compressed with `gzip` is accepted in a write.
    CodedVersion,
    /// Two changes within one second make two versions.
    VersionWithinASecond,
    /// Only one of several simultaneous writes with the same version is accepted.
    RacingWrites,
    /// A removal with an old version is refused.
    StaleRemoval,
    /// If the response to a write has a version but no document, the version names the document as it was sent, not
    /// one that the server changed.
    StoredAsSent,
    /// A write with a version is refused after the resource was removed, and does not create it again.
    WriteToRemoved,
    /// Only one of several simultaneous creations at one address is accepted.
    RacingCreations,
}

/// The result of a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The API has the property.
    Holds,
    /// The API does not have the property.
    Fails,
    /// The probe could not determine it.
    Unknown,
}

/// The result of one check, with what the probe observed.
///
/// Its `Display` form states the question and the observation. If the check failed, it adds what that means and
/// what to do about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeFinding {
    /// The check.
    pub check: ProbeCheck,
    /// The result.
    pub verdict: Verdict,
    /// What the probe observed, in a few words.
    pub seen: String,
}

/// The results of a probe.
///
/// Its `Display` form is a short report for people, one line for each check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeReport {
    /// The path of the probed resource.
    pub path: String,
    /// The results in the order of the checks. Checks that were not reached are missing.
    pub findings: Vec<ProbeFinding>,
    /// The checks that were skipped because the resource existed already and had to stay. They do not count in
    /// [`enforces_preconditions`](Self::enforces_preconditions).
    pub not_asked: Vec<ProbeCheck>,
    /// The reason why the checks ended early, if they did.
    pub stopped: Option<String>,
    /// The reason why the resource could not be removed, or an existing one could not be restored. If it is set,
    /// what the probe wrote is still there.
    pub left_behind: Option<String>,
    /// Total number of requests sent.
    pub requests: u32,
    /// Total time.
    pub elapsed: Duration,
}

impl ProbeCheck {
    /// All checks, in the order in which they run.
    pub const ALL: [Self; 16] = [
        Self::Done,
        Self::Version,
        Self::StableVersion,
        Self::OwnVersion,
        Self::NewVersion,
        Self::ReplyVersion,
        Self::StoredAsSent,
        Self::StaleWrite,
        Self::StaleRefusal,
        Self::Creation,
        Self::CodedVersion,
        Self::VersionWithinASecond,
        Self::RacingWrites,
        Self::StaleRemoval,
        Self::WriteToRemoved,
        Self::RacingCreations,
    ];

    /// Whether a failure of the check means that updates get lost.
    ///
    /// If one of the other checks fails, writes take longer or end with an error, but nothing is lost.
    pub fn guards_updates(self) -> bool {
        matches!(
            self,
            Self::Version
                | Self::NewVersion
                | Self::StaleWrite
                | Self::Creation
                | Self::VersionWithinASecond
                | Self::RacingWrites
                | Self::StaleRemoval
                | Self::WriteToRemoved
                | Self::RacingCreations
        )
    }
}

impl fmt::Display for ProbeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.asked())
    }
}

impl fmt::Display for ProbeFinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            check,
            verdict,
            seen,
        } = self;
        let answer = match verdict {
            Verdict::Holds => "yes",
            Verdict::Fails => "no",
            Verdict::Unknown => "not known",
        };
        write!(f, "{}? {answer}: {seen}.", check.question())?;
        if *verdict == Verdict::Fails {
            write!(f, " {} {}", check.meaning(), check.advice())?;
        }
        Ok(())
    }
}

impl ProbeReport {
    /// Returns the result of a check, which is `Unknown` if the check was not reached.
    pub fn verdict(&self, check: ProbeCheck) -> Verdict {
        let found = self.findings.iter().find(|found| found.check == check);
        found.map_or(Verdict::Unknown, |found| found.verdict)
    }

    /// Whether the API loses no updates.
    ///
    /// This holds if every check that [guards updates](ProbeCheck::guards_updates) was run and holds, apart from
    /// those that were [not asked](Self::not_asked).
    pub fn enforces_preconditions(&self) -> bool {
        let mut guards = ProbeCheck::ALL
            .into_iter()
            .filter(|it| it.guards_updates() && !self.not_asked.contains(it));
        guards.all(|guard| self.verdict(guard) == Verdict::Holds)
    }

    /// Returns the checks that failed.
    pub fn failed(&self) -> impl Iterator<Item = &ProbeFinding> {
        let found = self.findings.iter();
        found.filter(|found| found.verdict == Verdict::Fails)
    }
}

impl fmt::Display for ProbeReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lost = self.failed().any(|found| found.check.guards_updates());
        let verdict = match (self.enforces_preconditions(), lost) {
            (true, _) => "enforces preconditions",
            (false, true) => "LOSES UPDATES",
            (false, false) => "the probe could not determine whether it enforces preconditions",
        };
        writeln!(f, "{}: {verdict}", self.path)?;
        for check in ProbeCheck::ALL {
            let found = self.findings.iter().find(|found| found.check == check);
            let mark = match found.map(|found| found.verdict) {
                Some(Verdict::Holds) => "yes",
                Some(Verdict::Fails) if check.guards_updates() => "NO",
                Some(Verdict::Fails) => "no",
                None if self.not_asked.contains(&check) => "-",
                Some(Verdict::Unknown) | None => "?",
            };
            let otherwise = match mark {
                "-" => "not asked, because the resource has to stay",
                _ => "not reached",
            };
            let seen = found.map_or(otherwise, |found| &found.seen);
            writeln!(f, "  {mark:<3}  {check:<44} {seen}")?;
        }
        for found in self.failed() {
            writeln!(f, "  {found}")?;
        }
        if let Some(why) = &self.stopped {
            writeln!(f, "  The checks ended early: {why}")?;
        }
        if let Some(why) = &self.left_behind {
            writeln!(f, "  What the probe wrote is LEFT BEHIND: {why}")?;
        }
        write!(f, "  {} requests, {:?}", self.requests, self.elapsed)
    }
}
