//! The checks, in their order: each changes the throw-away resource, or tries to.

use std::time::Duration;

use std::ops::Range;

use ::http::{Method, StatusCode};
use tokio::time::Instant;

use super::report::{ProbeCheck, ProbeFinding, Verdict};
use super::site::{Answered, PATIENCE, Seen, Site, Stop};
use crate::error::Error;
use crate::http::{Problem, TagField, Validator, entity_tag_of};
use crate::refusal::{Found, RefusalKind};
use crate::write::plan::Condition;

pub(super) struct Checks<'a> {
    site: &'a mut Site,
    pub(super) findings: Vec<ProbeFinding>,
    /// How the resource was made.
    made_by: Method,
    /// Some write was answered 202, so that what a read shows may change later.
    put_off: bool,
}

// Which throw-away document each check writes; 0 is the one that was created.
const OWN: usize = 1;
const STALE: usize = 2;
const AGAIN: usize = 3;
const QUICK: [usize; 3] = [4, 5, 6];
const CODED: usize = 7;
const RACING: Range<usize> = 8..16;

/// How often writes are let race: a server that checks and writes in two steps may be lucky.
const RACES: u32 = 3;

/// The pauses that are more than a second.
const SECOND: u32 = 4;

impl<'a> Checks<'a> {
    /// How many throw-away documents there are.
    pub(super) const DRAFTS: u32 = 16;

    pub(super) fn of(site: &'a mut Site) -> Self {
        Self {
            site,
            findings: Vec::new(),
            made_by: Method::PUT,
            put_off: false,
        }
    }

    fn tell(&mut self, check: ProbeCheck, verdict: Verdict, seen: impl Into<String>) {
        let seen = seen.into();
        self.findings.push(ProbeFinding {
            check,
            verdict,
            seen,
        });
    }

    /// Makes the throw-away resource.
    pub(super) async fn make(&mut self) -> Result<(), Error> {
        let (method, status) = self.site.make().await?;
        self.made_by = method;
        if status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        Ok(())
    }

    fn is_put_off(&mut self) {
        if !self.put_off {
            self.put_off = true;
            let seen = "a write was answered 202: nobody tells when, and whether, it is done";
            self.tell(ProbeCheck::Done, Verdict::Fails, seen);
        }
    }

    pub(super) async fn all(&mut self) -> Result<(), Stop> {
        let first = self.settled(Some(0)).await?;
        self.shown(&first, 0)?;
        self.version(&first).await?;
        if matches!(first.found, Found::Nothing) {
            return Ok(());
        }
        // What happens within one second has a check of its own.
        for _ in 0..SECOND {
            self.site.pause().await?;
        }
        let Some((old, new)) = self.own_version(first).await? else {
            return Ok(());
        };
        if !self.put_off {
            self.tell(ProbeCheck::Done, Verdict::Holds, "stored as it was sent");
        }
        self.stale_write(&old, &new).await?;
        self.creation().await?;
        self.coded_version().await?;
        self.within_a_second().await?;
        self.racing_writes().await?;
        self.stale_removal(&old).await
    }

    /// Reads until a young version has become usable, and, after a 202, until that document is there.
    async fn settled(&mut self, awaited: Option<usize>) -> Result<Seen, Stop> {
        let put_off = self.put_off;
        for _ in 0..PATIENCE {
            let seen = self.site.read().await?;
            match seen {
                Some(seen) if awaited.is_some() && put_off && seen.draft != awaited => {}
                Some(Seen {
                    found: Found::Unusable { may_heal: true, .. },
                    ..
                }) => {}
                Some(seen) => return Ok(seen),
                None if put_off => {}
                None => return Err(Stop("what was written is not there".to_owned())),
            }
            self.site.pause().await?;
        }
        let seen = self.site.read().await?;
        seen.ok_or_else(|| Stop("what was written is not there".to_owned()))
    }

    /// What was written is what is there.
    fn shown(&mut self, seen: &Seen, draft: usize) -> Result<(), Stop> {
        if seen.draft == Some(draft) {
            return Ok(());
        }
        let what = "a write was answered with success, and a read shows something else";
        if !self.put_off {
            self.tell(ProbeCheck::Done, Verdict::Fails, what);
        }
        Err(Stop(format!(
            "{what}; if the API leaves unknown members out, give documents of its own by `Probe::document`"
        )))
    }

