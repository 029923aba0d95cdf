//! Records queued writes, and joins a new one with one before it that was never sent.

use std::time::{SystemTime, UNIX_EPOCH};

use super::coalesce::{Together, together};
use super::entries::registered;
use super::owner::{another_user, chain_digest, owner, owner_of_call};
use super::queued::Queued;
use super::view::{View, journal};
use crate::journal::{
    ChainKey, Fold, Intent, IntentGoal, IntentId, Journal, MarkAt, MarkDocuments, Standing,
};
use crate::json::Document;
use crate::operations::{CallContext, Handle, ResourceData};
use crate::store::{KeyDigest, Purpose, StoredSnapshot};
use crate::value::Error;
use crate::write::queued::QueuedEnd;

/// One write that is to be queued.
pub(super) struct NewWrite {
    pub(super) goal: IntentGoal,
    pub(super) base: Option<StoredSnapshot>,
    pub(super) local: Option<Document>,
    pub(super) idempotency_key: Option<String>,
    pub(super) honours_key: bool,
    /// Whether an edit made the document from the base.
    pub(super) is_edit: bool,
}

impl NewWrite {
    pub(super) fn new(
        goal: IntentGoal,
        base: Option<StoredSnapshot>,
        local: Option<Document>,
    ) -> Self {
        Self {
            goal,
            base,
            local,
            idempotency_key: None,
            honours_key: false,
            is_edit: false,
        }
    }
}

/// The queue of one resource.
pub(super) struct Recording<T> {
    pub(super) handle: Handle<T>,
    pub(super) context: CallContext,
    pub(super) journal: Journal,
    pub(super) key: ChainKey,
    handle_digest: KeyDigest,
}

impl<T: ResourceData> Recording<T> {
    /// Prepares the queue of the handle's resource. `of` is the digest of the handle that can send its writes.
    pub(super) async fn begin(handle: Handle<T>, of: KeyDigest) -> Result<Self, Error> {
        let journal = journal(&handle)?;
        let owner = owner(&handle.shared)?;
        let context = handle.call_context(None).await?;
        if owner_of_call(&handle.shared, &context) != Some(owner) {
            return Err(another_user());
        }
        let address = chain_digest(&handle, &context.key);
        Ok(Self {
            handle,
            context,
            journal,
            key: (owner, address),
            handle_digest: of,
        })
    }

    /// Prepares the queue of the handle's resource, whose writes the handle itself can send.
    pub(super) async fn of(handle: Handle<T>) -> Result<Self, Error> {
        let of = registered(&handle)?;
        Self::begin(handle, of).await
    }

    pub(super) async fn view(&self) -> Result<View, Error> {
        View::of(&self.handle, &self.context, &self.journal, &self.key).await
    }

    /// Records a write that stands on its own.
    pub(super) async fn append<O>(
        &self,
        new: NewWrite,
        convert: fn(QueuedEnd) -> Result<O, Error>,
    ) -> Result<Queued<O>, Error> {
        let id = IntentId::random();
        let mut intent = self.intent(id, &new);
        if new.goal == IntentGoal::Append {
            // It has no address yet, so it waits for no other write.
            let secret = &self.handle.shared.exchange.secret;
            intent.address = secret.digest(Purpose::Chain, [id.to_string().as_bytes()]);
        }
        let queued = Queued::waiting(id, &self.handle.shared, convert);
        let documents = MarkDocuments {
            base: new.base,
            local: new.local,
            ..MarkDocuments::default()
        };
        let kept = self.journal.intend(intent, documents, |_| false).await;
        queued.kept(kept.map(|_| ()))
    }

    /// Records a write that was made on the view, together with the last queued one if that was never sent. Returns `None`
    /// if the queue has changed since, so that the view is out of date.
    pub(super) async fn append_to<O>(
        &self,
        view: &View,
        new: NewWrite,
        convert: fn(QueuedEnd) -> Result<O, Error>,
    ) -> Result<Option<Queued<O>>, Error> {
        let is_own = |last: &&Standing| last.intent.handle == self.handle_digest;
        let joined = view.may_be_joined().filter(is_own);
        let joined = joined.filter(|_| !self.is_being_sent(view));
        let joined = joined.and_then(|last| Some((last, together(last.intent.goal, new.goal)?)));
        let seen = view.chain.last().map(|last| last.at);
        match joined {
            None => {
                let id = IntentId::random();
                let queued = Queued::waiting(id, &self.handle.shared, convert);
                let intent = self.intent(id, &new);
                let documents = MarkDocuments {
                    base: new.base,
                    local: new.local,
                    ..MarkDocuments::default()
                };
                let moved = |fold: &Fold| last_of(fold, &self.key) != seen;
                let kept = self.journal.intend(intent, documents, moved).await;
                queued.if_kept(kept)
            }
            Some((last, Together::One(goal))) => {
                let id = last.intent.id;
                let queued = Queued::waiting(id, &self.handle.shared, convert);
                let intent = Box::new(Intent {
                    goal,
                    is_edit: last.intent.is_edit && new.is_edit,
                    schema: self.handle.schema.number,
                    ..(*last.intent).clone()
                });
                let documents = MarkDocuments {
                    base: view.base.clone(),
                    local: new.local.filter(|_| goal != IntentGoal::Delete),
                    ..MarkDocuments::default()
                };
                let kept = self
                    .journal
                    .intend(intent, documents, |fold| self.has_moved(fold, view, last))
                    .await;
                queued.if_kept(kept)
            }
            Some((last, Together::Nothing)) => {
                let id = last.intent.id;
                let queued = Queued::waiting(id, &self.handle.shared, convert);
                let shared = self.handle.shared.clone();
                let moved = |fold: &Fold| self.has_moved(fold, view, last);
                let told = move || shared.outbox.tell(id, &QueuedEnd::Superseded);
                let ended = self.journal.end_unless_then(id, moved, told).await;
                queued.if_kept(ended)
            }
        }
    }

    /// Whether the last write of the view is the one that is being sent.
    fn is_being_sent(&self, view: &View) -> bool {
        view.chain.len() == 1 && self.handle.shared.outbox.is_running(&self.key)
    }

    /// Whether the last write of the view is no longer the last one, or may have been sent since.
    fn has_moved(&self, fold: &Fold, view: &View, last: &Standing) -> bool {
        last_of(fold, &self.key) != Some(last.at)
            || fold
                .get(last.intent.id)
                .is_none_or(|now| !now.is_untouched())
            || fold.chain(&self.key).count() != view.chain.len()
            || self.is_being_sent(view)
    }

    fn intent(&self, id: IntentId, new: &NewWrite) -> Box<Intent> {
        let (owner, address) = self.key;
        Box::new(Intent {
            id,
            goal: new.goal,
            owner,
            handle: self.handle_digest,
            address,
            url: self.context.target.url.as_str().into(),
            resource: self.handle.id.as_deref().map(Into::into),
            schema: self.handle.schema.number,
            is_pinned: false,
            is_edit: new.is_edit,
            idempotency_key: new.idempotency_key.as_deref().map(Into::into),
            honours_key: new.honours_key,
            queued_at: now(),
            place: 0,
            group: None,
        })
    }
}

/// Returns the mark of the last queued write of a chain.
fn last_of(fold: &Fold, key: &ChainKey) -> Option<MarkAt> {
    fold.chain(key).next_back().map(|last| last.at)
}

/// Returns the time for people, in milliseconds since 1970.
pub(in crate::operations) fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH);
    time.map_or(0, |time| {
        u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
    })
}
