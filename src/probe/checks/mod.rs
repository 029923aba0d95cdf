//! The checks, in their order. Each changes the resource, or tries to.

mod races;
mod refusals;
mod removals;
mod responses;
mod versions;

use http::{Method, StatusCode};

use super::report::{ProbeCheck, ProbeFinding, Verdict};
use super::site::{Done, MAX_PAUSES, ProbeRead, Site, Stop};
use crate::protocol::{FoundVersion, Problem, RefusalKind};
use crate::value::Error;
use responses::stored_otherwise;

pub(super) struct Checks<'a> {
    site: &'a mut Site,
    pub(super) findings: Vec<ProbeFinding>,
    /// The checks that this kind of resource does not allow.
    pub(super) not_asked: Vec<ProbeCheck>,
    /// The method that created the resource. `None` if it existed before.
    made_by: Option<Method>,
    /// Whether a write was answered with 202, so that later reads may still change.
    is_deferred: bool,
    /// Whether the response to the creation had a version and no document, and the server stored a different
    /// document.
    stores_differently: bool,
    races: u32,
}

/// Default number of races. A server that checks and writes in two steps may pass a single one by luck.
pub(super) const RACES: u32 = 3;
/// Number of writes in one race.
const RACERS: usize = 8;

/// Number of changes made in quick succession.
const QUICK: u32 = 3;

/// Number of pauses that together exceed one second.
const SECOND: u32 = 4;

impl<'a> Checks<'a> {
    pub(super) fn of(site: &'a mut Site, races: u32) -> Self {
        Self {
            site,
            findings: Vec::new(),
            not_asked: Vec::new(),
            made_by: None,
            is_deferred: false,
            stores_differently: false,
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

    /// Creates the temporary resource and runs the checks.
    pub(super) async fn of_a_new_one(&mut self) -> Result<Result<(), Stop>, Error> {
        let draft = self.site.drafts.fresh();
        let draft = draft.map_err(|Stop(why)| Error::config(why))?;
        let (method, done) = self.site.make(draft).await?;
        if done.status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        // The server decides what a `POST` creates, so the response need not name what was sent.
        let made = (method == Method::PUT).then_some(done);
        self.made_by = Some(method);
        Ok(self.all(Some((draft, made))).await)
    }

    /// Runs the checks on an existing resource, except those that could remove it.
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
        if !self.is_deferred {
            self.is_deferred = true;
            let seen = "a write was answered 202, which leaves open when and whether it is stored";
            self.tell(ProbeCheck::Done, Verdict::Fails, seen);
        }
    }

    async fn all(&mut self, made: Option<(usize, Option<Done>)>) -> Result<(), Stop> {
        let draft = made.as_ref().map(|(draft, _)| *draft);
        let first = self.await_draft(draft).await?;
        if let Some((draft, done)) = made {
            self.shown(&first, draft)?;
            if let Some(done) = done {
                self.stores_differently =
                    stored_otherwise(self.site, self.site.drafts.get(draft)?, &first, &done);
            }
        }
        self.version(&first).await?;
        if matches!(first.found, FoundVersion::Nothing) {
            return Ok(());
        }
        // Changes within one second have their own check.
        for _ in 0..SECOND {
            self.site.pause().await?;
        }
        let Some((old, new)) = self.own_version(first).await? else {
            return Ok(());
        };
        if !self.is_deferred {
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

    /// Reads until a young version has become usable and, after a 202, until the awaited draft is stored.
    async fn await_draft(&mut self, awaited: Option<usize>) -> Result<ProbeRead, Stop> {
        let put_off = self.is_deferred;
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
                None => return Err(Stop("the resource is not there after a write".to_owned())),
            }
            self.site.pause().await?;
        }
        let seen = self.site.read().await?;
        seen.ok_or_else(|| Stop("the resource is not there after a write".to_owned()))
    }

    /// Checks that a read shows the draft that was written.
    fn shown(&mut self, seen: &ProbeRead, draft: usize) -> Result<(), Stop> {
        if seen.draft == Some(draft) {
            return Ok(());
        }
        let what = "the response to a write reports success, but a read shows a different document";
        if !self.is_deferred {
            self.tell(ProbeCheck::Done, Verdict::Fails, what);
        }
        Err(Stop(format!(
            "{what}. If the API drops unknown members, set documents that it accepts with `Probe::document`"
        )))
    }

    /// Reads the state after a write.
    async fn after(&mut self, status: StatusCode, draft: usize) -> Result<ProbeRead, Stop> {
        if status == StatusCode::ACCEPTED {
            self.is_put_off();
        }
        self.await_draft(Some(draft)).await
    }
}

/// Whether a refusal may concern the version rather than the document.
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
        FoundVersion::Unusable { why, .. } => format!("an unusable version ({why})"),
        FoundVersion::Nothing => "no version".to_owned(),
    }
}
