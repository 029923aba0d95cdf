//! The checks, in their order: each changes the throw-away resource, or tries to.

mod refusals;
mod versions;

use std::ops::Range;

use ::http::{Method, StatusCode};

use super::report::{ProbeCheck, ProbeFinding, Verdict};
use super::site::{PATIENCE, Seen, Site, Stop};
use crate::error::Error;
use crate::http::Problem;
use crate::refusal::{Found, RefusalKind};

pub(super) struct Checks<'a> {
    site: &'a mut Site,
    pub(super) findings: Vec<ProbeFinding>,
    /// How the resource was made.
    made_by: Method,
    /// Some write was answered 202, so that what a read shows may change later.
    put_off: bool,
    races: u32,
}

// Which throw-away document each check writes; 0 is the one that was created.
const OWN: usize = 1;
const STALE: usize = 2;
const AGAIN: usize = 3;
const QUICK: [usize; 3] = [4, 5, 6];
const CODED: usize = 7;
const RACING: Range<usize> = 8..16;

/// How often writes are let race: a server that checks and writes in two steps may be lucky.
pub(super) const RACES: u32 = 3;

/// The pauses that are more than a second.
const SECOND: u32 = 4;

impl<'a> Checks<'a> {
    /// How many throw-away documents there are.
    pub(super) const DRAFTS: u32 = 16;

    pub(super) fn of(site: &'a mut Site, races: u32) -> Self {
        Self {
            site,
            findings: Vec::new(),
            made_by: Method::PUT,
            put_off: false,
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

    /// The state after a write.
    async fn after(&mut self, status: StatusCode, draft: usize) -> Result<Seen, Stop> {
        if status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        self.settled(Some(draft)).await
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

fn told(seen: &Seen) -> String {
    match &seen.found {
        Found::Version(version) => version.to_string(),
        Found::Unusable { why, .. } => format!("one that is not usable ({why})"),
        Found::Nothing => "none".to_owned(),
    }
}
