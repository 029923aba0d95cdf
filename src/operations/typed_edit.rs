//! The typed side of one write. It runs edits, calls strategies and handlers, and keeps the fields that the type
//! does not know.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::json::{Document, JsonError};
use crate::lens::{Lens, Reading};
use crate::operations::ResourceData;
use crate::protocol::{Problem, RefusalKind};
use crate::resolve::{
    Answer, Conflict, Documents, Refusal, RefusalHandler, Resolution, Settled, Strategy,
};
use crate::support::panics;
use crate::value::{Error, ErrorKind, Versioned};
use crate::write::edit_hooks::{
    ConflictDocuments, EditHooks, HandlerReply, NotEdited, RefusedWrite, ResolvedDocument,
};
use crate::write::recovery::measure::{Run, is_harmless};
use crate::write::request::target::Target;

pub(crate) type Edit<T> = Box<dyn Fn(&mut T) -> Result<(), BoxError> + Send>;

/// The typed side of a write of a `T`.
pub(crate) struct TypedEdit<T> {
    pub(crate) resolver: Resolver<T>,
    /// The edits, in order. If there are none, the document is already complete.
    pub(crate) edits: Vec<Edit<T>>,
    /// Which of several edits failed in the last run, and were left out.
    pub(crate) failed: Vec<bool>,
    /// The document to create if the resource does not exist.
    pub(crate) if_absent: Option<Document>,
    /// Whether the edits run again after a race. Otherwise the strategy merges.
    pub(crate) edit_reruns: bool,
}

/// The strategy and the handler that decide, and the lens that puts values into documents.
pub(crate) struct Resolver<T> {
    pub(crate) lens: Lens<T>,
    pub(crate) strategy: Strategy<T>,
    pub(crate) handler: Option<Arc<dyn RefusalHandler<T>>>,
    pub(crate) target: Arc<Target>,
    pub(crate) id: Option<String>,
    /// The number of earlier conditional writes under other ids.
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
        let shown = remote.as_ref().filter(|_| !refused.is_creation);
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
    /// Returns the edited document, and which of several edits failed. Each edit runs on the document that the edits
    /// before it made, as if that had been stored and read. An edit that fails among several is left out, and has no
    /// effect on the document.
    fn edited(&self, raw: &Document) -> Result<(Document, Vec<bool>), NotEdited> {
        let lens = &self.resolver.lens;
        let run = |edit, raw: &Document| edited(lens, raw, |value| made(edit, value));
        if let [edit] = &self.edits[..] {
            return Ok((run(edit, raw)?, vec![false]));
        }
        let (mut good, mut failed) = (raw.clone(), Vec::with_capacity(self.edits.len()));
        for edit in &self.edits {
            let edited = match run(edit, &good) {
                Err(error @ NotEdited::Misfit(_)) => return Err(error),
                edited => edited.ok(),
            };
            failed.push(edited.is_none());
            good = edited.unwrap_or(good);
        }
        if failed.iter().all(|failed| *failed) {
            return Err(BoxError::from("all edits failed").into());
        }
        Ok((good, failed))
    }

    /// Runs the edits on a document, or returns the document to create if there is none.
    fn run_on(&self, base: Option<&Document>) -> Result<(Document, Vec<bool>), NotEdited> {
        match (base, &self.if_absent) {
            (Some(base), _) if self.edits.is_empty() => Ok((base.clone(), Vec::new())),
            (Some(base), _) => self.edited(base),
            // The edit does not run on a new document.
            (None, Some(initial)) => Ok((initial.clone(), Vec::new())),
            (None, None) => Err(BoxError::from("there is nothing to edit").into()),
        }
    }
}

/// Runs an edit on a document.
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

/// Runs an edit on a document, apart from a write.
pub(crate) fn edit_once<T: ResourceData>(
    lens: &Lens<T>,
    raw: &Document,
    edit: &Edit<T>,
) -> Result<Document, Error> {
    let run = || edited(lens, raw, |value| made(edit, value));
    let edited = panics::catch(panics::VALUE, run);
    edited
        .unwrap_or_else(|panicked| Err(NotEdited::Failed(panicked.into())))
        .map_err(|error| match error {
            NotEdited::Misfit(error) => Error::decode("the document cannot be edited", error),
            NotEdited::Failed(error) => {
                Error::new(ErrorKind::Edit, "the edit failed").with_failed_part(error)
            }
            NotEdited::Unfaithful(error, _) => Error::unfaithful(error),
        })
}

/// Whether repeating an edit on this document is harmless, whether or not the document already contains it.
///
/// An edit that fails on the document is not repeatable, because it may fail due to its earlier run.
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

/// Runs one edit. A panic, such as a failed assertion in the edit, becomes an error that holds all sides.
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
        self.edit_reruns && !self.edits.is_empty()
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
            // The handler is called for the refused edit, once each edit is tried alone.
            return HandlerReply::GiveUp;
        }
        self.resolver
            .answer(refused)
            .await
            .unwrap_or_else(HandlerReply::Failed)
    }
}

/// Creates the conflict that is passed to the strategy.
pub(super) fn conflict<T: ResourceData>(
    sides: &ConflictDocuments,
) -> Result<Conflict<T>, JsonError> {
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

/// Whether one of several edits may have caused a refusal. Other refusals concern the resource or the caller.
pub(super) fn may_refuse_one(problem: &Problem) -> bool {
    let status = problem.status().as_u16();
    matches!(status, 200..300 | 400 | 403 | 409 | 412 | 413 | 422)
}
