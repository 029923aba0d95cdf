//! How a step in doubt is fenced: a write that changes nothing moves the version, so that an earlier request of the step is
//! refused when it arrives.

use std::time::Duration;

use super::done::Done;
use super::hooks::Change;
use super::write_step::WriteStep;
use crate::operations::ResourceData;
use crate::store::StoredSnapshot;
use crate::support::ids;
use crate::value::Error;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::recovery::stamp;
use crate::write::step::{Made, Tried};

impl<T: ResourceData> WriteStep<T> {
    /// Moves the version of the resource, or finds out that the step was applied.
    pub(super) async fn fenced(&mut self, time: Duration) -> Result<Tried, Error> {
        let open = self.left_open().await?;
        if open.is_none() && self.record.is_some() {
            // Each request is recorded before it is sent, and none of them may have been applied.
            return Ok(Tried {
                made: Made::NotApplied,
                ..Tried::unknown()
            });
        }
        // A creation and a removal have no version that could be moved.
        let Some(open) = open.filter(|_| self.goal() == Goal::Replace) else {
            return Ok(Tried::unknown());
        };
        let mut write = self.begin(Goal::Replace, time).await?;
        write.base.clone_from(&open.base);
        write.resumed = Some(open.lost.clone());
        write.edit_reruns = true;
        write.hooks = Some(Box::new(Change::Touch));
        let (stamp, touch_id) = (write.context.target.stamp.clone(), ids::uuid());
        write.stamp_id = Some(touch_id.clone());
        let (done, error, may_pass) = self.carry_out(write).await?;
        let requests = done.session.stats.requests;
        let version = |of: Option<&StoredSnapshot>| of.and_then(|it| it.validator.clone());
        let found = done.stored.as_ref().or(done.state.remote.snapshot());
        let made = match done.kind {
            // Only a version that has moved refuses what is still on its way.
            OutcomeKind::Stored => match (version(done.state.base.as_ref()), version(found)) {
                (Some(before), Some(after)) if before != after => Made::NotApplied,
                // The stamp has changed the document, and the server does not tell its version.
                (Some(_), None) if stamp.is_some() => Made::NotApplied,
                _ => Made::Unknown,
            },
            // It is the step itself that was found, or the touch, whose own response was lost.
            OutcomeKind::Settled => match (&stamp, found) {
                (Some(at), Some(found)) => {
                    let holds = |id: &str| stamp::holds(at, id, &found.document);
                    if holds(&self.write_id) {
                        Made::Applied
                    } else if holds(&touch_id) {
                        Made::NotApplied
                    } else {
                        Made::Unknown
                    }
                }
                _ => Made::Unknown,
            },
            _ => Made::Unknown,
        };
        if made == Made::Applied {
            self.done = Some(match (&open.lost[..], open.base, open.local) {
                ([lost], ..) if lost.base.is_some() => Done::Changed {
                    before: lost.base.clone().unwrap_or_else(|| lost.sent.clone()),
                    after: lost.sent.clone(),
                    stored: None,
                },
                ([], Some(base), Some(after)) => Done::Changed {
                    before: base.document,
                    after,
                    stored: None,
                },
                _ => Done::Unclear("it is not known which of several requests was applied"),
            });
        }
        Ok(Tried {
            made,
            requests,
            error: error.filter(|_| made == Made::Unknown),
            may_pass,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]

    use super::*;
    use crate::journal::{GroupStep, Journal, StepRole};
    use crate::operations::steps::Input;
    use crate::testing::ResourceServer;
    use crate::write::step::{Risk, Step};

    #[tokio::test]
    async fn a_recorded_step_none_of_whose_requests_is_in_doubt_needs_no_fence() {
        let server = ResourceServer::start().await;
        let text = r#"{"n":1}"#;
        server.put("/things/1", text);
        let journal = Journal::in_memory();
        let client = server.in_process().journal(journal.clone()).build();
        let things = client.unwrap().collection::<serde_json::Value>("things");
        let input = Input::Delete(None);
        let mut step = WriteStep::new(things.handle_of(1), input, "delete", Risk::May);
        let of = GroupStep {
            group: [1; 16],
            step: 0,
            role: StepRole::Writes,
            goes_back: false,
            is_isolated: false,
        };
        let recorded = step.recorded(of).await.unwrap();
        journal.begin_group(vec![recorded]).await.unwrap();
        let tried = step.fence(Duration::from_secs(1)).await.unwrap();
        assert_eq!((tried.made, tried.requests), (Made::NotApplied, 0));
        assert_eq!(server.text("/things/1").unwrap(), text);
    }
}
