//! What the journal keeps of a step.

use url::Url;

use crate::journal::{
    GroupStep, Intent, IntentGoal, IntentId, Journal, LeftOpen, MarkDocuments, Open, Standing,
    StepEnd, StepRole, Stepped,
};
use crate::operations::outbox::owner::{another_user, chain_digest, handle_digest, owner_of_call};
use crate::operations::outbox::record::now;
use crate::operations::outbox::view::journal;
use crate::operations::outbox::writer::{check_owner, register_first, start};
use crate::operations::write_call::Write;
use crate::operations::{CallContext, Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind};
use crate::write::driver::QueuedRun;
use crate::write::in_flight::LostWrite;

use super::done::unversioned;
use super::write_step::Open as LeftByRun;

/// The marks of a step, and of the write that takes it back.
pub(super) struct StepRecord {
    journal: Journal,
    intent: Box<Intent>,
    /// What was to be written.
    documents: MarkDocuments,
    of: GroupStep,
    undo: Option<IntentId>,
    schema: u32,
    /// Whether an earlier process has begun the transaction.
    is_resumed: bool,
}

/// What made the document of a step.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MadeBy {
    Caller,
    Edit,
    /// An edit that may refuse. It holds only for the state that it was made on.
    Guard,
}

impl StepRecord {
    /// Prepares the marks of a step.
    pub(super) async fn new<T: ResourceData>(
        handle: &Handle<T>,
        of: GroupStep,
        goal: IntentGoal,
        made: MadeBy,
        documents: MarkDocuments,
    ) -> Result<Self, Error> {
        let journal = journal(handle)?;
        let digest = handle_digest(handle)?;
        register_first(handle, digest);
        let context = handle.call_context(None).await?;
        let owner = owner_of_call(&handle.shared, &context).ok_or_else(another_user)?;
        let intent = Box::new(Intent {
            id: IntentId::random(),
            goal,
            owner,
            handle: digest,
            address: chain_digest(handle, &context.key),
            url: context.target.url.as_str().into(),
            resource: handle.id.as_deref().map(Into::into),
            schema: handle.schema.number,
            is_pinned: made == MadeBy::Guard,
            is_edit: made != MadeBy::Caller,
            idempotency_key: None,
            honours_key: false,
            queued_at: now(),
            place: 0,
            group: Some(of),
        });
        Ok(Self {
            journal,
            intent,
            documents,
            of,
            undo: None,
            schema: handle.schema.number,
            is_resumed: false,
        })
    }

    /// Returns the record of a step that an earlier process has begun. `None` if it is not one of a transaction.
    pub(super) fn resumed<T: ResourceData>(
        handle: &Handle<T>,
        standing: &Standing,
        undo: Option<&Standing>,
        documents: MarkDocuments,
    ) -> Result<Self, Error> {
        let intent = standing.intent.clone();
        let of = intent.group;
        Ok(Self {
            journal: journal(handle)?,
            of: of.ok_or_else(|| Error::config("the write is no step of a transaction"))?,
            intent,
            documents,
            undo: undo.map(|undo| undo.intent.id),
            schema: handle.schema.number,
            is_resumed: true,
        })
    }

    /// Returns what the journal keeps before the step is made.
    pub(super) fn recorded(&self) -> (Box<Intent>, MarkDocuments) {
        (self.intent.clone(), self.documents.clone())
    }

    /// Returns what was to be written.
    pub(super) fn wanted(&self) -> (IntentGoal, MarkDocuments) {
        (self.intent.goal, self.documents.clone())
    }

    /// Returns the reverse of the change that was to be made. `None` if nothing was to be changed.
    pub(super) fn reversed(&self) -> Option<(IntentGoal, MarkDocuments)> {
        let goal = self.intent.goal;
        if goal != IntentGoal::Replace {
            return None;
        }
        let MarkDocuments { base, local, .. } = self.documents.clone();
        let documents = MarkDocuments {
            base: Some(unversioned(&local?)),
            local: Some(base?.document),
            ..MarkDocuments::default()
        };
        Some((goal, documents))
    }

    /// Whether an edit made the document of the step.
    pub(super) fn is_edit(&self) -> bool {
        self.intent.is_edit
    }

    /// Returns the stamp of the step.
    pub(super) fn write_id(&self) -> String {
        self.intent.id.to_string()
    }

    /// Checks that a call runs as the user whose step it is.
    pub(super) fn check_owner<T: ResourceData>(
        &self,
        handle: &Handle<T>,
        context: &CallContext,
    ) -> Result<(), Error> {
        check_owner(handle, context, &self.intent.owner)
    }

    fn standing(&self, id: IntentId) -> Option<Standing> {
        self.journal.read(|fold| fold.get(id).cloned())
    }

