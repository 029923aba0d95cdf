//! The typed side of one write: runs edits, asks strategies and handlers, and keeps the fields that
//! the type does not know.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::batch::may_refuse_one;
use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::lens::{Lens, Reading};
use crate::operations::ResourceData;
use crate::protocol::RefusalKind;
use crate::resolve::{
    Answer, Conflict, Documents, Refusal, RefusalHandler, Resolution, Settled, Strategy,
};
use crate::support::panics;
use crate::value::Versioned;
use crate::write::edit_hooks::{
    ConflictDocuments, EditHooks, HandlerReply, NotEdited, RefusedWrite, ResolvedDocument,
};
use crate::write::recovery::measure::{Run, is_harmless};
use crate::write::request::target::Target;

pub(crate) type Edit<T> = Box<dyn Fn(&mut T) -> Result<(), BoxError> + Send>;

/// The typed side of a write of a `T`.
pub(crate) struct TypedEdit<T> {
    pub(crate) resolver: Resolver<T>,
    /// The edits, to be made one after the other; without any, the document is given.
    pub(crate) edits: Vec<Edit<T>>,
    /// Which of several edits failed when they were last made, and were left out.
    pub(crate) failed: Vec<bool>,
    /// What is created where there is nothing to edit.
    pub(crate) if_absent: Option<Document>,
    /// After a race the edits run again; otherwise the strategy merges.
    pub(crate) rerun: bool,
}

/// Who decides, and how values become documents.
pub(crate) struct Resolver<T> {
    pub(crate) lens: Lens<T>,
    pub(crate) strategy: Strategy<T>,
    pub(crate) handler: Option<Arc<dyn RefusalHandler<T>>>,
    pub(crate) target: Arc<Target>,
    pub(crate) id: Option<String>,
    /// Conditional writes under other ids, which went before.
    pub(crate) attempts: u32,
}

impl<T: ResourceData> Resolver<T> {
    async fn decide(&self, sides: ConflictDocuments) -> Result<ResolvedDocument, BoxError> {
        let conflict: Conflict<T> = conflict(&sides)?;
        let decided = self.strategy.resolve_documents(&conflict);
        let resolution = match panics::catch_in("the merge strategy", decided).await?? {
            Settled::Document(document) => return Ok(ResolvedDocument::Write(Some(document))),
            Settled::Open(_, fields) => return Ok(ResolvedDocument::Open(fields)),
            Settled::Typed(resolution) => resolution,
        };
        Ok(match resolution {
            Resolution::Merged(value) => {
                let document = conflict.documents()?.put(&self.lens, &value)?;
                ResolvedDocument::Write(Some(document))
            }
            Resolution::KeepLocal => {
                ResolvedDocument::Write(conflict.documents()?.keep_local(&self.lens)?)
            }
            Resolution::KeepRemote => ResolvedDocument::Remote,
            Resolution::Delete => ResolvedDocument::Write(None),
            Resolution::Unresolved { fields, .. } => ResolvedDocument::Open(fields),
        })
    }

    async fn answer(&self, refused: RefusedWrite) -> Result<HandlerReply, BoxError> {
        let Some(handler) = &self.handler else {
            return Ok(HandlerReply::GiveUp);
        };
        let remote: Option<Versioned<T>> = match refused.remote {
            Some(snapshot) => Some(Versioned::new(
                snapshot,
                self.target.url.clone(),
                self.id.clone(),
            )?),
            None => None,
        };
        let shown = remote.as_ref().filter(|_| !refused.creating);
        let raw = shown.map(|remote| remote.snapshot().document().clone());
        let refusal = Refusal {
            kind: refused.kind,
            problem: refused.problem,
            local: refused.local.as_ref().map(Document::decode).transpose()?,
            remote,
            id: self.id.clone(),
            attempt: self.attempts + refused.attempt,
        };
        let answer = panics::catch_in("the refusal handler", handler.refused(&refusal)).await??;
        Ok(match answer {
            Answer::GiveUp => HandlerReply::GiveUp,
            Answer::Again => HandlerReply::Again,
            Answer::Change(value) => {
                let sides = Documents {
                    base: refused.base,
                    local: refused.local,
                    remote: raw,
                    merged: None,
                };
                HandlerReply::Change(sides.put(&self.lens, &value)?)
            }
            Answer::Rename(id) => HandlerReply::Rename(id),
            Answer::Adopt => HandlerReply::Adopt,
            Answer::Wait(time) => HandlerReply::Wait(time),
        })
    }
}

