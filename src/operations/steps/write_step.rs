//! Steps that write: edits, values that were read, creations and removals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use http::HeaderMap;
use ifmatch_merge::internal::impartial;
use url::Url;

use super::hooks::{BuiltOn, Change};
use crate::json::Document;
use crate::lease::{Lease, LeaseBinding};
use crate::merge::ThreeWay;
use crate::operations::typed_edit::{Edit, edit_once};
use crate::operations::write_call::{Write, concluded, told};
use crate::operations::write_settings::WriteSettings;
use crate::operations::{Handle, ResourceData, read};
use crate::store::StoredSnapshot;
use crate::support::ids;
use crate::transaction::{Back, Made, Risk, Step, TakenBack, Tried};
use crate::value::{Error, ErrorKind};
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;
use crate::write::recovery::stamp;

/// A step that writes one resource.
pub(crate) struct WriteStep<T> {
    handle: Handle<T>,
    input: Input<T>,
    operation: &'static str,
    risk: Risk,
    /// The stamp of its write.
    write_id: String,
    has_run: bool,
    /// What the last run left open.
    open: Option<Open>,
    /// What it has changed, once it was applied.
    done: Option<Done>,
}

/// What a step writes.
pub(crate) enum Input<T> {
    Edit(Arc<Mutex<Edit<T>>>),
    /// A document that was made on a version.
    Save(StoredSnapshot, Document),
    Create(Document),
    /// The version that was seen, or the current one.
    Delete(Option<StoredSnapshot>),
}

/// What a run has left open.
#[derive(Clone)]
struct Open {
    base: Option<StoredSnapshot>,
    local: Option<Document>,
    lost: Arc<[LostWrite]>,
}

/// What a step has changed, by which it is taken back.
enum Done {
    /// It created a resource, at this address if it is not the one that was asked for.
    Created(StoredSnapshot, Option<Url>),
    Changed {
        before: Document,
        after: Document,
        stored: Option<StoredSnapshot>,
    },
    /// It removed this state, as the server has said itself.
    Removed(Document),
    /// It was applied, and it cannot be told what exactly is its own.
    Unclear(&'static str),
}

impl<T: ResourceData> WriteStep<T> {
    pub(crate) fn new(
        handle: Handle<T>,
        input: Input<T>,
        operation: &'static str,
        risk: Risk,
    ) -> Self {
        Self {
            handle,
            input,
            operation,
            risk,
            write_id: ids::uuid(),
            has_run: false,
            open: None,
            done: None,
        }
    }

    fn goal(&self) -> Goal {
        match self.input {
            Input::Edit(_) | Input::Save(..) => Goal::Replace,
            Input::Create(_) => Goal::Create,
            Input::Delete(_) => Goal::Delete,
        }
    }

    /// Begins a write that takes its turn, and is not sent together with others.
    async fn begin(&self, goal: Goal, time: Duration) -> Result<Box<Write<T>>, Error> {
        let settings = WriteSettings {
            timeout: Some(time),
            ..WriteSettings::default()
        };
        Write::begin(self.handle.clone(), settings, goal).await
    }

    /// Carries out a write of the step.
    async fn carry_out(
        &self,
        write: Box<Write<T>>,
    ) -> Result<(WriteOutcome, Option<Error>), Error> {
        let (target, id) = (write.context.target.clone(), self.handle.id.clone());
        let (done, report) = write.carry_out().await?;
        told(&target, &done, &report);
        let failed = !done.succeeded();
        let error = failed.then(|| concluded::<T>(target, id, done.clone(), report));
        Ok((*done, error.and_then(Result::err)))
    }

    /// Takes the outcome of a run.
    fn tried(&mut self, done: WriteOutcome, error: Option<Error>) -> Tried {
        let requests = done.session.stats.requests;
        let made = match done.kind {
            OutcomeKind::Stored | OutcomeKind::Settled => Made::Applied,
            OutcomeKind::Unchanged if self.has_kept_remote(&done) => {
                let why = "the strategy keeps what others have written";
                let error = Error::new(ErrorKind::Conflict, why);
                return Tried {
                    made: Made::NotApplied,
                    requests,
                    error: Some(error),
                };
            }
            OutcomeKind::Unchanged => Made::Unchanged,
            OutcomeKind::Unknown | OutcomeKind::Accepted => Made::Unknown,
            _ => Made::NotApplied,
        };
        match made {
            Made::Applied => self.done = Some(Done::of(&done)),
            Made::Unknown => {
                self.open = Some(Open {
                    base: done.state.base,
                    local: done.state.local,
                    lost: done.lost,
                });
            }
            Made::Unchanged | Made::NotApplied => {}
        }
        Tried {
            made,
            requests,
            error,
        }
    }

    /// Returns the members of documents that are not part of a change.
    fn kept(&self) -> Vec<String> {
        let lease = self.handle.lease.iter().flat_map(LeaseBinding::places);
        self.handle.stamp.iter().cloned().chain(lease).collect()
    }