    async fn version(&mut self, first: &Seen) -> Result<(), Stop> {
        match &first.found {
            Found::Version(version) => {
                self.tell(ProbeCheck::Version, Verdict::Holds, version.to_string());
            }
            Found::Unusable { why, .. } => {
                let seen = format!("there is one, but {why}");
                self.tell(ProbeCheck::Version, Verdict::Holds, seen);
            }
            Found::Nothing => {
                let seen = "none, so no write can be protected";
                self.tell(ProbeCheck::Version, Verdict::Fails, seen);
                return Ok(());
            }
        }
        let again = self.settled(None).await?;
        if again.found == first.found {
            self.tell(ProbeCheck::StableVersion, Verdict::Holds, "the same twice");
        } else {
            let seen = format!("{}, then {}", told(first), told(&again));
            self.tell(ProbeCheck::StableVersion, Verdict::Fails, seen);
        }
        Ok(())
    }

    /// Writes with the version that was read, spelt in every way that may get through; tells the states
    /// before and after.
    async fn own_version(&mut self, first: Seen) -> Result<Option<(Seen, Seen)>, Stop> {
        let mut refusal = match &first.found {
            Found::Unusable { why, .. } => (*why).to_owned(),
            _ => String::new(),
        };
        let mut tried: Vec<Validator> = Vec::new();
        let as_set_up = (self.site.versioning().clone(), "");
        let others = as_set_up.0.alternatives();
        for (versioning, words) in [as_set_up.clone()].into_iter().chain(others) {
            self.site.set_versioning(versioning);
            let before = self.settled(None).await?;
            let Some(version) = before.version().filter(|it| !tried.contains(it)).cloned() else {
                continue;
            };
            let condition = Condition::Match(version.clone());
            match self.site.write(&condition, &before.snapshot, OWN).await? {
                Answered::Done(status, reply) => {
                    let seen = match words {
                        "" => version.to_string(),
                        words => format!("{refusal}; with {words} it is accepted"),
                    };
                    let verdict = if words.is_empty() {
                        Verdict::Holds
                    } else {
                        Verdict::Fails
                    };
                    self.tell(ProbeCheck::OwnVersion, verdict, seen);
                    let after = self.after(status, OWN).await?;
                    self.shown(&after, OWN)?;
                    self.new_version(&before, &after, reply.as_ref());
                    return Ok(Some((before, after)));
                }
                Answered::Refused(kind, problem) if is_for_the_version(kind, &problem) => {
                    if tried.is_empty() {
                        refusal = format!("{version} is refused: {problem}");
                    }
                    tried.push(version);
                }
                Answered::Refused(_, problem) => {
                    return Err(Stop(format!(
                        "a change is refused: {problem}; documents that the API takes are given by `Probe::document`"
                    )));
                }
            }
        }
        self.site.set_versioning(as_set_up.0);
        self.tell(ProbeCheck::OwnVersion, Verdict::Fails, refusal);
        Ok(None)
    }

    /// The state after a write.
    async fn after(&mut self, status: StatusCode, draft: usize) -> Result<Seen, Stop> {
        if status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        self.settled(Some(draft)).await
    }

    fn new_version(&mut self, before: &Seen, after: &Seen, reply: Option<&Validator>) {
        let seen = format!("{}, then {}", told(before), told(after));
        let verdict = if before.found == after.found {
            Verdict::Fails
        } else {
            Verdict::Holds
        };
        self.tell(ProbeCheck::NewVersion, verdict, seen);
        let (verdict, seen) = match (reply, after.version()) {
            (None, _) => (
                Verdict::Unknown,
                "it tells none, so the next write reads first".into(),
            ),
            (Some(reply), Some(read)) if reply != read => {
                (Verdict::Fails, format!("it says {reply}, a read {read}"))
            }
            (Some(reply), _) => (Verdict::Holds, reply.to_string()),
        };
        self.tell(ProbeCheck::ReplyVersion, verdict, seen);
    }

