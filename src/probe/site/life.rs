//! Creates and removes the temporary resource.

use http::Method;
use tokio::time::Instant;

use super::{Done, MAX_PAUSES, PAUSE, Presence, ReadRefusal, Site, Stop, WriteAnswer};
use crate::exchange::transport::Response;
use crate::protocol::{Creation, RefusalKind, Validator};
use crate::retry::later;
use crate::value::{Error, ErrorKind};
use crate::write::machine::events::Condition;

impl Site {
    /// Creates the resource: by `PUT` on the condition that it does not exist, or by `POST` where the API chooses
    /// the names. Returns the method and what the response says.
    pub(in crate::probe) async fn make(&mut self, draft: usize) -> Result<(Method, Done), Error> {
        let collection = self.target.clone();
        let mut refused = None;
        if !matches!(collection.versioning.creation(), Creation::Never) {
            self.target = self.handle.item(self.drafts.name()).target()?;
            let (reply, refusal) = self.create(&Condition::Absent, draft).await?;
            let Some(refusal) = refusal else {
                return Ok((Method::PUT, self.done(&reply)));
            };
            self.there = Presence::No;
            if !matches!(reply.status.as_u16(), 404 | 405 | 501) {
                return Err(self.not_made(refusal));
            }
            refused = Some(self.not_made(refusal));
        }
        self.target = collection;
        let (reply, refusal) = self.create(&Condition::None, draft).await?;
        if let Some(refusal) = refusal {
            self.there = Presence::No;
            return Err(refused.unwrap_or_else(|| self.not_made(refusal)));
        }
        let Some(at) = crate::write::request::address::of_new(&self.target, &reply) else {
            self.there = Presence::Nameless;
            let what = format!(
                "{}: a resource was created, but the response does not name it",
                self.path()
            );
            return Err(Error::new(ErrorKind::Decode, what));
        };
        self.target = self.handle.at(self.handle.with_query(at), None)?.target()?;
        Ok((Method::POST, self.done(&reply)))
    }

    async fn create(
        &mut self,
        condition: &Condition<Validator>,
        draft: usize,
    ) -> Result<(Response, Option<ReadRefusal>), Error> {
        let call = self
            .drafts
            .get(draft)
            .and_then(|document| self.draft_call(condition, None, document, draft));
        let call = call.map_err(|Stop(why)| Error::config(why))?;
        self.there = Presence::Perhaps;
        let reply = self.send(&call).await.map_err(|Stop(why)| {
            let what = format!("{}: {why}", self.path());
            Error::new(ErrorKind::Transport, what)
        })?;
        let refusal = self.refusal(&call, &reply);
        Ok((reply, refusal))
    }

    fn not_made(&self, (kind, problem): ReadRefusal) -> Error {
        let what = format!(
            "{}: no throw-away resource could be created: {problem}",
            self.path()
        );
        let error = match (kind, problem.status().as_u16()) {
            (RefusalKind::UnsupportedApiVersion, _) => ErrorKind::UnsupportedApiVersion,
            (_, 404) => ErrorKind::NotFound,
            _ => ErrorKind::Status,
        };
        Error::new(error, what).with_problem(Some(problem), Some(kind))
    }

    /// Marks that a creation is about to be sent. Until it is answered, it may be carried out at any time.
    pub(in crate::probe) fn may_come(&mut self) {
        self.there = Presence::Perhaps;
    }

    /// Marks that every request was answered, so that a read shows the final state.
    pub(in crate::probe) fn has_come(&mut self) {
        self.there = Presence::Yes;
    }

    /// Removes the resource, or restores an existing one. Returns the reason if that failed.
    pub(in crate::probe) async fn clean_up(&mut self) -> Option<String> {
        // The checks may have used up their own time.
        let time = self.target.shared.exchange.limits.time;
        self.deadline = later(Instant::now(), time);
        if let Some(original) = self.original.take() {
            return self.restore(&original).await;
        }
        if self.there == Presence::Nameless {
            let path = self.path();
            return Some(format!(
                "the response to POST {path} did not name the new resource"
            ));
        }
        if self.there == Presence::No {
            return None;
        }
        let (mut why, mut absent) = (String::new(), 0);
        for attempt in 0..MAX_PAUSES {
            if attempt > 1 {
                self.wait(PAUSE).await;
            }
            let seen = match self.read().await {
                Ok(Some(seen)) => seen,
                Ok(None) => {
                    // A creation without a response may still be in flight.
                    absent += 1;
                    if self.there == Presence::Yes || absent == MAX_PAUSES / 2 {
                        self.there = Presence::No;
                        return None;
                    }
                    continue;
                }
                Err(Stop(unread)) => {
                    why = unread;
                    continue;
                }
            };
            // No other client knows the random name, so an unconditional removal is safe if there is no version.
            let pinned = seen.version().filter(|_| attempt % 2 == 0).cloned();
            let condition = pinned.map_or(Condition::None, Condition::Match);
            why = match self.remove(&condition, &seen.snapshot).await {
                Ok(WriteAnswer::Done(done)) => {
                    format!(
                        "DELETE was answered {}, but the resource is still there",
                        done.status.as_u16()
                    )
                }
                Ok(WriteAnswer::Refused(_, problem)) => format!("DELETE was refused: {problem}"),
                Err(Stop(why)) => why,
            };
        }
        match self.read().await {
            Ok(None) => None,
            _ => Some(why),
        }
    }
}