    /// Whether nothing was written because a strategy decided so, although there was something to write.
    fn has_kept_remote(&self, done: &WriteOutcome) -> bool {
        let remote = done.state.remote.snapshot().map(|remote| &remote.document);
        match (&self.input, &done.state.local, remote) {
            (Input::Delete(_), ..) => true,
            (Input::Save(base, local), _, Some(remote)) => {
                let merge = ThreeWay::new(impartial(&self.handle.policy));
                let merged = merge.merge_documents(Some(&base.document), local, remote);
                !merged.conflicts.is_empty() || merged.document != *remote
            }
            _ => false,
        }
    }

    /// Builds the write that takes the step back, or returns why it cannot be taken back.
    async fn taking_back(&mut self, time: Duration) -> Result<Box<Write<T>>, Error> {
        let unclear = |why| Error::new(ErrorKind::Conflict, why);
        match self.done.take() {
            Some(Done::Created(stored, elsewhere)) => {
                if let Some(elsewhere) = elsewhere {
                    self.handle = self.handle.at(elsewhere, None)?;
                }
                let mut write = self.begin(Goal::Delete, time).await?;
                let is_pinned = stored.validator.is_some();
                write.base = Some(stored);
                write.hooks = Some(Box::new(Change::Remove { is_pinned }));
                Ok(write)
            }
            Some(Done::Changed {
                before,
                after,
                stored,
            }) => {
                let mut write = self.begin(Goal::Replace, time).await?;
                let shown = stored.as_ref().map(|stored| stored.document.clone());
                write.base = stored;
                write.base_is_cached = write.base.is_none();
                write.edit_reruns = true;
                write.hooks = Some(Box::new(Change::TakeBack {
                    before,
                    after,
                    stored: shown,
                    policy: Box::new(impartial(&self.handle.policy)),
                    kept: self.kept(),
                }));
                Ok(write)
            }
            Some(Done::Removed(before)) => {
                let mut write = self.begin(Goal::Create, time).await?;
                write.local = Some(before);
                Ok(write)
            }
            Some(Done::Unclear(why)) => Err(unclear(why)),
            None => Err(unclear("it is not known what was written")),
        }
    }
}

impl Done {
    fn of(done: &WriteOutcome) -> Self {
        let is_certain = done.kind == OutcomeKind::Stored;
        let base = done.state.base_document().cloned();
        if done.goal == Goal::Delete || done.stored.is_none() {
            return match base {
                Some(before) if is_certain => Self::Removed(before),
                // Another client may have removed it.
                _ => Self::Unclear("it is not known who has removed the resource"),
            };
        }
        let (before, after) = match &done.lost[..] {
            _ if is_certain => (base, done.state.local.clone()),
            [lost] => (lost.base.clone(), Some(lost.sent.clone())),
            [] => (base, done.state.local.clone()),
            // Each of them may be the one that was applied.
            _ => return Self::Unclear("it is not known which of several requests was applied"),
        };
        let stored = done.stored.clone();
        match (before, after) {
            (None, Some(after)) => {
                // What was found may contain changes of others already.
                let own = || StoredSnapshot::new(after.clone(), None, HeaderMap::new());
                let stored = stored.filter(|_| is_certain).unwrap_or_else(own);
                let elsewhere = done.diagnosis.location.clone();
                let own = StoredSnapshot {
                    validator: stored.validator.clone().filter(|_| elsewhere.is_none()),
                    ..stored
                };
                Self::Created(own, elsewhere)
            }
            (Some(before), Some(after)) => Self::Changed {
                before,
                after,
                stored: stored.filter(|_| is_certain),
            },
            (_, None) => Self::Unclear("it is not known what was written"),
        }
    }
}

/// Runs an edit that several runs share.
fn shared<T: ResourceData>(edit: &Arc<Mutex<Edit<T>>>) -> Edit<T> {
    let edit = edit.clone();
    Box::new(move |value| {
        // An edit that panicked may run again too, so a poisoned lock is ignored.
        let edit = edit.lock().unwrap_or_else(PoisonError::into_inner);
        edit(value)
    })
}

#[async_trait]
impl<T: ResourceData> Step for WriteStep<T> {
    fn url(&self) -> Result<Url, Error> {
        Ok(self.handle.target()?.url)
    }

    fn operation(&self) -> &'static str {
        self.operation
    }

    fn risk(&self) -> Risk {
        self.risk
    }

    fn has_lease(&self) -> bool {
        self.handle
            .lease
            .as_ref()
            .is_some_and(LeaseBinding::has_lease)
    }

    fn hold(&mut self, lease: &Lease) {
        let before = self.handle.lease.take();
        self.handle.lease = Some(LeaseBinding::new(lease, before));
    }

    async fn prepare(&mut self, time: Duration) -> Result<u32, Error> {
        let Input::Edit(edit) = &self.input else {
            return Ok(0);
        };
        let edit = shared(edit);
        let context = self.handle.call_context(Some(time)).await?;
        let lens = &self.handle.lens;
        if let Some(cached) = context.cached().await
            && edit_once(lens, &cached.document, &edit).is_ok()
        {
            return Ok(0);
        }
        let current = read::read_in(&context).await?;
        edit_once(lens, &current.document, &edit).map(|_| 1)
    }

