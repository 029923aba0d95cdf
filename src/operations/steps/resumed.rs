//! Steps of transactions that an earlier process has left, from what it has recorded.

use std::sync::Arc;

use url::Url;

use super::done::Done;
use super::record::StepRecord;
use super::unchanged_step::UnchangedStep;
use super::write_step::{Input, WriteStep};
use crate::journal::{IntentGoal, MarkDocuments, Standing, StepEnd, StepRole};
use crate::operations::outbox::pinned::Pinned;
use crate::operations::outbox::view::journal;
use crate::operations::{Handle, ResourceData};
use crate::value::Error;
use crate::write::step::Step;

/// Returns a step from its marks. `undo` is the write that takes it back, if that has begun.
///
/// Its edit has ended with the earlier process. What the edit made is merged with what is stored now, as a value that was read
/// and changed. A guarded edit holds only for the state that it was made on.
pub(crate) async fn resumed<T: ResourceData>(
    own: Handle<T>,
    standing: &Standing,
    undo: Option<&Standing>,
) -> Result<Box<dyn Step>, Error> {
    let intent = &standing.intent;
    let url = Url::parse(&intent.url).map_err(|error| Error::config(error.to_string()))?;
    let mut handle = own.at(url, intent.resource.as_deref().map(str::to_owned))?;
    let journal = journal(&handle)?;
    let kept = async |at, from| {
        let kept = journal.documents(at).await.map_err(Error::journal)?;
        handle.schema.migrated(from, kept)
    };
    let documents = kept(standing.at, intent.schema).await?;
    let done = match &standing.stepped {
        Some((at, stepped)) if !matches!(stepped.end, StepEnd::NotApplied | StepEnd::Unchanged) => {
            let documents = kept(*at, stepped.schema).await?;
            Some(Done::from_kept(documents, stepped.elsewhere.as_deref()))
        }
        _ => None,
    };
    let MarkDocuments { base, local, .. } = documents.clone();
    let record = StepRecord::resumed(&handle, standing, undo, documents)?;
    let is_check = intent.group.is_some_and(|of| of.role == StepRole::Checks);
    if let Some(seen) = base.clone().filter(|_| is_check) {
        return Ok(Box::new(UnchangedStep::resumed(handle, seen, record)));
    }
    if intent.is_pinned {
        handle.strategy = Arc::new(Pinned(handle.strategy.clone()));
        handle.handler = None;
    }
    let input = match (intent.goal, base, local) {
        (IntentGoal::Replace, Some(base), Some(local)) => Input::Save(base, local),
        (IntentGoal::Create, _, Some(local)) => Input::Create(local),
        (IntentGoal::Delete, base, _) => Input::Delete(base),
        (IntentGoal::Append, _, Some(local)) => Input::Post(local),
        _ => {
            let why = "the documents of a step of a transaction are missing";
            return Err(Error::config(why));
        }
    };
    Ok(Box::new(WriteStep::resumed(handle, input, record, done)))
}
