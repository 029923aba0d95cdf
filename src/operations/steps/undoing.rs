//! How a step is taken back.

use std::time::Duration;

use ifmatch_merge::internal::impartial;

use super::done::Done;
use super::hooks::{BuiltOn, Change, as_in};
use super::write_step::WriteStep;
use crate::journal::{IntentGoal, MarkDocuments};
use crate::lease::LeaseBinding;
use crate::operations::ResourceData;
use crate::operations::write_call::Write;
use crate::value::{Error, ErrorKind};
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::step::{Back, TakenBack, may_begin_later};

impl<T: ResourceData> WriteStep<T> {
    /// Takes the step back, but no change of others.
    pub(super) async fn taken_back(&mut self, time: Duration) -> Result<Back, Error> {
        let is_removal = matches!(self.done, Some(Done::Removed(_)));
        let begun = match self.begin_taking_back().await {
            Ok(()) => self.taking_back(time).await,
            Err(error) => Err(error),
        };
        let write = match begun {
            Ok(write) => write,
            // Nothing was sent, so it stands.
            Err(error) => {
                return Ok(Back {
                    result: TakenBack::Stands,
                    requests: 0,
                    may_pass: may_begin_later(error.kind()),
                    error: Some(error),
                });
            }
        };
        let (done, error, may_pass) = self.carry_out(write).await?;
        self.met = done.state.remote.snapshot().cloned();
        let taken_back = match done.kind {
            OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged => {
                TakenBack::Undone
            }
            // What was created, or what was changed, is no longer there.
            OutcomeKind::NotFound | OutcomeKind::Gone if !is_removal => TakenBack::Undone,
            OutcomeKind::Unknown | OutcomeKind::Accepted => TakenBack::Unknown,
            _ => TakenBack::Stands,
        };
        // The undo failed because others have built on the change, which is a conflict.
        let error = error.map(|error| match error.edit_error::<BuiltOn>() {
            Some(_) => error.with_kind(ErrorKind::Conflict),
            None => error,
        });
        Ok(Back {
            result: taken_back,
            requests: done.session.stats.requests,
            error,
            may_pass,
        })
    }

    /// Returns the members of documents that are not part of a change.
    fn kept(&self) -> Vec<String> {
        let lease = self.handle.lease.iter().flat_map(LeaseBinding::places);
        self.handle.stamp.iter().cloned().chain(lease).collect()
    }

    /// Returns the goal and the documents of a write that takes the step back, for a person.
    pub(super) fn reversal(&self) -> Option<(IntentGoal, MarkDocuments)> {
        let (goal, mut documents) = self.done.as_ref()?.taken_back()?;
        if let (Some(base), Some(local)) = (&documents.base, &documents.local) {
            // Stamps, tokens and leases are not part of the change, and merge with those of others.
            documents.local = Some(as_in(&base.document, local, &self.kept()));
        }
        Some((goal, documents))
    }

    /// Records that the step is taken back, before a request of that leaves.
    async fn begin_taking_back(&mut self) -> Result<(), Error> {
        let taken_back = self.reversal();
        match (&mut self.record, taken_back) {
            (Some(record), Some((goal, documents))) => record.begin_undo(goal, documents).await,
            _ => Ok(()),
        }
    }

    /// Builds the write that takes the step back, or returns why it cannot be taken back.
    async fn taking_back(&mut self, time: Duration) -> Result<Box<Write<T>>, Error> {
        let mut write = self.undo_of_done(time).await?;
        if let Some(record) = &self.record {
            record.undo_goes_into(&mut write, &self.handle).await?;
        }
        Ok(write)
    }

    async fn undo_of_done(&mut self, time: Duration) -> Result<Box<Write<T>>, Error> {
        let unclear = |why| Error::new(ErrorKind::Conflict, why);
        match self.done.clone() {
            Some(Done::Created(stored, elsewhere)) => {
                if let Some(elsewhere) = elsewhere {
                    self.handle = self.handle.at(elsewhere, None)?;
                }
                let mut write = self.begin(Goal::Delete, time).await?;
                let is_pinned = stored.validator.is_some();
                write.base = Some(stored);
                write.hooks = Some(Box::new(Change::Remove { is_pinned }));
                Ok(write)
            }
            Some(Done::Changed {
                before,
                after,
                stored,
            }) => {
                let mut write = self.begin(Goal::Replace, time).await?;
                let shown = stored.as_ref().map(|stored| stored.document.clone());
                write.base = stored;
                write.base_is_cached = write.base.is_none();
                write.edit_reruns = true;
                write.hooks = Some(Box::new(Change::TakeBack {
                    before,
                    after,
                    stored: shown,
                    policy: Box::new(impartial(&self.handle.policy)),
                    kept: self.kept(),
                }));
                Ok(write)
            }
            Some(Done::Removed(before)) => {
                let mut write = self.begin(Goal::Create, time).await?;
                write.local = Some(before);
                Ok(write)
            }
            Some(Done::Unclear(why)) => Err(unclear(why)),
            None => Err(unclear("it is not known what was written")),
        }
    }
}
