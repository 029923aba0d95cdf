//! Checks of removals, and of writes to removed resources.

use http::StatusCode;

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{MAX_PAUSES, ProbeRead, Stop, WriteAnswer};
use super::Checks;
use crate::write::machine::events::Condition;

impl Checks<'_> {
    /// Removes the resource under an old version. Returns the state before that.
    pub(super) async fn stale_removal(&mut self, old: &ProbeRead) -> Result<ProbeRead, Stop> {
        let check = ProbeCheck::StaleRemoval;
        let now = self.await_draft(None).await?;
        let Some(version) = old.version().filter(|_| old.found != now.found) else {
            self.tell(check, Verdict::Unknown, "there is no old version");
            return Ok(now);
        };
        let condition = Condition::Match(version.clone());
        let answered = self.site.remove(&condition, &old.snapshot).await?;
        let there = self.site.read().await?.is_some();
        let (verdict, seen) = match (&answered, there) {
            (WriteAnswer::Refused(_, problem), true)
                if matches!(problem.status().as_u16(), 405 | 501) =>
            {
                (Verdict::Unknown, format!("DELETE was refused: {problem}"))
            }
            (WriteAnswer::Refused(_, problem), true) => {
                let code = problem.status().as_u16();
                (Verdict::Holds, format!("refused with {code}"))
            }
            (WriteAnswer::Refused(_, problem), false) => {
                let code = problem.status().as_u16();
                let seen = format!("answered {code}, but carried out");
                (Verdict::Fails, seen)
            }
            (WriteAnswer::Done(done), false) => {
                let code = done.status.as_u16();
                (Verdict::Fails, format!("answered {code}, and carried out"))
            }
            (WriteAnswer::Done(done), true) => {
                let code = done.status.as_u16();
                let seen = format!("answered {code}, and not carried out yet");
                (Verdict::Unknown, seen)
            }
        };
        self.tell(check, verdict, seen);
        Ok(now)
    }

    /// Removes the resource and runs the checks that need its absence.
    pub(super) async fn after_removal(&mut self, last: ProbeRead) -> Result<(), Stop> {
        if let Err(why) = self.ensure_absent().await? {
            for check in [ProbeCheck::WriteToRemoved, ProbeCheck::RacingCreations] {
                self.tell(check, Verdict::Unknown, why.clone());
            }
            return Ok(());
        }
        self.write_to_removed(last).await?;
        if let Err(why) = self.ensure_absent().await? {
            self.tell(ProbeCheck::RacingCreations, Verdict::Unknown, why);
            return Ok(());
        }
        self.racing_creations().await
    }

    /// Writes with the last version from before the removal.
    async fn write_to_removed(&mut self, last: ProbeRead) -> Result<(), Stop> {
        let check = ProbeCheck::WriteToRemoved;
        let Some(version) = last.version().cloned() else {
            self.tell(check, Verdict::Unknown, "the resource had no version");
            return Ok(());
        };
        self.site.may_come();
        let draft = self.site.drafts.fresh()?;
        let condition = Condition::Match(version);
        let answered = self.site.write(&condition, &last.snapshot, draft).await?;
        if answered.status() != StatusCode::ACCEPTED {
            self.site.has_come();
        }
        let there = self.site.read().await?.is_some();
        let code = answered.status().as_u16();
        let (verdict, seen) = match (answered, there) {
            (WriteAnswer::Refused(..), false) => (Verdict::Holds, format!("refused with {code}")),
            (WriteAnswer::Refused(..), true) => (
                Verdict::Fails,
                format!("answered {code}, but created again"),
            ),
            (WriteAnswer::Done(_), true) => (
                Verdict::Fails,
                format!("answered {code}, and created again"),
            ),
            (WriteAnswer::Done(_), false) if code == 202 => (
                Verdict::Unknown,
                "answered 202, and not created again yet".to_owned(),
            ),
            (WriteAnswer::Done(_), false) => (
                Verdict::Fails,
                format!("answered {code}, but the resource does not exist"),
            ),
        };
        self.tell(check, verdict, seen);
        Ok(())
    }

    /// Removes the resource, if it exists. The inner error states why it is still there.
    pub(super) async fn ensure_absent(&mut self) -> Result<Result<(), String>, Stop> {
        let mut why = String::new();
        for attempt in 0..MAX_PAUSES {
            let Some(seen) = self.site.read().await? else {
                return Ok(Ok(()));
            };
            if attempt > 0 {
                self.site.pause().await?;
            }
            // No other client knows the random name, so an unconditional removal is safe if there is no version.
            let condition = seen
                .version()
                .cloned()
                .map_or(Condition::None, Condition::Match);
            why = match self.site.remove(&condition, &seen.snapshot).await? {
                WriteAnswer::Done(done) => {
                    format!(
                        "DELETE was answered {}, but the resource is still there",
                        done.status.as_u16()
                    )
                }
                WriteAnswer::Refused(_, problem) => {
                    let why = format!("DELETE was refused: {problem}");
                    if matches!(problem.status().as_u16(), 405 | 501) {
                        return Ok(Err(why));
                    }
                    why
                }
            };
        }
        Ok(Err(why))
    }
}
