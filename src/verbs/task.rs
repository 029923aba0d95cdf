//! The typed side of one write: runs edits, asks strategies and handlers, and keeps the fields that
//! the type does not know.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::batch::may_refuse_one;
use crate::BoxError;
use crate::document::Versioned;
use crate::handle::Resourceful;
use crate::handler::{Answer, Refusal, RefusalHandler};
use crate::json::{Document, JsonError};
use crate::merge::{Policy, transplant};
use crate::panics;
use crate::refusal::RefusalKind;
use crate::strategy::{Conflict, Documents, Resolution, Strategy};
use crate::write::measure::Run;
use crate::write::target::Target;
use crate::write::task::{Clash, Decided, NotEdited, RefusedWrite, Reply, Task};

pub(crate) type Edit<T> = Box<dyn Fn(&mut T) -> Result<(), BoxError> + Send>;

/// The typed side of a write of a `T`.
pub(crate) struct TypedTask<T> {
    pub(crate) judgement: Judgement<T>,
    /// The edits, to be made one after the other; without any, the document is given.
    pub(crate) edits: Vec<Edit<T>>,
    /// Which of several edits failed when they were last made, and were left out.
    pub(crate) failed: Vec<bool>,
    /// What is created where there is nothing to edit.
    pub(crate) if_absent: Option<Document>,
    /// After a race the edits run again; otherwise the strategy merges.
    pub(crate) rerun: bool,
}

/// Who decides, and by which policy documents are compared.
pub(crate) struct Judgement<T> {
    pub(crate) policy: Arc<Policy>,
    pub(crate) strategy: Strategy<T>,
    pub(crate) handler: Option<Arc<dyn RefusalHandler<T>>>,
    pub(crate) target: Arc<Target>,
    pub(crate) id: Option<String>,
    /// Conditional writes under other ids, which went before.
    pub(crate) attempts: u32,
}

impl<T: Resourceful> Judgement<T> {
    /// Carries a typed value over into a document with more fields than the type knows.
    fn onto(&self, raw: Option<&Document>, value: &T) -> Result<Document, BoxError> {
        let after = Document::encode(value)?;
        let Some(raw) = raw else {
            return Ok(after);
        };
        let before = raw.encode_again(&raw.decode::<T>()?)?;
        Ok(transplant(raw, &before, &after, &self.policy))
    }

    async fn decide(&self, clash: Clash) -> Result<Decided, BoxError> {
        let conflict: Conflict<T> = conflict(&clash)?;
        let resolution =
            panics::catch_in("the merge strategy", self.strategy.resolve(&conflict)).await??;
        Ok(match resolution {
            Resolution::Merged(value) => {
                let raw = clash.remote.as_ref().or(clash.local.as_ref());
                Decided::Write(Some(self.onto(raw, &value)?))
            }
            Resolution::KeepLocal => match (&conflict.local, clash.local) {
                (Some(local), Some(document)) => {
                    let kept = match &clash.remote {
                        Some(remote) => self.onto(Some(remote), local)?,
                        None => document,
                    };
                    Decided::Write(Some(kept))
                }
                _ => Decided::Write(None),
            },
            Resolution::KeepRemote => Decided::Remote,
            Resolution::Delete => Decided::Write(None),
            Resolution::Unresolved { fields, .. } => Decided::Open(fields),
        })
    }

    async fn answer(&self, refused: RefusedWrite) -> Result<Reply, BoxError> {
        let Some(handler) = &self.handler else {
            return Ok(Reply::GiveUp);
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
            Answer::GiveUp => Reply::GiveUp,
            Answer::Again => Reply::Again,
            Answer::Change(value) => {
                Reply::Change(self.onto(raw.as_ref().or(refused.local.as_ref()), &value)?)
            }
            Answer::Rename(id) => Reply::Rename(id),
            Answer::Adopt => Reply::Adopt,
            Answer::Wait(time) => Reply::Wait(time),
        })
    }
}