    async fn stale_write(&mut self, old: &Seen, new: &Seen) -> Result<(), Stop> {
        let check = ProbeCheck::StaleWrite;
        let Some(version) = old.version().filter(|_| old.found != new.found) else {
            self.tell(check, Verdict::Unknown, "there is no old version");
            return Ok(());
        };
        let condition = Condition::Match(version.clone());
        let answered = self.site.write(&condition, &old.snapshot, STALE).await?;
        let (verdict, seen) = self.refused_and_unchanged(&answered, STALE).await?;
        self.tell(check, verdict, seen);
        if let Answered::Refused(kind, problem) = answered {
            let status = problem.status().as_u16();
            let (verdict, seen) = match kind {
                RefusalKind::StaleVersion => (Verdict::Holds, "as a stale version".to_owned()),
                RefusalKind::Unknown if matches!(status, 409 | 412) => {
                    (Verdict::Holds, "by reading again".to_owned())
                }
                kind => (
                    Verdict::Fails,
                    format!("it is taken for {kind:?}: `Generic::meaning` says what it is"),
                ),
            };
            self.tell(ProbeCheck::StaleRefusal, verdict, seen);
        }
        Ok(())
    }

    /// Whether a write that had to be refused was, and left everything as it is.
    async fn refused_and_unchanged(
        &mut self,
        answered: &Answered,
        draft: usize,
    ) -> Result<(Verdict, String), Stop> {
        let status = match answered {
            Answered::Done(status, _) => *status,
            Answered::Refused(_, problem) => problem.status(),
        };
        let carried_out = self.after(status, draft).await?.draft == Some(draft);
        let code = status.as_u16();
        Ok(match (answered, carried_out) {
            (Answered::Refused(..), false) => (Verdict::Holds, format!("refused with {code}")),
            (Answered::Refused(..), true) => (
                Verdict::Fails,
                format!("answered {code}, and carried out all the same"),
            ),
            (Answered::Done(..), true) => {
                (Verdict::Fails, format!("answered {code}, and carried out"))
            }
            (Answered::Done(StatusCode::ACCEPTED, _), false) => (
                Verdict::Unknown,
                "answered 202, and not carried out so far".to_owned(),
            ),
            (Answered::Done(..), false) => (
                Verdict::Fails,
                format!("answered {code}, as if it had been carried out"),
            ),
        })
    }

    async fn creation(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::Creation;
        if self.made_by == Method::POST {
            let seen = "new resources are made by POST alone";
            self.tell(check, Verdict::Holds, seen);
            return Ok(());
        }
        let there = self.settled(None).await?;
        let answered = self.site.write(&Condition::Absent, &there.snapshot, AGAIN);
        let answered = answered.await?;
        let (verdict, seen) = self.refused_and_unchanged(&answered, AGAIN).await?;
        self.tell(check, verdict, seen);
        Ok(())
    }

    async fn coded_version(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::CodedVersion;
        let plain = self.settled(None).await?;
        let TagField::Found(tag) = entity_tag_of(&plain.snapshot.headers) else {
            return Ok(());
        };
        let coded = self.site.read_coded_tag().await?;
        let Some(coded) = coded.filter(|coded| *coded != tag) else {
            self.tell(check, Verdict::Holds, "it is the same");
            return Ok(());
        };
        let own = self.site.versioning().clone();
        let verbatim = own.alternatives().into_iter().next();
        self.site
            .set_versioning(verbatim.map_or_else(|| own.clone(), |(verbatim, _)| verbatim));
        let condition = Condition::Match(Validator::Tag(coded.clone()));
        let answered = self.site.write(&condition, &plain.snapshot, CODED).await;
        self.site.set_versioning(own);
        match answered? {
            Answered::Done(status, _) => {
                self.after(status, CODED).await?;
                self.tell(check, Verdict::Holds, coded.to_string());
            }
            Answered::Refused(..) => {
                let seen = format!("{coded} is refused; ifmatch asks for no coding, others may");
                self.tell(check, Verdict::Fails, seen);
            }
        }
        Ok(())
    }

