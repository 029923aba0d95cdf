//! Checks of versions: that they exist, that the server accepts them, and that each state has its own.

use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use super::super::report::{ProbeCheck, Verdict};
use super::super::site::{ProbeRead, Stop, WriteAnswer};
use super::{Checks, QUICK, is_for_the_version, version_in_words};
use crate::protocol::{FoundVersion, TagField, Validator, entity_tag_of};
use crate::write::machine::events::Condition;

impl Checks<'_> {
    pub(super) async fn version(&mut self, first: &ProbeRead) -> Result<(), Stop> {
        match &first.found {
            FoundVersion::Version(version) => {
                self.tell(ProbeCheck::Version, Verdict::Holds, version.to_string());
            }
            FoundVersion::Unusable { why, .. } => {
                let seen = format!("there is a version, but {why}");
                self.tell(ProbeCheck::Version, Verdict::Holds, seen);
            }
            FoundVersion::Nothing => {
                let seen = "no version, so no write can be protected";
                self.tell(ProbeCheck::Version, Verdict::Fails, seen);
                return Ok(());
            }
        }
        let again = self.await_draft(None).await?;
        if again.found == first.found {
            self.tell(
                ProbeCheck::StableVersion,
                Verdict::Holds,
                "the same in two reads",
            );
        } else {
            let seen = format!(
                "{}, then {}",
                version_in_words(first),
                version_in_words(&again)
            );
            self.tell(ProbeCheck::StableVersion, Verdict::Fails, seen);
        }
        Ok(())
    }

    /// Writes with the version that was read, in every spelling that may be accepted. Returns the states before and
    /// after.
    pub(super) async fn own_version(
        &mut self,
        first: ProbeRead,
    ) -> Result<Option<(ProbeRead, ProbeRead)>, Stop> {
        let mut refusal = match &first.found {
            FoundVersion::Unusable { why, .. } => (*why).to_owned(),
            _ => String::new(),
        };
        let mut tried: Vec<Validator> = Vec::new();
        let as_set_up = (self.site.versioning().clone(), "");
        let others = as_set_up.0.alternatives();
        for (versioning, words) in [as_set_up.clone()].into_iter().chain(others) {
            self.site.set_versioning(versioning);
            let before = self.await_draft(None).await?;
            let Some(version) = before.version().filter(|it| !tried.contains(it)).cloned() else {
                continue;
            };
            let condition = Condition::Match(version.clone());
            let draft = self.site.drafts.fresh()?;
            let answered = self.site.write(&condition, &before.snapshot, draft).await?;
            match answered {
                WriteAnswer::Done(done) => {
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
                    let after = self.after(done.status, draft).await?;
                    self.shown(&after, draft)?;
                    self.new_version(&before, &after);
                    let sent = self
                        .site
                        .drafts
                        .laid_over(&before.snapshot.document, draft)?;
                    self.reply_version(&sent, &after, &done);
                    return Ok(Some((before, after)));
                }
                WriteAnswer::Refused(kind, problem) if is_for_the_version(kind, &problem) => {
                    if tried.is_empty() {
                        refusal = format!("{version} is refused: {problem}");
                    }
                    tried.push(version);
                }
                WriteAnswer::Refused(_, problem) => {
                    return Err(Stop(format!(
                        "a change is refused: {problem}. Set documents that the API accepts with `Probe::document`"
                    )));
                }
            }
        }
        self.site.set_versioning(as_set_up.0);
        self.tell(ProbeCheck::OwnVersion, Verdict::Fails, refusal);
        Ok(None)
    }

    fn new_version(&mut self, before: &ProbeRead, after: &ProbeRead) {
        let seen = format!(
            "{}, then {}",
            version_in_words(before),
            version_in_words(after)
        );
        let verdict = if before.found == after.found {
            Verdict::Fails
        } else {
            Verdict::Holds
        };
        self.tell(ProbeCheck::NewVersion, verdict, seen);
    }

    pub(super) async fn coded_version(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::CodedVersion;
        let plain = self.await_draft(None).await?;
        let TagField::Found(tag) = entity_tag_of(&plain.snapshot.headers) else {
            return Ok(());
        };
        let coded = self.site.read_coded_tag().await?;
        let Some(coded) = coded.filter(|coded| *coded != tag) else {
            self.tell(check, Verdict::Holds, "the same as without gzip");
            return Ok(());
        };
        let own = self.site.versioning().clone();
        let verbatim = own.alternatives().into_iter().next();
        self.site
            .set_versioning(verbatim.map_or_else(|| own.clone(), |(verbatim, _)| verbatim));
        let condition = Condition::Match(Validator::Tag(coded.clone()));
        let draft = self.site.drafts.fresh()?;
        let answered = self.site.write(&condition, &plain.snapshot, draft).await;
        self.site.set_versioning(own);
        match answered? {
            WriteAnswer::Done(done) => {
                self.after(done.status, draft).await?;
                self.tell(check, Verdict::Holds, coded.to_string());
            }
            WriteAnswer::Refused(..) => {
                let seen = format!("{coded} is refused");
                self.tell(check, Verdict::Fails, seen);
            }
        }
        Ok(())
    }

    /// Makes several changes in a row. Of three changes within a second, at least two fall into the same clock
    /// second.
    pub(super) async fn within_a_second(&mut self) -> Result<(), Stop> {
        let check = ProbeCheck::VersionWithinASecond;
        let mut last = self.await_draft(None).await?;
        let begun = Instant::now();
        for _ in 0..QUICK {
            let draft = self.site.drafts.fresh()?;
            let Some(version) = last.version().cloned() else {
                // The write loop waits until a young version becomes usable, so that version cannot name two states.
                let seen = "a young version is marked as such, and the client waits";
                self.tell(check, Verdict::Holds, seen);
                return Ok(());
            };
            let condition = Condition::Match(version);
            match self.site.write(&condition, &last.snapshot, draft).await? {
                WriteAnswer::Done(done) if done.status == StatusCode::ACCEPTED => {
                    self.tell(check, Verdict::Unknown, "writes are put off (202)");
                    return Ok(());
                }
                WriteAnswer::Done(_) => {}
                WriteAnswer::Refused(_, problem) => {
                    self.tell(check, Verdict::Unknown, format!("refused: {problem}"));
                    return Ok(());
                }
            }
            let read = self.site.read().await?;
            let now = read.ok_or_else(|| Stop("what was written is not there".to_owned()))?;
            if now.found == last.found {
                let seen = format!("{} for two changes", version_in_words(&now));
                self.tell(check, Verdict::Fails, seen);
                return Ok(());
            }
            last = now;
        }
        let took = begun.elapsed();
        if took < Duration::from_secs(1) {
            self.tell(
                check,
                Verdict::Holds,
                "three changes in a row, each with its own version",
            );
        } else {
            let seen = format!("the server is too slow for this check: {took:?}");
            self.tell(check, Verdict::Unknown, seen);
        }
        Ok(())
    }
}
