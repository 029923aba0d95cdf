//! An open write: what a person is shown, and what the person decides.

use std::fmt;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, StatusCode};
use url::Url;

use super::queued::{Queued, saved_by};
use super::view::journal;
use crate::journal::{
    Fold, Intent, IntentGoal, IntentId, Journal, JournalError, MarkAt, MarkDocuments, Open,
    RawProblem, Sent, Standing,
};
use crate::json::Document;
use crate::operations::decision::{Decision, shown_conflict};
use crate::operations::{Handle, ResourceData};
use crate::protocol::Problem;
use crate::resolve::{Conflict, Resolution};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind, Saved, Versioned, WriteReport};
use crate::write::edit_hooks::ConflictDocuments;

/// A queued write that cannot be applied as it is.
///
/// Later writes to the same resource wait behind it until it is [resolved](Self::resolve), [tried again](Self::retry) or
/// [discarded](Self::discard).
pub struct OpenWrite<T>(Box<Inner<T>>);

/// The documents of an open write: those that it met, and its own.
#[derive(Default)]
pub(super) struct Sides {
    pub(super) kept: MarkDocuments,
    pub(super) own: MarkDocuments,
}

struct Inner<T> {
    handle: Handle<T>,
    standing: Standing,
    kind: ErrorKind,
    message: String,
    problem: Option<Problem>,
    conflict: Conflict<T>,
    /// The state that is shown to the person, if the resource exists.
    shown: Option<StoredSnapshot>,
    /// The document that was queued.
    wanted: Option<Document>,
    /// Why this program cannot read the sides.
    unreadable: Option<Error>,
}

impl<T: ResourceData> OpenWrite<T> {
    pub(super) fn new(
        handle: Handle<T>,
        standing: Standing,
        open: &Open,
        Sides { kept, own }: Sides,
    ) -> Result<Self, Error> {
        let kind = ErrorKind::named(&open.kind);
        let is_absent = matches!(kind, ErrorKind::Gone | ErrorKind::NotFound);
        let base = kept.base.or(own.base);
        let wanted = own.local.clone();
        let local = kept.local.or(own.local);
        let local = local.filter(|_| standing.intent.goal != IntentGoal::Delete);
        // Without a read, the state that the write was built on is the last one that is known.
        let shown = kept.remote.or_else(|| base.clone()).filter(|_| !is_absent);
        let problem = open
            .problem
            .as_ref()
            .and_then(|raw| problem(raw, &standing.intent));
        let documents = ConflictDocuments {
            base: base.map(|base| base.document),
            local,
            remote: shown.as_ref().map(|shown| shown.document.clone()),
            problem: problem.clone(),
            round: 1,
            may_have_been_applied: kind == ErrorKind::OutcomeUnknown,
            doubtful: Vec::new(),
        };
        let merges_by = (kind == ErrorKind::Conflict).then_some(&*handle.policy);
        let conflict = shown_conflict(&documents, merges_by)
            .map_err(|error| Error::decode("an open write does not fit the type", error))?;
        Ok(Self(Box::new(Inner {
            handle,
            standing,
            kind,
            message: open.message.to_string(),
            problem,
            conflict,
            shown,
            wanted,
            unreadable: None,
        })))
    }

    /// The same, whose sides this program cannot read.
    pub(super) fn unreadable(mut self, why: Error) -> Self {
        self.0.message = format!("{} ({why})", self.0.message);
        self.0.unreadable = Some(why);
        self
    }

    /// Returns the id of the write.
    pub fn id(&self) -> IntentId {
        self.0.standing.intent.id
    }

    /// Returns the write, and the mark that has opened it.
    pub(crate) fn opened(&self) -> Option<(IntentId, MarkAt)> {
        let (at, _) = self.0.standing.open.as_ref()?;
        Some((self.id(), *at))
    }

    /// Returns the id of the resource in its collection.
    pub fn resource_id(&self) -> Option<&str> {
        self.0.standing.intent.resource.as_deref()
    }

    /// Returns why the write was not applied.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Returns the message of the error.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Returns the server's refusal, if there was one.
    pub fn problem(&self) -> Option<&Problem> {
        self.0.problem.as_ref()
    }

