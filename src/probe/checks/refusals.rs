//! Checks of the refusals: what must not be carried out, is not.

use ::http::{Method, StatusCode};

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{Answered, Seen, Stop};
use super::{AGAIN, Checks, RACING, STALE};
use crate::refusal::RefusalKind;
use crate::write::plan::Condition;

impl Checks<'_> {
    pub(super) async fn stale_write(&mut self, old: &Seen, new: &Seen) -> Result<(), Stop> {
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
                RefusalKind::Unknown if matches!(status, 200..300 | 409 | 412) => {
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
    pub(super) async fn refused_and_unchanged(
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

    pub(super) async fn creation(&mut self) -> Result<(), Stop> {
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

    /// Several writers at once, all with the version that is there.
    pub(super) async fn racing_writes(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::RacingWrites;
        for _ in 0..self.races {
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
        let seen = format!("one of {}, {} times", RACING.len(), self.races);
        let verdict = match self.races {
            0 => Verdict::Unknown,
            _ => Verdict::Holds,
        };
        self.tell(check, verdict, seen);
        Ok(())
    }

    pub(super) async fn stale_removal(&mut self, old: &Seen) -> Result<(), Stop> {
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
