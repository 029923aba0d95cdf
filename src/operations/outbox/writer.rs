//! Runs queued writes of one type through the write loop.

use std::sync::Arc;

use async_trait::async_trait;
use url::Url;

use super::owner::{handle_digest, owner_of_call};
use super::pinned::Pinned;
use super::view::journal;
use crate::journal::{IntentGoal, MarkDocuments, Standing};
use crate::json::Document;
use crate::operations::steps;
use crate::operations::write_call::{Write, concluded, told};
use crate::operations::write_settings::WriteSettings;
use crate::operations::{CallContext, Handle, ResourceData, WeakHandle};
use crate::store::{KeyDigest, StoredSnapshot};
use crate::value::{Error, ErrorKind};
use crate::write::driver::QueuedRun;
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::Goal;
use crate::write::queued::{QueuedEnd, QueuedWriter, Ran, Stored};
use crate::write::step::Step;

/// The handle that sends queued writes of a `T`.
///
/// The client keeps it, so it must not keep the client.
struct Writer<T>(WeakHandle<T>);

/// Lets a handle send its queued writes.
pub(super) fn register<T: ResourceData>(handle: &Handle<T>, digest: KeyDigest) {
    let writer = Arc::new(Writer::<T>(handle.downgrade()));
    handle.shared.outbox.register(digest, writer);
}

/// Lets a handle send its queued writes, unless one was named already.
pub(in crate::operations) fn register_first<T: ResourceData>(
    handle: &Handle<T>,
    digest: KeyDigest,
) {
    let outbox = &handle.shared.outbox;
    outbox.register_first(digest, || Arc::new(Writer::<T>(handle.downgrade())));
}

/// As [`register`], with the digest of the handle.
pub(super) fn register_handle<T: ResourceData>(handle: &Handle<T>) -> Result<(), Error> {
    register(handle, handle_digest(handle)?);
    Ok(())
}

/// The state in which a write is continued.
pub(in crate::operations) struct Start {
    pub(in crate::operations) base: Option<StoredSnapshot>,
    pub(in crate::operations) local: Option<Document>,
    /// The document of the queued write itself, on which the next one was made.
    wanted: Option<Document>,
    /// The idempotency key of a `POST`, or of any write that has one of its own.
    key: Option<Box<str>>,
    pub(in crate::operations) run: QueuedRun,
}

impl Start {
    /// Builds a removal on what the write before it has stored, if it was made on just that.
    fn go_on_from(&mut self, standing: &Standing, before: Option<Stored>) {
        let base = self.base.as_ref().filter(|base| base.validator.is_none());
        if standing.goal() == IntentGoal::Delete
            && let (Some(base), Some(before)) = (base, before)
            && base.document == before.wanted
        {
            self.base = Some(before.snapshot);
        }
    }
}

/// Checks that a call runs as the user whose write it is.
pub(in crate::operations) fn check_owner<T: ResourceData>(
    handle: &Handle<T>,
    context: &CallContext,
    owner: &KeyDigest,
) -> Result<(), Error> {
    let is_own = owner_of_call(&handle.shared, context).is_some_and(|own| own == *owner);
    if is_own {
        Ok(())
    } else {
        // Tried again later, when the same user may be back.
        let why = "another user has logged in since";
        Err(Error::new(ErrorKind::Exhausted, why))
    }
}

#[async_trait]
impl<T: ResourceData> QueuedWriter for Writer<T> {
    fn schema(&self) -> u32 {
        self.0.schema()
    }

    async fn run(&self, standing: &Standing, before: Option<Stored>) -> Result<Ran, Error> {
        let intent = &standing.intent;
        let Some(own) = self.0.upgrade() else {
            return Err(Error::config("the client has ended"));
        };
        let mut start = start(&own, standing).await?;
        let wanted = start.wanted.take();
        start.go_on_from(standing, before);
        let url = Url::parse(&intent.url).map_err(|error| Error::config(error.to_string()))?;
        let mut handle = own.at(url, intent.resource.as_deref().map(str::to_owned))?;
        if intent.is_pinned {
            handle.strategy = Arc::new(Pinned(handle.strategy.clone()));
            handle.handler = None;
        }
        let goal = match standing.goal() {
            IntentGoal::Replace => Goal::Replace,
            IntentGoal::Create => Goal::Create,
            IntentGoal::Delete => Goal::Delete,
            IntentGoal::Append => Goal::Append,
        };
        let mut write = Write::begin(handle.clone(), WriteSettings::default(), goal).await?;
        check_owner(&own, &write.context, &intent.owner)?;
        (write.base, write.local) = (start.base, start.local);
        write.is_edit = intent.is_edit;
        write.honours_keys = intent.honours_key;
        write.idempotency_key = start.key.map(Into::into);
        write.queued = Some(start.run);
        let target = write.context.target.clone();
        let id = handle.id.clone();
        let (done, report) = write.carry_out().await?;
        told(&target, &done, &report);
        let failed = !done.succeeded();
        let error = failed
            .then(|| concluded::<T>(target.clone(), id.clone(), done.clone(), report.clone()))
            .and_then(Result::err);
        let result = wanted.zip(done.stored.clone());
        let result = result.map(|(wanted, snapshot)| Stored { wanted, snapshot });
        let end = QueuedEnd::Ran {
            target,
            id,
            done,
            report,
        };
        Ok(Ran { end, error, result })
    }

    async fn step(
        &self,
        standing: &Standing,
        undo: Option<&Standing>,
    ) -> Result<Box<dyn Step>, Error> {
        let Some(own) = self.0.upgrade() else {
            return Err(Error::config("the client has ended"));
        };
        steps::resumed(own, standing, undo).await
    }
}

/// Returns where a write begins: at its last request that may have been applied, or at its own base.
pub(in crate::operations) async fn start<T: ResourceData>(
    handle: &Handle<T>,
    standing: &Standing,
) -> Result<Start, Error> {
    let journal = journal(handle)?;
    let kept = async |at, from| {
        let kept = journal.documents(at).await.map_err(Error::journal)?;
        handle.schema.migrated(from, kept)
    };
    let MarkDocuments {
        mut base,
        mut local,
        ..
    } = kept(standing.at, standing.intent.schema).await?;
    let wanted = local.clone();
    let (mut lost, mut marks) = (Vec::new(), Vec::new());
    for (at, sent) in &standing.sent {
        let request = kept(*at, sent.schema).await?;
        if let Some(document) = &request.local {
            lost.push(LostWrite {
                base: request.base.as_ref().map(|base| base.document.clone()),
                sent: document.clone(),
                edited: None,
                mark: Some(*at),
            });
        }
        marks.push(*at);
        base = request.base.filter(|_| sent.onto.is_some());
        local = request.unstamped.or(request.local);
    }
    let key = standing.sent.last();
    let key = key.and_then(|(_, sent)| sent.idempotency_key.clone());
    let run = QueuedRun {
        intent: standing.intent.id,
        lost,
        marks,
        schema: handle.schema.number,
        is_tried_again: true,
    };
    Ok(Start {
        base,
        local,
        wanted,
        key: key.or_else(|| standing.intent.key()),
        run,
    })
}
