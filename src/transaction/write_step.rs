//! Steps that write: edits, values that were read, creations and removals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use url::Url;

use super::hooks::{BuiltOn, Change};
use super::machine::{Made, TakenBack};
use super::step::{Back, Risk, Step, Tried};
use crate::json::Document;
use crate::lease::LeaseBinding;
use crate::operations::typed_edit::{Edit, edit_once};
use crate::operations::write_call::{Write, concluded, told};
use crate::operations::write_settings::WriteSettings;
use crate::operations::{Handle, ResourceData, read};
use crate::store::StoredSnapshot;
use crate::support::ids;
use crate::value::{Error, ErrorKind};
use crate::write::edit_hooks::EditHooks;
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;

/// A step that writes one resource.
pub(super) struct WriteStep<T> {
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
pub(super) enum Input<T> {
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

/// What a step has changed.
struct Done {
    /// The state that was replaced or removed.
    before: Option<Document>,
    /// What was written.
    after: Option<Document>,
    /// The state that was stored, with its version.
    stored: Option<StoredSnapshot>,
}

impl<T: ResourceData> WriteStep<T> {
    pub(super) fn new(
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
            OutcomeKind::Unchanged => Made::Unchanged,
            OutcomeKind::Unknown | OutcomeKind::Accepted => Made::Unknown,
            _ => Made::NotApplied,
        };
        let state = done.state;
        match made {
            Made::Applied => {
                self.done = Some(Done {
                    before: state.base.map(|base| base.document),
                    after: state.local,
                    stored: done.stored,
                });
            }
            Made::Unknown => {
                self.open = Some(Open {
                    base: state.base,
                    local: state.local,
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

    /// Builds the write that takes the step back, or returns what there is to tell instead.
    async fn taking_back(&mut self, time: Duration) -> Result<Option<Box<Write<T>>>, Error> {
        let Some(done) = self.done.take() else {
            return Ok(None);
        };
        let mut hooks = None;
        let write = match (&self.input, done) {
            (Input::Create(_), done) => {
                let mut write = self.begin(Goal::Delete, time).await?;
                write.base = done.stored;
                hooks = Some(Change::Remove);
                write
            }
            (Input::Delete(_), done) => {
                let mut write = self.begin(Goal::Create, time).await?;
                write.local = done.before;
                write
            }
            (
                Input::Edit(_) | Input::Save(..),
                Done {
                    before: Some(before),
                    after: Some(after),
                    stored,
                },
            ) => {
                let mut write = self.begin(Goal::Replace, time).await?;
                write.base = stored;
                write.base_is_cached = write.base.is_none();
                write.edit_reruns = true;
                let policy = self.handle.policy.clone();
                hooks = Some(Change::TakeBack {
                    before,
                    after,
                    policy,
                });
                write
            }
            (Input::Edit(_) | Input::Save(..), _) => return Ok(None),
        };
        let mut write = write;
        write.hooks = hooks.map(|hooks| Box::new(hooks) as Box<dyn EditHooks>);
        Ok(Some(write))
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

    fn hold(&mut self, lease: LeaseBinding) {
        // A handle that writes under a lease of its own keeps it.
        self.handle.lease.get_or_insert(lease);
    }

    async fn prepare(&mut self, time: Duration) -> Result<(), Error> {
        let Input::Edit(edit) = &self.input else {
            return Ok(());
        };
        let edit = shared(edit);
        let context = self.handle.call_context(Some(time)).await?;
        let lens = &self.handle.lens;
        if let Some(cached) = context.cached().await
            && edit_once(lens, &cached.document, &edit).is_ok()
        {
            return Ok(());
        }
        let current = read::read_in(&context).await?;
        edit_once(lens, &current.document, &edit).map(drop)
    }

    async fn run(&mut self, time: Duration) -> Result<Tried, Error> {
        let open = self.open.take();
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
        write.base = open.base;
        write.resumed = Some(open.lost);
        write.hooks = Some(Box::new(Change::Touch));
        let (done, error) = self.carry_out(write).await?;
        let requests = done.session.stats.requests;
        let made = match done.kind {
            // The touch was stored, so the step can no longer be.
            OutcomeKind::Stored | OutcomeKind::Unchanged => Made::NotApplied,
            // What was found is the step itself.
            OutcomeKind::Settled => {
                let tried = self.tried(done, error);
                return Ok(tried);
            }
            _ => Made::Unknown,
        };
        Ok(Tried {
            made,
            requests,
            error,
        })
    }

    async fn undo(&mut self, time: Duration) -> Result<Back, Error> {
        let Some(write) = self.taking_back(time).await? else {
            return Ok(Back {
                result: TakenBack::Stands,
                requests: 0,
                error: None,
            });
        };
        let (done, error) = self.carry_out(write).await?;
        let taken_back = match done.kind {
            OutcomeKind::Stored | OutcomeKind::Settled | OutcomeKind::Unchanged => {
                TakenBack::Undone
            }
            // What was created, or what was changed, is no longer there.
            OutcomeKind::NotFound | OutcomeKind::Gone
                if !matches!(self.input, Input::Delete(_)) =>
            {
                TakenBack::Undone
            }
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
