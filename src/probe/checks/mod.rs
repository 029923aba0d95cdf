//! The checks, in their order: each changes the resource, or tries to.

mod races;
mod refusals;
mod removals;
mod replies;
mod versions;

use http::{Method, StatusCode};

use super::report::{ProbeCheck, ProbeFinding, Verdict};
use super::site::{Done, MAX_PAUSES, ProbeRead, Site, Stop};
use crate::protocol::{FoundVersion, Problem, RefusalKind};
use crate::value::Error;
use replies::stored_otherwise;

pub(super) struct Checks<'a> {
    site: &'a mut Site,
    pub(super) findings: Vec<ProbeFinding>,
    /// What was not asked, because of what the resource is.
    pub(super) not_asked: Vec<ProbeCheck>,
    /// How the resource was made; `None`: it was there already.
    made_by: Option<Method>,
    /// Some write was answered 202, so that what a read shows may change later.
    put_off: bool,
    /// The reply to the creation told a version and no document, and the server stored another one.
    altered: bool,
    races: u32,
}

/// How often writes are let race: a server that checks and writes in two steps may be lucky.
pub(super) const RACES: u32 = 3;
/// How many writes race at once.
const RACERS: usize = 8;

/// How many changes are made one after another.
const QUICK: u32 = 3;

/// The pauses that are more than a second.
const SECOND: u32 = 4;

impl<'a> Checks<'a> {
    pub(super) fn of(site: &'a mut Site, races: u32) -> Self {
        Self {
            site,
            findings: Vec::new(),
            not_asked: Vec::new(),
            made_by: None,
            put_off: false,
            altered: false,
            races,
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

    /// Makes the throw-away resource, and carries out the checks.
    pub(super) async fn of_a_new_one(&mut self) -> Result<Result<(), Stop>, Error> {
        let draft = self.site.drafts.fresh();
        let draft = draft.map_err(|Stop(why)| Error::config(why))?;
        let (method, done) = self.site.make(draft).await?;
        if done.status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        // What a `POST` makes is the server's, so its reply need not name what was sent.
        let made = (method == Method::PUT).then_some(done);
        self.made_by = Some(method);
        Ok(self.all(Some((draft, made))).await)
    }

    /// Carries out the checks on what is there already, but for those that could remove it.
    pub(super) async fn of_an_existing_one(&mut self) -> Result<Result<(), Stop>, Error> {
        self.site.adopt().await?;
        self.not_asked.extend([
            ProbeCheck::StaleRemoval,
            ProbeCheck::WriteToRemoved,
            ProbeCheck::RacingCreations,
        ]);
        Ok(self.all(None).await)
    }

    fn is_put_off(&mut self) {
        if !self.put_off {
            self.put_off = true;
            let seen = "a write was answered 202: nobody tells when, and whether, it is done";
            self.tell(ProbeCheck::Done, Verdict::Fails, seen);
        }
    }

    async fn all(&mut self, made: Option<(usize, Option<Done>)>) -> Result<(), Stop> {
        let draft = made.as_ref().map(|(draft, _)| *draft);
        let first = self.await_draft(draft).await?;
        if let Some((draft, done)) = made {
            self.shown(&first, draft)?;
            if let Some(done) = done {
                self.altered =
                    stored_otherwise(self.site, self.site.drafts.get(draft)?, &first, &done);
            }
        }
        self.version(&first).await?;
        if matches!(first.found, FoundVersion::Nothing) {
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
        if self.made_by.is_some() {
            let last = self.stale_removal(&old).await?;
            self.after_removal(last).await?;
        }
        Ok(())
    }

    /// Reads until a young version has become usable, and, after a 202, until that document is there.
    async fn await_draft(&mut self, awaited: Option<usize>) -> Result<ProbeRead, Stop> {
        let put_off = self.put_off;
        for _ in 0..MAX_PAUSES {
            let seen = self.site.read().await?;
            match seen {
                Some(seen) if awaited.is_some() && put_off && seen.draft != awaited => {}
                Some(ProbeRead {
                    found:
                        FoundVersion::Unusable {
                            becomes_usable: true,
                            ..
                        },
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
    fn shown(&mut self, seen: &ProbeRead, draft: usize) -> Result<(), Stop> {
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

    /// The state after a write.
    async fn after(&mut self, status: StatusCode, draft: usize) -> Result<ProbeRead, Stop> {
        if status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        self.await_draft(Some(draft)).await
    }
}

/// Whether a refusal may be for the version, and not for the document.
fn is_for_the_version(kind: RefusalKind, problem: &Problem) -> bool {
    match kind {
        RefusalKind::StaleVersion => true,
        RefusalKind::Unknown => matches!(problem.status().as_u16(), 200..300 | 409 | 412 | 428),
        _ => false,
    }
}

fn version_in_words(seen: &ProbeRead) -> String {
    match &seen.found {
        FoundVersion::Version(version) => version.to_string(),
        FoundVersion::Unusable { why, .. } => format!("one that is not usable ({why})"),
        FoundVersion::Nothing => "none".to_owned(),
    }
}
