//! What a probe found, for programs and for people.

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
    /// The path of the throw-away resource.
    pub path: String,
    /// What was found out, in the order of the checks; one that was not reached is not in it.
    pub findings: Vec<ProbeFinding>,
    /// Why the checks ended early, if they did.
    pub stopped: Option<String>,
    /// Why the throw-away resource could not be removed, if it could not: it is still there.
    pub left_behind: Option<String>,
    /// Requests sent, in all.
    pub requests: u32,
    /// Time in all.
    pub elapsed: Duration,
}

impl ProbeCheck {
    /// All of them, in the order in which they are done.
    pub const ALL: [Self; 13] = [
        Self::Done,
        Self::Version,
        Self::StableVersion,
        Self::OwnVersion,
        Self::NewVersion,
        Self::ReplyVersion,
        Self::StaleWrite,
        Self::StaleRefusal,
        Self::Creation,
        Self::CodedVersion,
        Self::VersionWithinASecond,
        Self::RacingWrites,
        Self::StaleRemoval,
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
        )
    }

    fn words(self) -> &'static str {
        match self {
            Self::Done => "success means done",
            Self::Version => "what is read has a version",
            Self::StableVersion => "the version stays without a change",
            Self::OwnVersion => "the version is accepted in a write",
            Self::NewVersion => "a change makes a new version",
            Self::ReplyVersion => "the reply to a write tells the version",
            Self::StaleWrite => "a stale write is refused",
            Self::StaleRefusal => "its refusal is understood",
            Self::Creation => "a creation overwrites nothing",
            Self::CodedVersion => "the version under gzip is accepted",
            Self::VersionWithinASecond => "two changes in a second make two versions",
            Self::RacingWrites => "of racing writes one is accepted",
            Self::StaleRemoval => "a stale removal is refused",
        }
    }
}

impl fmt::Display for ProbeCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.words())
    }
}

impl ProbeReport {
    /// How a check went; one that was not reached is unknown.
    pub fn verdict(&self, check: ProbeCheck) -> Verdict {
        let found = self.findings.iter().find(|found| found.check == check);
        found.map_or(Verdict::Unknown, |found| found.verdict)
    }

    /// Whether no update gets lost: every check that [guards updates](ProbeCheck::guards_updates) was
    /// done, and holds.
    pub fn enforces_preconditions(&self) -> bool {
        let mut guards = ProbeCheck::ALL.into_iter().filter(|it| it.guards_updates());
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
                Some(Verdict::Unknown) | None => "?",
            };
            let seen = found.map_or("not reached", |found| &found.seen);
            writeln!(f, "  {mark:<3}  {check:<42} {seen}")?;
        }
        if let Some(why) = &self.stopped {
            writeln!(f, "  The checks ended early: {why}")?;
        }
        if let Some(why) = &self.left_behind {
            writeln!(f, "  The throw-away resource is LEFT BEHIND: {why}")?;
        }
        write!(f, "  {} requests, {:?}", self.requests, self.elapsed)
    }
}
