//! What a probe found, for programs and for people.

mod check_texts;

use std::fmt;
use std::time::Duration;

/// What an API was asked by a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProbeCheck {
    /// A write that is answered with success is done: stored as it was sent, and not put off (202).
    Done,
    /// What is read has a version.
    Version,
    /// What was not changed keeps its version.
    StableVersion,
    /// A write with the version that was handed out is accepted.
    OwnVersion,
    /// Each change makes a new version.
    NewVersion,
    /// The reply to a write tells the version that a read shows.
    ReplyVersion,
    /// A write with an old version is refused and changes nothing.
    StaleWrite,
    /// The refusal of a stale write is told apart from others.
    StaleRefusal,
    /// A creation where something is already is refused and changes nothing.
    Creation,
    /// The version that a client sees who asks for `gzip` is accepted.
    CodedVersion,
    /// Two changes within one second make two versions.
    VersionWithinASecond,
    /// Of several writes at the same time with the same version, one is accepted.
    RacingWrites,
    /// A removal with an old version is refused.
    StaleRemoval,
    /// A version in a reply to a write that shows no document names what was sent, not what the server made of it.
    StoredAsSent,
    /// A write with a version is refused where the resource was removed, and does not make it again.
    WriteToRemoved,
    /// Of several creations at the same time at one address, one is accepted.
    RacingCreations,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// The API does it.
    Holds,
    /// It does not.
    Fails,
    /// This could not be found out.
    Unknown,
}

/// How one check went, and what was seen.
///
/// Its `Display` form says what was asked and what came, and, where the check fails, what that means and what to
/// do about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeFinding {
    /// What was asked.
    pub check: ProbeCheck,
    /// The answer.
    pub verdict: Verdict,
    /// What was seen, in a few words.
    pub seen: String,
}

/// What a probe found.
///
/// Its `Display` form is a short report for people, one line for each check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProbeReport {
    /// The path of the resource that was asked about.
    pub path: String,
    /// What was found out, in the order of the checks; one that was not reached is not in it.
    pub findings: Vec<ProbeFinding>,
    /// The checks that were left out because the resource existed already and was to stay. They do not count in
    /// [`enforces_preconditions`](Self::enforces_preconditions).
    pub not_asked: Vec<ProbeCheck>,
    /// Why the checks ended early, if they did.
    pub stopped: Option<String>,
    /// Why the resource could not be removed, or an existing one not be restored, if that failed: what the
    /// probe wrote is still there.
    pub left_behind: Option<String>,
    /// Requests sent, in all.
    pub requests: u32,
    /// Time in all.
    pub elapsed: Duration,
}

impl ProbeCheck {
    /// All of them, in the order in which they are done.
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

    /// Whether updates get lost where it fails. Where one of the others fails, writes take longer, or
    /// end with an error, and nothing is lost.
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
    /// How a check went; one that was not reached is unknown.
    pub fn verdict(&self, check: ProbeCheck) -> Verdict {
        let found = self.findings.iter().find(|found| found.check == check);
        found.map_or(Verdict::Unknown, |found| found.verdict)
    }

    /// Whether no update gets lost: every check that [guards updates](ProbeCheck::guards_updates) was
    /// done, and holds, but for those that were [not asked](Self::not_asked).
    pub fn enforces_preconditions(&self) -> bool {
        let mut guards = ProbeCheck::ALL
            .into_iter()
            .filter(|it| it.guards_updates() && !self.not_asked.contains(it));
        guards.all(|guard| self.verdict(guard) == Verdict::Holds)
    }

    /// The checks that failed.
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
            (false, false) => "it could not be found out whether it enforces preconditions",
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
                "-" => "not asked: the resource is to stay as it is",
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