    /// Returns the sides: the state before the write, the state that it wants, and the state that it met.
    ///
    /// After a [`Conflict`](ErrorKind::Conflict), `merged` is what the rules of the type make of them, and
    /// [`fields`](Conflict::fields) are the places that the rules leave open.
    /// [`LocalWins`](crate::LocalWins) resolves only those. If the server refused the write and nothing was read, `remote`
    /// is the base.
    ///
    /// There are no sides if this program cannot read them, because they are damaged or of another schema.
    pub fn conflict(&self) -> &Conflict<T> {
        &self.0.conflict
    }

    /// Queues what a person has decided.
    ///
    /// The decision holds for the remote side that was shown. If the resource has changed again, the write is open again,
    /// with the new state. It is never merged with a state that the person was not shown.
    ///
    /// After [`Resolution::Delete`], [`Queued::settled`] returns `Gone` once the resource has been removed, as an awaited
    /// `save` does.
    ///
    /// # Errors
    ///
    /// Returns these errors, after which the write is still open:
    ///
    /// - `Conflict` if the write was decided in the meantime.
    /// - `Config` if the value cannot be written, the decision is `Unresolved`, or it is `KeepRemote` for a `post`.
    /// - `Gone` if it is `KeepRemote` or `Delete` and the resource is removed already.
    /// - `Decode`, `Config` or `Journal` if the sides could not be read, and `Journal` if the decision cannot be kept.
    pub async fn resolve(mut self, decision: Resolution<T>) -> Result<Queued<Saved<T>>, Error> {
        if let Some(unreadable) = self.0.unreadable.take() {
            return Err(unreadable);
        }
        let local = match Decision::of(decision, &self.0.conflict, &self.0.handle.lens)? {
            Decision::Write(document) => Some(document),
            Decision::Remove => None,
            Decision::KeepRemote => return self.keep_remote().await,
        };
        let goal = match (&local, &self.0.shown) {
            (Some(_), Some(_)) => IntentGoal::Replace,
            (Some(_), None) => IntentGoal::Create,
            (None, Some(_)) => IntentGoal::Delete,
            (None, None) => {
                let why = "the resource is removed already: discard the write instead";
                return Err(Error::new(ErrorKind::Gone, why));
            }
        };
        let goal = match self.0.standing.intent.goal {
            IntentGoal::Append if goal != IntentGoal::Delete => IntentGoal::Append,
            _ => goal,
        };
        let id = IntentId::random();
        let intent = Box::new(Intent {
            id,
            goal,
            is_pinned: true,
            is_edit: false,
            schema: self.0.handle.schema.number,
            idempotency_key: self.key_of(local.as_ref()),
            group: None,
            ..(*self.0.standing.intent).clone()
        });
        let documents = MarkDocuments {
            base: self.0.shown.clone().filter(|_| goal != IntentGoal::Create),
            local,
            ..MarkDocuments::default()
        };
        let journal = journal(&self.0.handle)?;
        let queued = Queued::waiting(id, &self.0.handle.shared, saved_by::<T>(goal));
        let kept = journal
            .intend_instead(Some(self.id()), intent, documents, |fold| {
                self.was_decided(fold)
            })
            .await;
        queued.if_kept(kept)?.ok_or_else(decided)
    }

    /// Tries the write again as it is.
    ///
    /// Use it when the reason is gone, for example after a permission was granted. A `post` whose outcome is unknown is sent
    /// again, under the same key: find out first whether the server has the new resource. For a queued removal,
    /// [`Queued::settled`] returns `Gone` once the resource has been removed. A step of a transaction is made with the other
    /// steps, once all open ones are tried again. `settled` then returns `Config` when the transaction has ended, or when the
    /// step is open again.
    ///
    /// # Errors
    ///
    /// Returns `Conflict` if the write was decided in the meantime, and `Journal` if the journal fails. For a `post` in doubt,
    /// also `Config` if its document is of another schema and cannot be migrated.
    pub async fn retry(self) -> Result<Queued<Saved<T>>, Error> {
        let journal = journal(&self.0.handle)?;
        let saved = saved_by::<T>(self.0.standing.intent.goal);
        let queued = Queued::waiting(self.id(), &self.0.handle.shared, saved);
        let retried = match self.last_post() {
            Some((at, sent)) => self.post_again(&journal, at, sent).await?,
            None => {
                journal
                    .retried(self.id(), |fold| self.was_decided(fold))
                    .await
            }
        };
        queued.if_kept(retried)?.ok_or_else(decided)
    }

