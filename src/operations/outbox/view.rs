//! The state of a resource as its user sees it: what is cached, with the queued writes on top.

use crate::journal::{ChainKey, IntentGoal, Journal, MarkDocuments, Standing};
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
    /// Whether the last queued write was made beside the ones before it, not on their result.
    is_beside: bool,
}

impl View {
    pub(super) async fn of<T: ResourceData>(
        handle: &Handle<T>,
        context: &CallContext,
        journal: &Journal,
        key: &ChainKey,
    ) -> Result<Self, Error> {
        let cached = context.cached().await;
        let (chain, kept) = loop {
            let chain: Vec<_> = journal.read(|fold| fold.chain(key).cloned().collect());
            if let Some(kept) = kept(handle, journal, &chain).await? {
                break (chain, kept);
            }
            // Another call has changed the queue since.
        };
        let Some(own) = kept.last() else {
            return Ok(Self {
                chain,
                document: cached.as_ref().map(|cached| cached.document.clone()),
                base: cached.clone(),
                cached,
                is_beside: false,
            });
        };
        let mut base = own.base.clone();
        let first = chain.first().filter(|first| first.is_untouched());
        // What was sent may be part of the cached state already.
        let mut document = cached
            .as_ref()
            .filter(|_| first.is_some())
            .map(|it| it.document.clone());
        let mut is_beside = false;
        for (standing, kept) in chain.iter().zip(&kept) {
            let shown = shown(handle, standing, kept, document.as_ref());
            is_beside = matches!(shown, Shown::Merged(_));
            document = shown.document();
        }
        if chain.len() == 1 && is_beside {
            // It was made on an older state than the cached one, and is brought up to it.
            base.clone_from(&cached);
            is_beside = false;
        }
        Ok(Self {
            chain,
            cached,
            document,
            base,
            is_beside,
        })
    }

    /// Whether the last queued write may still be changed, and the next one was made on its result.
    pub(super) fn may_be_joined(&self) -> Option<&Standing> {
        let last = self.chain.last().filter(|_| !self.is_beside);
        last.filter(|last| last.is_untouched())
    }
}

/// Returns the documents of a chain, or `None` if it has changed since.
async fn kept<T: ResourceData>(
    handle: &Handle<T>,
    journal: &Journal,
    chain: &[Standing],
) -> Result<Option<Vec<MarkDocuments>>, Error> {
    let mut kept = Vec::with_capacity(chain.len());
    for standing in chain {
        let documents = journal.present_documents(standing.at).await;
        let Some(documents) = documents.map_err(Error::journal)? else {
            return Ok(None);
        };
        let schema = standing.intent.schema;
        kept.push(handle.schema.migrated(schema, documents)?);
    }
    Ok(Some(kept))
}

/// What a queued write makes of the state before it.
enum Shown {
    Removed,
    /// Its own document, which was made on just that state, or cannot be merged with it here.
    Own(Option<Document>),
    /// Merged with a state that it was not made on.
    Merged(Document),
}

impl Shown {
    fn document(self) -> Option<Document> {
        match self {
            Self::Removed => None,
            Self::Own(document) => document,
            Self::Merged(document) => Some(document),
        }
    }
}

fn shown<T: ResourceData>(
    handle: &Handle<T>,
    standing: &Standing,
    kept: &MarkDocuments,
    state: Option<&Document>,
) -> Shown {
    if standing.intent.goal == IntentGoal::Delete {
        return Shown::Removed;
    }
    let own = || Shown::Own(kept.local.clone());
    let (Some(base), Some(local), Some(state)) = (&kept.base, &kept.local, state) else {
        return own();
    };
    // Only the strategy of the handle may merge, and this one is known by its policy.
    let policy = Some(&handle.strategy).filter(|strategy| strategy.merges_by_policy());
    let Some(policy) = policy.and_then(|strategy| strategy.policy()) else {
        return own();
    };
    if base.document == *state {
        return own();
    }
    let merged = ThreeWay::new(policy).merge_documents(Some(&base.document), local, state);
    if merged.conflicts.is_empty() {
        Shown::Merged(merged.document)
    } else {
        own()
    }
}

/// The journal of a handle's client.
pub(in crate::operations) fn journal<T: ResourceData>(
    handle: &Handle<T>,
) -> Result<Journal, Error> {
    handle.shared.journal.clone().ok_or_else(no_journal)
}

/// The error for queued writes of a client without a journal.
pub(super) fn no_journal() -> Error {
    Error::config(
        "queued writes need a journal: set one with `ClientBuilder::journal`, such as `Journal::open(\"app.journal\")`",
    )
}
