//! Checks of refusals: invalid requests must not be carried out.

use http::{Method, StatusCode};

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{ProbeRead, Stop, WriteAnswer};
use super::Checks;
use crate::protocol::{Creation, RefusalKind};
use crate::write::machine::events::Condition;

/// Reported if a `PUT` creates nothing.
pub(super) const POST_ALONE: &str = "new resources are created by POST only";

impl Checks<'_> {
    pub(super) async fn stale_write(
        &mut self,
        old: &ProbeRead,
        new: &ProbeRead,
    ) -> Result<(), Stop> {
        let check = ProbeCheck::StaleWrite;
        let Some(version) = old.version().filter(|_| old.found != new.found) else {
            self.tell(check, Verdict::Unknown, "there is no old version");
            return Ok(());
        };
        let condition = Condition::Match(version.clone());
        let draft = self.site.drafts.fresh()?;
        let answered = self.site.write(&condition, &old.snapshot, draft).await?;
        let (verdict, seen) = self.refused_and_unchanged(&answered, draft).await?;
        self.tell(check, verdict, seen);
        if let WriteAnswer::Refused(kind, problem) = answered {
            let status = problem.status().as_u16();
            let (verdict, seen) = match kind {
                RefusalKind::StaleVersion => {
                    (Verdict::Holds, "recognised as a stale version".to_owned())
                }
                RefusalKind::Unknown if matches!(status, 200..300 | 409 | 412) => {
                    (Verdict::Holds, "recognised by reading again".to_owned())
                }
                kind => (
                    Verdict::Fails,
                    format!("answered {status}, which is classified as {kind:?}"),
                ),
            };
            self.tell(ProbeCheck::StaleRefusal, verdict, seen);
        }
        Ok(())
    }

    /// Whether a write that had to be refused was refused and changed nothing.
    pub(super) async fn refused_and_unchanged(
        &mut self,
        answered: &WriteAnswer,
        draft: usize,
    ) -> Result<(Verdict, String), Stop> {
        let status = answered.status();
        let carried_out = self.after(status, draft).await?.draft == Some(draft);
        let code = status.as_u16();
        Ok(match (answered, carried_out) {
            (WriteAnswer::Refused(..), false) => (Verdict::Holds, format!("refused with {code}")),
            (WriteAnswer::Refused(..), true) => {
                (Verdict::Fails, format!("answered {code}, but carried out"))
            }
            (WriteAnswer::Done(_), true) => {
                (Verdict::Fails, format!("answered {code}, and carried out"))
            }
            (WriteAnswer::Done(done), false) if done.status == StatusCode::ACCEPTED => (
                Verdict::Unknown,
                "answered 202, and not carried out yet".to_owned(),
            ),
            (WriteAnswer::Done(_), false) => (
                Verdict::Fails,
                format!("answered {code}, but not carried out"),
            ),
        })
    }

    pub(super) async fn creation(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::Creation;
        if self.made_by == Some(Method::POST) {
            self.tell(check, Verdict::Holds, POST_ALONE);
            return Ok(());
        }
        if self.made_by.is_none() && matches!(self.site.versioning().creation(), Creation::Never) {
            self.not_asked.push(check);
            return Ok(());
        }
        let there = self.await_draft(None).await?;
        let draft = self.site.drafts.fresh()?;
        let answered = self.site.write(&Condition::Absent, &there.snapshot, draft);
        let answered = answered.await?;
        let (verdict, seen) = self.refused_and_unchanged(&answered, draft).await?;
        self.tell(check, verdict, seen);
        Ok(())
    }
}