    /// Several changes at once: of three within a second, two fall into the same one.
    async fn within_a_second(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::VersionWithinASecond;
        let mut last = self.settled(None).await?;
        let begun = Instant::now();
        for draft in QUICK {
            let Some(version) = last.version().cloned() else {
                // The loop waits such a version out, so it cannot stand for two states.
                let seen = "a young version is told as such, and waited out";
                self.tell(check, Verdict::Holds, seen);
                return Ok(());
            };
            let condition = Condition::Match(version);
            match self.site.write(&condition, &last.snapshot, draft).await? {
                Answered::Done(StatusCode::ACCEPTED, _) => {
                    self.tell(check, Verdict::Unknown, "writes are put off (202)");
                    return Ok(());
                }
                Answered::Done(..) => {}
                Answered::Refused(_, problem) => {
                    self.tell(check, Verdict::Unknown, format!("refused: {problem}"));
                    return Ok(());
                }
            }
            let read = self.site.read().await?;
            let now = read.ok_or_else(|| Stop("what was written is not there".to_owned()))?;
            if now.found == last.found {
                let seen = format!("{} for two of them", told(&now));
                self.tell(check, Verdict::Fails, seen);
                return Ok(());
            }
            last = now;
        }
        let took = begun.elapsed();
        if took < Duration::from_secs(1) {
            self.tell(check, Verdict::Holds, "three in a row, each its own");
        } else {
            let seen = format!("the server is too slow to tell: {took:?}");
            self.tell(check, Verdict::Unknown, seen);
        }
        Ok(())
    }

    /// Several writers at once, all with the version that is there.
    async fn racing_writes(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::RacingWrites;
        for _ in 0..RACES {
            let there = self.settled(None).await?;
            let Some(version) = there.version().cloned() else {
                self.tell(check, Verdict::Unknown, "there is no version to race for");
                return Ok(());
            };
            let condition = Condition::Match(version);
            let answered = self.site.race(&condition, &there.snapshot, RACING).await?;
            let mut accepted = 0;
            for answer in &answered {
                match answer {
                    Answered::Done(StatusCode::ACCEPTED, _) => {
                        self.tell(check, Verdict::Unknown, "writes are put off (202)");
                        return Ok(());
                    }
                    Answered::Done(..) => accepted += 1,
                    Answered::Refused(..) => {}
                }
            }
            let of = RACING.len();
            if accepted > 1 {
                let seen = format!("{accepted} of {of} were told that theirs is stored");
                self.tell(check, Verdict::Fails, seen);
                return Ok(());
            }
            if answered.len() < of || accepted == 0 {
                let seen = format!(
                    "{} of {of} were answered, {accepted} accepted",
                    answered.len()
                );
                self.tell(check, Verdict::Unknown, seen);
                return Ok(());
            }
        }
        let seen = format!("one of {}, {RACES} times", RACING.len());
        self.tell(check, Verdict::Holds, seen);
        Ok(())
    }

    async fn stale_removal(&mut self, old: &Seen) -> Result<(), Stop> {
        let check = ProbeCheck::StaleRemoval;
        let now = self.settled(None).await?;
        let Some(version) = old.version().filter(|_| old.found != now.found) else {
            self.tell(check, Verdict::Unknown, "there is no old version");
            return Ok(());
        };
        let condition = Condition::Match(version.clone());
        let answered = self.site.remove(&condition, &old.snapshot).await?;
        let there = self.site.read().await?.is_some();
        let (verdict, seen) = match (answered, there) {
            (Answered::Refused(_, problem), true)
                if matches!(problem.status().as_u16(), 405 | 501) =>
            {
                (Verdict::Unknown, format!("nothing is removed: {problem}"))
            }
            (Answered::Refused(_, problem), true) => {
                let code = problem.status().as_u16();
                (Verdict::Holds, format!("refused with {code}"))
            }
            (Answered::Refused(_, problem), false) => {
                let code = problem.status().as_u16();
                let seen = format!("answered {code}, and carried out all the same");
                (Verdict::Fails, seen)
            }
            (Answered::Done(status, _), false) => {
                let code = status.as_u16();
                (Verdict::Fails, format!("answered {code}, and carried out"))
            }
            (Answered::Done(status, _), true) => {
                let code = status.as_u16();
                let seen = format!("answered {code}, and not carried out so far");
                (Verdict::Unknown, seen)
            }
        };
        self.tell(check, verdict, seen);
        Ok(())
    }
}

/// Whether a refusal may be for the version, and not for the document.
fn is_for_the_version(kind: RefusalKind, problem: &Problem) -> bool {
    match kind {
        RefusalKind::StaleVersion => true,
        RefusalKind::Unknown => matches!(problem.status().as_u16(), 409 | 412 | 428),
        _ => false,
    }
}

fn told(seen: &Seen) -> String {
    match &seen.found {
        Found::Version(version) => version.to_string(),
        Found::Unusable { why, .. } => format!("one that is not usable ({why})"),
        Found::Nothing => "none".to_owned(),
    }
}
