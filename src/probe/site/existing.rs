//! An existing resource: it is neither created nor removed, and its members are restored at the end.

use super::drafts::put_over;
use super::{MAX_PAUSES, PAUSE, Presence, Site, Stop, WriteAnswer};
use crate::json::Document;
use crate::value::{Error, ErrorKind};
use crate::write::machine::events::Condition;

impl Site {
    /// Reads the resource, so that it can be restored.
    pub(in crate::probe) async fn adopt(&mut self) -> Result<(), Error> {
        let what = format!("{}: the resource to probe", self.path());
        match self.read().await {
            Ok(Some(seen)) => {
                self.original = Some(seen.snapshot.document);
                Ok(())
            }
            Ok(None) => Err(Error::new(
                ErrorKind::NotFound,
                format!("{what} does not exist"),
            )),
            Err(Stop(why)) => Err(Error::new(ErrorKind::Status, format!("{what}: {why}"))),
        }
    }

    /// Restores the members that the drafts changed. Concurrent changes by other clients stay: the write is pinned
    /// to the state that was read, and touches no other member.
    pub(super) async fn restore(&mut self, original: &Document) -> Option<String> {
        let mut why = String::new();
        for attempt in 0..=MAX_PAUSES {
            if attempt > 1 {
                self.wait(PAUSE).await;
            }
            let seen = match self.read().await {
                Ok(Some(seen)) => seen,
                Ok(None) => return Some("the resource does not exist any more".to_owned()),
                Err(Stop(unread)) => {
                    why = unread;
                    continue;
                }
            };
            let there = &seen.snapshot.document;
            let restored = match self.drafts.members() {
                Some(members) => put_over(there, original, members),
                None if seen.draft.is_none() => return None,
                None => Ok(original.clone()),
            };
            let restored = match restored {
                Ok(restored) if restored == *there => return None,
                Ok(restored) => restored,
                Err(error) => return Some(error.to_string()),
            };
            let Some(version) = seen.version() else {
                "it has no version for a conditional write".clone_into(&mut why);
                continue;
            };
            let condition = Condition::Match(version.clone());
            let call = self.call(&condition, Some(&seen.snapshot), Some(&restored));
            let reply = match call {
                Ok(call) => self
                    .send(&call)
                    .await
                    .map(|reply| self.answered(&call, &reply)),
                Err(stop) => Err(stop),
            };
            why = match reply {
                Ok(WriteAnswer::Done(done)) => {
                    format!(
                        "the write was answered {}, but changed nothing",
                        done.status.as_u16()
                    )
                }
                Ok(WriteAnswer::Refused(_, problem)) => format!("the write was refused: {problem}"),
                Err(Stop(why)) => why,
            };
        }
        self.there = Presence::Yes;
        Some(why)
    }
}