impl<T: Resourceful> TypedTask<T> {
    /// Makes the edits, and tells which of several failed. One that fails among several is left out, and may
    /// leave nothing behind.
    fn edited(&self, mut value: T) -> Result<(T, Vec<bool>), BoxError> {
        if let [edit] = &*self.edits {
            made(edit, &mut value)?;
            return Ok((value, vec![false]));
        }
        let untouched = Document::encode(&value)?;
        let mut failed = vec![false; self.edits.len()];
        if self.edits.iter().all(|edit| made(edit, &mut value).is_ok()) {
            return Ok((value, failed));
        }
        // Once more, with a state to fall back to before each.
        let mut good = untouched;
        for (edit, failed) in self.edits.iter().zip(&mut failed) {
            let mut value: T = good.decode()?;
            *failed = made(edit, &mut value).is_err();
            if !*failed {
                good = Document::encode(&value)?;
            }
        }
        if failed.iter().all(|failed| *failed) {
            return Err("none of the edits could be made".into());
        }
        Ok((good.decode()?, failed))
    }

    /// What the edits make of a document, and which of them failed.
    fn run_on(&self, base: Option<&Document>) -> Result<(Document, Vec<bool>), NotEdited> {
        let (raw, absent) = match (base, self.if_absent.clone()) {
            (Some(base), _) => (base.clone(), false),
            (None, Some(initial)) => (initial, true),
            (None, None) => return Err(BoxError::from("there is nothing to edit").into()),
        };
        if self.edits.is_empty() {
            return Ok((raw, Vec::new()));
        }
        let value: T = raw.decode().map_err(NotEdited::Misfit)?;
        let before = raw.encode_again(&value).map_err(BoxError::from)?;
        let (after, failed) = if absent {
            (value, Vec::new())
        } else {
            self.edited(value)?
        };
        let after = before.encode_again(&after).map_err(BoxError::from)?;
        Ok((
            transplant(&raw, &before, &after, &self.judgement.policy),
            failed,
        ))
    }
}

/// Makes one edit. It may be the user's assertion; its panic is told with all sides like an error.
fn made<T>(edit: &Edit<T>, value: &mut T) -> Result<(), BoxError> {
    panics::catch("the edit", || edit(value)).unwrap_or_else(|panicked| Err(panicked.into()))
}

#[async_trait]
impl<T: Resourceful> Task for TypedTask<T> {
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
        !self.judgement.strategy.is_state_like()
    }

    fn time(&self) -> Option<Duration> {
        self.judgement.strategy.time()
    }

    async fn resolve(&mut self, clash: Clash) -> Decided {
        self.judgement
            .decide(clash)
            .await
            .unwrap_or_else(Decided::Failed)
    }

    async fn refused(&mut self, refused: RefusedWrite) -> Reply {
        let locked = refused.kind == RefusalKind::Locked;
        if self.edits.len() > 1 && !locked && may_refuse_one(&refused.problem) {
            // A handler is asked about that one, when each is tried alone.
            return Reply::GiveUp;
        }
        self.judgement
            .answer(refused)
            .await
            .unwrap_or_else(Reply::Failed)
    }
}

/// The clash as the strategy is shown it.
fn conflict<T: Resourceful>(clash: &Clash) -> Result<Conflict<T>, JsonError> {
    let typed = |side: &Option<Document>| side.as_ref().map(Document::decode).transpose();
    let mut conflict = Conflict::new(
        typed(&clash.base)?,
        typed(&clash.local)?,
        typed(&clash.remote)?,
    );
    conflict.problem.clone_from(&clash.problem);
    conflict.round = clash.round;
    conflict.may_have_landed = clash.may_have_landed;
    conflict.fields.clone_from(&clash.doubtful);
    conflict.doubtful.clone_from(&clash.doubtful);
    conflict.documents = Some(Documents {
        base: clash.base.clone(),
        local: clash.local.clone(),
        remote: clash.remote.clone(),
    });
    Ok(conflict)
}