    async fn run(&mut self, time: Duration) -> Result<Tried, Error> {
        // If the run cannot begin, it stays open for the fence.
        let open = self.open.clone();
        if self.has_run && open.is_none() {
            // The last run was stopped, and nothing is known of its requests.
            return Ok(Tried::unknown());
        }
        self.has_run = true;
        let mut write = self.begin(self.goal(), time).await?;
        write.stamp_id = Some(self.write_id.clone());
        match &self.input {
            Input::Edit(edit) => {
                write.edits = vec![shared(edit)];
                write.edit_reruns = true;
                write.base_is_cached = open.is_none();
            }
            Input::Save(base, local) => {
                (write.base, write.local) = (Some(base.clone()), Some(local.clone()));
            }
            Input::Create(document) => write.local = Some(document.clone()),
            Input::Delete(seen) => write.base.clone_from(seen),
        }
        if let Some(open) = open {
            write.resumed = Some(open.lost);
            if self.goal() != Goal::Create {
                write.base = open.base;
            }
            if matches!(self.input, Input::Save(..)) {
                write.local = open.local;
            }
        }
        let (done, error) = self.carry_out(write).await?;
        Ok(self.tried(done, error))
    }

    async fn fence(&mut self, time: Duration) -> Result<Tried, Error> {
        // A creation and a removal have no version that could be moved.
        let Some(open) = self.open.clone().filter(|_| self.goal() == Goal::Replace) else {
            return Ok(Tried::unknown());
        };
        let mut write = self.begin(Goal::Replace, time).await?;
        write.base.clone_from(&open.base);
        write.resumed = Some(open.lost.clone());
        write.edit_reruns = true;
        write.hooks = Some(Box::new(Change::Touch));
        let (stamp, touch_id) = (write.context.target.stamp.clone(), ids::uuid());
        write.stamp_id = Some(touch_id.clone());
        let (done, error) = self.carry_out(write).await?;
        let requests = done.session.stats.requests;
        let version = |of: Option<&StoredSnapshot>| of.and_then(|it| it.validator.clone());
        let found = done.stored.as_ref().or(done.state.remote.snapshot());
        let made = match done.kind {
            // Only a version that has moved refuses what is still on its way.
            OutcomeKind::Stored => match (version(done.state.base.as_ref()), version(found)) {
                (Some(before), Some(after)) if before != after => Made::NotApplied,
                // The stamp has changed the document, and the server does not tell its version.
                (Some(_), None) if stamp.is_some() => Made::NotApplied,
                _ => Made::Unknown,
            },
            // It is the step itself that was found, or the touch, whose own response was lost.
            OutcomeKind::Settled => match (&stamp, found) {
                (Some(at), Some(found)) => {
                    let holds = |id: &str| stamp::holds(at, id, &found.document);
                    if holds(&self.write_id) {
                        Made::Applied
                    } else if holds(&touch_id) {
                        Made::NotApplied
                    } else {
                        Made::Unknown
                    }
                }
                _ => Made::Unknown,
            },
            _ => Made::Unknown,
        };
        if made == Made::Applied {
            self.done = Some(match (&open.lost[..], open.base, open.local) {
                ([lost], ..) if lost.base.is_some() => Done::Changed {
                    before: lost.base.clone().unwrap_or_else(|| lost.sent.clone()),
                    after: lost.sent.clone(),
                    stored: None,
                },
                ([], Some(base), Some(after)) => Done::Changed {
                    before: base.document,
                    after,
                    stored: None,
                },
                _ => Done::Unclear("it is not known which of several requests was applied"),
            });
        }
        Ok(Tried {
            made,
            requests,
            error: error.filter(|_| made == Made::Unknown),
        })
    }

    async fn undo(&mut self, time: Duration) -> Result<Back, Error> {
        let is_removal = matches!(self.done, Some(Done::Removed(_)));
        let write = match self.taking_back(time).await {
            Ok(write) => write,
            // Nothing was sent, so it stands.
            Err(error) => {
                return Ok(Back {
                    result: TakenBack::Stands,
                    requests: 0,
                    error: Some(error),
                });
            }
        };
        let (done, error) = self.carry_out(write).await?;
        let taken_back = match done.kind {
            OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged => {
                TakenBack::Undone
            }
            // What was created, or what was changed, is no longer there.
            OutcomeKind::NotFound | OutcomeKind::Gone if !is_removal => TakenBack::Undone,
            OutcomeKind::Unknown | OutcomeKind::Accepted => TakenBack::Unknown,
            _ => TakenBack::Stands,
        };
        // The undo failed because others have built on the change, which is a conflict.
        let error = error.map(|error| match error.edit_error::<BuiltOn>() {
            Some(_) => error.with_kind(ErrorKind::Conflict),
            None => error,
        });
        Ok(Back {
            result: taken_back,
            requests: done.session.stats.requests,
            error,
        })
    }
}