impl<T: ResourceData> TypedEdit<T> {
    /// What the edits make of a document, and which of several failed. One that fails among several is left
    /// out, and leaves nothing behind.
    fn edited(&self, raw: &Document) -> Result<(Document, Vec<bool>), NotEdited> {
        let lens = &self.resolver.lens;
        let mut failed = vec![false; self.edits.len()];
        let all = |value: &mut T| self.edits.iter().try_for_each(|edit| made(edit, value));
        match edited(lens, raw, all) {
            Err(NotEdited::Failed(_) | NotEdited::Unfaithful(..)) if self.edits.len() > 1 => {}
            edited => return Ok((edited?, failed)),
        }
        // Once more, each on what the ones before it left.
        let mut good = raw.clone();
        for (edit, failed) in self.edits.iter().zip(&mut failed) {
            match edited(lens, &good, |value| made(edit, value)) {
                Ok(edited) => good = edited,
                Err(error @ NotEdited::Misfit(_)) => return Err(error),
                Err(_) => *failed = true,
            }
        }
        if failed.iter().all(|failed| *failed) {
            return Err(BoxError::from("none of the edits could be made").into());
        }
        Ok((good, failed))
    }

    /// What the edits make of a document, or of nothing.
    fn run_on(&self, base: Option<&Document>) -> Result<(Document, Vec<bool>), NotEdited> {
        match (base, &self.if_absent) {
            (Some(base), _) if self.edits.is_empty() => Ok((base.clone(), Vec::new())),
            (Some(base), _) => self.edited(base),
            // The edit is not made on what is created.
            (None, Some(initial)) => Ok((initial.clone(), Vec::new())),
            (None, None) => Err(BoxError::from("there is nothing to edit").into()),
        }
    }
}

/// Makes an edit of a document.
fn edited<T: ResourceData>(
    lens: &Lens<T>,
    raw: &Document,
    edit: impl Fn(&mut T) -> Result<(), BoxError>,
) -> Result<Document, NotEdited> {
    let mut value: T = raw.decode().map_err(NotEdited::Misfit)?;
    let target = Reading::of(raw, &value).map_err(BoxError::from)?;
    edit(&mut value)?;
    let after = target.shown.encode_again(&value).map_err(BoxError::from)?;
    let put = lens.put_reading(&target, &after, None);
    put.map_err(|error| NotEdited::Unfaithful(error, after))
}

/// Whether it makes no difference to make an edit once more on this document, where it was made or not. One
/// that fails there may fail because it was made.
pub(super) fn is_repeatable<T: ResourceData>(
    lens: &Lens<T>,
    edit: &Edit<T>,
    on: &Document,
) -> bool {
    let run = |document: &Document| {
        let document = panics::catch(panics::VALUE, || {
            edited(lens, document, |value| made(edit, value)).ok()
        });
        let failed = Vec::new();
        document
            .ok()
            .flatten()
            .map(|document| Run { document, failed })
    };
    run(on).is_some() && is_harmless(&run, on)
}

/// Makes one edit. It may be the user's assertion; its panic is told with all sides like an error.
fn made<T>(edit: &Edit<T>, value: &mut T) -> Result<(), BoxError> {
    panics::catch("the edit", || edit(value)).unwrap_or_else(|panicked| Err(panicked.into()))
}

#[async_trait]
impl<T: ResourceData> EditHooks for TypedEdit<T> {
    fn prepare(&mut self, base: Option<&Document>) -> Result<Document, NotEdited> {
        let (document, failed) = self.run_on(base)?;
        self.failed = failed;
        Ok(document)
    }

    fn run(&self, document: &Document) -> Option<Run> {
        let (document, failed) = self.run_on(Some(document)).ok()?;
        Some(Run { document, failed })
    }

    fn reruns(&self) -> bool {
        self.rerun && !self.edits.is_empty()
    }

    fn is_operation(&self) -> bool {
        !self.resolver.strategy.is_state_like()
    }

    fn time(&self) -> Option<Duration> {
        self.resolver.strategy.time()
    }

    async fn resolve(&mut self, sides: ConflictDocuments) -> ResolvedDocument {
        self.resolver
            .decide(sides)
            .await
            .unwrap_or_else(ResolvedDocument::Failed)
    }

    async fn refused(&mut self, refused: RefusedWrite) -> HandlerReply {
        let locked = refused.kind == RefusalKind::Locked;
        if self.edits.len() > 1 && !locked && may_refuse_one(&refused.problem) {
            // A handler is asked about that one, when each is tried alone.
            return HandlerReply::GiveUp;
        }
        self.resolver
            .answer(refused)
            .await
            .unwrap_or_else(HandlerReply::Failed)
    }
}

/// The conflict as the strategy is shown it.
fn conflict<T: ResourceData>(sides: &ConflictDocuments) -> Result<Conflict<T>, JsonError> {
    let typed = |side: &Option<Document>| side.as_ref().map(Document::decode).transpose();
    let mut conflict = Conflict::new(
        typed(&sides.base)?,
        typed(&sides.local)?,
        typed(&sides.remote)?,
    );
    conflict.problem.clone_from(&sides.problem);
    conflict.round = sides.round;
    conflict.may_have_been_applied = sides.may_have_been_applied;
    conflict.fields.clone_from(&sides.doubtful);
    conflict.doubtful.clone_from(&sides.doubtful);
    conflict.documents = Some(Documents {
        base: sides.base.clone(),
        local: sides.local.clone(),
        remote: sides.remote.clone(),
        merged: None,
    });
    Ok(conflict)
}
