//! Checks of races: of several simultaneous requests under one condition, only one may win.

use http::{Method, StatusCode};

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{Stop, WriteAnswer};
use super::refusals::POST_ALONE;
use super::{Checks, RACERS};
use crate::write::machine::events::Condition;

impl Checks<'_> {
    /// Sends several writes at once, all with the current version.
    pub(super) async fn racing_writes(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::RacingWrites;
        for _ in 0..self.races {
            let there = self.await_draft(None).await?;
            let Some(version) = there.version().cloned() else {
                self.tell(check, Verdict::Unknown, "the resource has no version");
                return Ok(());
            };
            let condition = Condition::Match(version);
            let race = self.site.race(&condition, Some(&there.snapshot), RACERS);
            let answered = race.await?;
            if !self.had_one_winner(check, &answered) {
                return Ok(());
            }
        }
        self.held_each_time(check);
        Ok(())
    }

    /// Sends several creations at once, all on the condition that the resource does not exist.
    pub(super) async fn racing_creations(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::RacingCreations;
        if self.made_by == Some(Method::POST) {
            self.tell(check, Verdict::Holds, POST_ALONE);
            return Ok(());
        }
        for _ in 0..self.races {
            self.site.may_come();
            let answered = self.site.race(&Condition::Absent, None, RACERS).await?;
            let is_done = |it: &WriteAnswer| it.status() != StatusCode::ACCEPTED;
            if answered.len() == RACERS && answered.iter().all(is_done) {
                self.site.has_come();
            }
            if !self.had_one_winner(check, &answered) {
                return Ok(());
            }
            if let Err(why) = self.ensure_absent().await? {
                let seen = format!("one of {RACERS} in a race, and then {why}");
                self.tell(check, Verdict::Unknown, seen);
                return Ok(());
            }
        }
        self.held_each_time(check);
        Ok(())
    }

    fn held_each_time(&mut self, check: ProbeCheck) {
        let verdict = match self.races {
            0 => Verdict::Unknown,
            _ => Verdict::Holds,
        };
        let seen = format!("one of {RACERS} in each of {} races", self.races);
        self.tell(check, verdict, seen);
    }

    /// Whether exactly one request was accepted. Reports the check if not.
    fn had_one_winner(&mut self, check: ProbeCheck, answered: &[WriteAnswer]) -> bool {
        let mut accepted = 0;
        for answer in answered {
            match answer {
                WriteAnswer::Done(done) if done.status == StatusCode::ACCEPTED => {
                    self.tell(check, Verdict::Unknown, "writes are deferred (202)");
                    return false;
                }
                WriteAnswer::Done(_) => accepted += 1,
                WriteAnswer::Refused(..) => {}
            }
        }
        if accepted > 1 {
            let seen = format!("{accepted} of {RACERS} were accepted");
            self.tell(check, Verdict::Fails, seen);
            return false;
        }
        let all = answered.len();
        if all < RACERS || accepted == 0 {
            let seen = format!("{all} of {RACERS} were answered, {accepted} accepted");
            self.tell(check, Verdict::Unknown, seen);
            return false;
        }
        true
    }
}
