//! The state of a resource as its user sees it: what is cached, with the queued writes on top.

use crate::journal::{ChainKey, IntentGoal, Journal, Standing};
use crate::json::Document;
use crate::merge::ThreeWay;
use crate::operations::{CallContext, Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::Error;

/// The state of a resource with its queued writes.
pub(super) struct View {
    pub(super) chain: Vec<Standing>,
    /// What is cached of the resource.
    pub(super) cached: Option<StoredSnapshot>,
    /// The state that a queued write leads to, or the cached one without any. `None` if the resource is removed or not
    /// known.
    pub(super) document: Option<Document>,
    /// The state that the last queued write is built on, brought up to the cached state where that is certain.
    pub(super) base: Option<StoredSnapshot>,
}

impl View {
    pub(super) async fn of<T: ResourceData>(
        handle: &Handle<T>,
        context: &CallContext,
        journal: &Journal,
        key: &ChainKey,
    ) -> Result<Self, Error> {
        let cached = context.cached().await;
        let (chain, last, kept) = loop {
            let chain: Vec<_> = journal.read(|fold| fold.chain(key).cloned().collect());
            let Some(last) = chain.last().cloned() else {
                return Ok(Self {
                    chain,
                    document: cached.as_ref().map(|cached| cached.document.clone()),
                    base: cached.clone(),
                    cached,
                });
            };
            let kept = journal.present_documents(last.at).await;
            // Otherwise another call has changed the queue since.
            if let Some(kept) = kept.map_err(Error::journal)? {
                break (chain, last, kept);
            }
        };
        let kept = handle.schema.migrated(last.intent.schema, kept)?;
        let (mut base, mut document) = (kept.base, kept.local);
        if last.intent.goal == IntentGoal::Delete {
            document = None;
        }
        let is_alone = chain.len() == 1 && last.is_untouched();
        if is_alone
            && last.intent.goal == IntentGoal::Replace
            && let Some((newer, merged)) =
                rebased(handle, base.as_ref(), document.as_ref(), cached.as_ref())
        {
            (base, document) = (Some(newer), Some(merged));
        }
        Ok(Self {
            chain,
            cached,
            document,
            base,
        })
    }

    /// Whether the last queued write may still be changed, and the next one was made on its result.
    pub(super) fn may_be_joined(&self) -> Option<&Standing> {
        self.chain.last().filter(|last| last.is_untouched())
    }
}

/// Merges a queued write with the newer state that is cached, if that has no conflict.
fn rebased<T: ResourceData>(
    handle: &Handle<T>,
    base: Option<&StoredSnapshot>,
    local: Option<&Document>,
    cached: Option<&StoredSnapshot>,
) -> Option<(StoredSnapshot, Document)> {
    let (base, local, cached) = (base?, local?, cached?);
    // Only the strategy of the handle may merge, and this one is known by its policy.
    let policy = handle.strategy.policy()?;
    if base.validator == cached.validator {
        return None;
    }
    let merged =
        ThreeWay::new(policy).merge_documents(Some(&base.document), local, &cached.document);
    let is_clean = merged.conflicts.is_empty();
    is_clean.then(|| (cached.clone(), merged.document))
}

/// The journal of a handle's client.
pub(super) fn journal<T: ResourceData>(handle: &Handle<T>) -> Result<Journal, Error> {
    handle.shared.journal.clone().ok_or_else(no_journal)
}

/// The error for queued writes of a client without a journal.
pub(super) fn no_journal() -> Error {
    Error::config(
        "queued writes need a journal: set one with `ClientBuilder::journal`, such as `Journal::open(\"app.journal\")`",
    )
}