    /// Returns the last request of a `post` in doubt.
    fn last_post(&self) -> Option<(MarkAt, &Sent)> {
        let standing = &self.0.standing;
        let is_post = standing.intent.goal == IntentGoal::Append;
        let last = standing.sent.last().filter(|_| is_post);
        last.map(|(at, sent)| (*at, sent))
    }

    /// Queues the document of a request again, under its key. Whether the request was applied cannot be found out, so the
    /// person has judged it.
    async fn post_again(
        &self,
        journal: &Journal,
        at: MarkAt,
        sent: &Sent,
    ) -> Result<Result<bool, JournalError>, Error> {
        let schema = &self.0.handle.schema;
        let request = journal.documents(at).await.map_err(Error::journal)?;
        let request = schema.migrated(sent.schema, request)?;
        let intent = Box::new(Intent {
            schema: schema.number,
            idempotency_key: sent.idempotency_key.clone(),
            ..(*self.0.standing.intent).clone()
        });
        let documents = MarkDocuments {
            local: request.unstamped.or(request.local),
            ..MarkDocuments::default()
        };
        let decided = |fold: &Fold| self.was_decided(fold);
        Ok(journal.intend(intent, documents, decided).await)
    }

    /// Gives up the write. The remote state stays as it is.
    ///
    /// # Errors
    ///
    /// Returns `Conflict` if the write was decided in the meantime, and `Journal` if the journal fails.
    pub async fn discard(self) -> Result<(), Error> {
        let journal = journal(&self.0.handle)?;
        let ended = journal
            .end_unless(self.id(), |fold| self.was_decided(fold))
            .await;
        if ended.map_err(Error::journal)? {
            Ok(())
        } else {
            Err(decided())
        }
    }

    /// Returns the key of the decision. A key names one document.
    fn key_of(&self, decided: Option<&Document>) -> Option<Box<str>> {
        let intent = &self.0.standing.intent;
        let documents = self.0.conflict.documents().ok()?;
        if let Some((_, sent)) = self.last_post()
            && documents.local.as_ref() == decided
        {
            return sent.idempotency_key.clone();
        }
        let is_same = intent.goal == IntentGoal::Append && self.0.wanted.as_ref() == decided;
        intent.key().filter(|_| is_same)
    }

    /// Gives up the write, and returns the remote side.
    async fn keep_remote(self) -> Result<Queued<Saved<T>>, Error> {
        if self.0.standing.intent.goal == IntentGoal::Append {
            let why = "a `post` has no remote side to keep: discard the write instead";
            return Err(Error::config(why));
        }
        let Some(shown) = self.0.shown.clone() else {
            let why = "the resource was removed, so there is no remote side to keep: discard the write instead";
            return Err(Error::new(ErrorKind::Gone, why));
        };
        let url = Url::parse(&self.0.standing.intent.url);
        let url = url.map_err(|error| Error::config(error.to_string()))?;
        let id = self.resource_id().map(str::to_owned);
        let versioned = Versioned::new(shown, url, id)
            .map_err(|error| Error::decode("the remote side does not fit the type", error))?;
        let shared = self.0.handle.shared.clone();
        self.discard().await?;
        let report = WriteReport::unchanged();
        Ok(Queued::done(Saved::new(versioned, report), &shared))
    }

    fn was_decided(&self, fold: &Fold) -> bool {
        let now = fold.get(self.id()).and_then(|now| now.open.as_ref());
        now.map(|(at, _)| at) != self.0.standing.open.as_ref().map(|(at, _)| at)
    }
}

fn decided() -> Error {
    Error::new(
        ErrorKind::Conflict,
        "the write was decided or tried again in the meantime",
    )
}

fn problem(raw: &RawProblem, intent: &Intent) -> Option<Problem> {
    let status = StatusCode::from_u16(raw.status).ok()?;
    let mut headers = HeaderMap::new();
    if let Some(media_type) = &raw.media_type {
        headers.insert(CONTENT_TYPE, HeaderValue::from_str(media_type).ok()?);
    }
    let body = Bytes::copy_from_slice(raw.body.as_bytes());
    let url = Url::parse(&intent.url).ok()?;
    Some(Problem::read(status, &headers, &body, &url))
}

// Leaves out documents, which may hold secrets.
impl<T> fmt::Debug for OpenWrite<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenWrite")
            .field("id", &self.0.standing.intent.id)
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .finish_non_exhaustive()
    }
}