    /// Returns what earlier runs of the step have left open. `None` if no request of it may have been applied.
    pub(super) async fn left_open<T: ResourceData>(
        &self,
        handle: &Handle<T>,
    ) -> Result<Option<LeftByRun>, Error> {
        let standing = self.standing(self.intent.id);
        let Some(standing) = standing.filter(|standing| !standing.sent.is_empty()) else {
            return Ok(None);
        };
        let start = start(handle, &standing).await?;
        let lost = start.run.lost.into_iter();
        // Who settles them from here does not own their marks.
        let lost = lost.map(|lost| LostWrite { mark: None, ..lost });
        Ok(Some(LeftByRun {
            base: start.base,
            local: start.local,
            lost: lost.collect(),
        }))
    }

    /// Lets a write record its requests as those of the step.
    pub(super) async fn goes_into<T: ResourceData>(
        &self,
        write: &mut Write<T>,
        handle: &Handle<T>,
    ) -> Result<(), Error> {
        self.check_owner(handle, &write.context)?;
        let (run, _) = self.run_of(self.intent.id, handle).await?;
        write.queued = Some(run);
        Ok(())
    }

    /// Lets a write record its requests as those that take the step back.
    pub(super) async fn undo_goes_into<T: ResourceData>(
        &self,
        write: &mut Write<T>,
        handle: &Handle<T>,
    ) -> Result<(), Error> {
        self.check_owner(handle, &write.context)?;
        let Some(undo) = self.undo else { return Ok(()) };
        let (run, base) = self.run_of(undo, handle).await?;
        if !run.marks.is_empty() {
            // The cache of this process knows nothing of that request.
            (write.base, write.base_is_cached) = (base, false);
        }
        write.queued = Some(run);
        Ok(())
    }

    /// Returns the run of a write, and the base of its last request that may have been applied.
    async fn run_of<T: ResourceData>(
        &self,
        id: IntentId,
        handle: &Handle<T>,
    ) -> Result<(QueuedRun, Option<StoredSnapshot>), Error> {
        let standing = self.standing(id);
        let (run, base) = match standing.filter(|standing| !standing.sent.is_empty()) {
            Some(standing) => {
                let start = start(handle, &standing).await?;
                (start.run, start.base)
            }
            None => (QueuedRun::first(id, self.schema), None),
        };
        let is_tried_again = self.is_resumed;
        Ok((
            QueuedRun {
                is_tried_again,
                ..run
            },
            base,
        ))
    }

    /// Records that the step is taken back, before a request of that leaves.
    pub(super) async fn begin_undo(
        &mut self,
        goal: IntentGoal,
        documents: MarkDocuments,
    ) -> Result<(), Error> {
        if self.undo.is_some() {
            return Ok(());
        }
        let undo = self.undo_intent(IntentId::random(), goal);
        let id = undo.id;
        let kept = self.journal.intend(undo, documents, |_| false).await;
        kept.map_err(Error::journal)?;
        self.undo = Some(id);
        Ok(())
    }

    fn undo_intent(&self, id: IntentId, goal: IntentGoal) -> Box<Intent> {
        let role = StepRole::TakesBack;
        Box::new(Intent {
            id,
            goal,
            schema: self.schema,
            is_pinned: false,
            is_edit: false,
            group: Some(GroupStep { role, ..self.of }),
            ..(*self.intent).clone()
        })
    }

    /// Returns the mark of a step that has ended.
    pub(super) fn stepped(&self, end: StepEnd, elsewhere: Option<Box<str>>) -> Stepped {
        Stepped {
            intent: self.intent.id,
            end,
            elsewhere,
            schema: self.schema,
        }
    }

    /// Returns what is left for a person of a step that stands. `remote` is the state that was met.
    pub(super) fn left(
        &self,
        goal: IntentGoal,
        documents: MarkDocuments,
        remote: Option<StoredSnapshot>,
        error: Option<&Error>,
        elsewhere: Option<&Url>,
    ) -> LeftOpen {
        let id = self.undo.unwrap_or_else(IntentId::random);
        let what = "a step of a transaction could not be taken back";
        let mut intent = self.undo_intent(id, goal);
        if let Some(url) = elsewhere {
            // The server has created it at another address.
            intent.url = url.as_str().into();
            intent.resource = crate::address::last_segment(url).map(Into::into);
        }
        LeftOpen {
            intent,
            open: Open {
                intent: id,
                schema: self.schema,
                kind: error.map_or(ErrorKind::Conflict, Error::kind).name().into(),
                message: error
                    .map_or_else(|| what.to_owned(), |error| format!("{what}: {error}"))
                    .into(),
                problem: error.and_then(Error::problem).map(Into::into),
            },
            sides: MarkDocuments {
                remote,
                ..documents.clone()
            },
            documents,
        }
    }
}
