//! Steps that write: edits, values that were read, creations and removals.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use ifmatch_merge::internal::impartial;
use url::Url;

use super::done::Done;
use super::record::{MadeBy, StepRecord};
use crate::journal::{GroupStep, Intent, IntentGoal, LeftOpen, MarkDocuments, StepEnd, Stepped};
use crate::json::Document;
use crate::lease::{Lease, LeaseBinding};
use crate::merge::ThreeWay;
use crate::operations::outbox::temporary::may_pass;
use crate::operations::typed_edit::{Edit, edit_once};
use crate::operations::write_call::{Write, concluded, told};
use crate::operations::write_settings::WriteSettings;
use crate::operations::{Handle, ResourceData, read};
use crate::store::StoredSnapshot;
use crate::support::ids;
use crate::value::{Error, ErrorKind};
use crate::write::in_flight::LostWrite;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;
use crate::write::request::carrier::Carrier;
use crate::write::step::{Back, Made, Risk, Step, Tried};

/// A step that writes one resource.
pub(crate) struct WriteStep<T> {
    pub(super) handle: Handle<T>,
    /// The binding of the handle itself, below a lease of the transaction.
    own_lease: Option<LeaseBinding>,
    pub(super) input: Input<T>,
    operation: &'static str,
    risk: Risk,
    /// The stamp of its write.
    pub(super) write_id: String,
    has_run: bool,
    /// What the last run left open, unless the journal keeps it.
    open: Option<Open>,
    /// What it has changed, once it was applied.
    pub(super) done: Option<Done>,
    /// The state that the edit was prepared on, and what it made of it.
    prepared: Option<(StoredSnapshot, Document)>,
    /// The state that was met when it was taken back.
    pub(super) met: Option<StoredSnapshot>,
    /// Its marks in the journal.
    pub(super) record: Option<StepRecord>,
    /// Takes the requests of its runs to the server.
    carrier: Option<Arc<dyn Carrier>>,
}

/// What a step writes.
pub(crate) enum Input<T> {
    Edit(Arc<Mutex<Edit<T>>>),
    /// A document that was made on a version.
    Save(StoredSnapshot, Document),
    Create(Document),
    /// The version that was seen, or the current one.
    Delete(Option<StoredSnapshot>),
    /// A document for a collection.
    Post(Document),
}

/// What a run has left open.
#[derive(Clone)]
pub(super) struct Open {
    pub(super) base: Option<StoredSnapshot>,
    pub(super) local: Option<Document>,
    pub(super) lost: Arc<[LostWrite]>,
}

impl<T: ResourceData> WriteStep<T> {
    pub(crate) fn new(
        handle: Handle<T>,
        input: Input<T>,
        operation: &'static str,
        risk: Risk,
    ) -> Self {
        Self {
            own_lease: handle.lease.clone(),
            handle,
            input,
            operation,
            risk,
            write_id: ids::uuid(),
            has_run: false,
            open: None,
            done: None,
            prepared: None,
            met: None,
            record: None,
            carrier: None,
        }
    }

    /// Creates the step of an earlier process, which has recorded it.
    pub(super) fn resumed(
        handle: Handle<T>,
        input: Input<T>,
        record: StepRecord,
        done: Option<Done>,
    ) -> Self {
        let operation = match &input {
            Input::Edit(_) | Input::Save(..) => "save",
            Input::Create(_) => "create",
            Input::Delete(_) => "delete",
            Input::Post(_) => "post",
        };
        Self {
            write_id: record.write_id(),
            done,
            record: Some(record),
            ..Self::new(handle, input, operation, Risk::Seldom)
        }
    }

    pub(super) fn goal(&self) -> Goal {
        match self.input {
            Input::Edit(_) | Input::Save(..) => Goal::Replace,
            Input::Create(_) => Goal::Create,
            Input::Delete(_) => Goal::Delete,
            Input::Post(_) => Goal::Append,
        }
    }

    /// Begins a write that takes its turn, and is not sent together with others.
    pub(super) async fn begin(&self, goal: Goal, time: Duration) -> Result<Box<Write<T>>, Error> {
        let settings = WriteSettings {
            timeout: Some(time),
            ..WriteSettings::default()
        };
        Write::begin(self.handle.clone(), settings, goal).await
    }

    /// Carries out a write of the step. Also returns whether its failure may pass by itself.
    pub(super) async fn carry_out(
        &self,
        write: Box<Write<T>>,
    ) -> Result<(WriteOutcome, Option<Error>, bool), Error> {
        let (target, id) = (write.context.target.clone(), self.handle.id.clone());
        let (done, report) = write.carry_out().await?;
        told(&target, &done, &report);
        let failed = !done.succeeded();
        let error = failed.then(|| concluded::<T>(target, id, done.clone(), report));
        let error = error.and_then(Result::err);
        let passes = error.as_ref().is_some_and(|error| may_pass(&done, error));
        Ok((*done, error, passes))
    }

    /// Takes the outcome of a run.
    fn tried(&mut self, done: WriteOutcome, error: Option<Error>, may_pass: bool) -> Tried {
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
                    may_pass: false,
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
            // Nothing is left of the run, so the step may run again.
            Made::Unchanged | Made::NotApplied => (self.has_run, self.open) = (false, None),
        }
        Tried {
            made,
            requests,
            error,
            may_pass,
        }
    }

    /// Returns what an earlier run has left open.
    pub(super) async fn left_open(&self) -> Result<Option<Open>, Error> {
        match &self.record {
            Some(record) => record.left_open(&self.handle).await,
            None => Ok(self.open.clone()),
        }
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

    fn writes(&self) -> bool {
        true
    }

    fn carried_by(&mut self, carrier: Option<Arc<dyn Carrier>>) {
        self.carrier = carrier;
    }

    fn hold(&mut self, lease: &Lease) {
        self.own_lease = self.handle.lease.take();
        self.handle.lease = Some(LeaseBinding::new(lease, self.own_lease.clone()));
    }

    async fn prepare(&mut self, time: Duration) -> Result<u32, Error> {
        let Input::Edit(edit) = &self.input else {
            return Ok(0);
        };
        let edit = shared(edit);
        let context = self.handle.call_context(Some(time)).await?;
        let lens = &self.handle.lens;
        if let Some(cached) = context.cached().await
            && let Ok(edited) = edit_once(lens, &cached.document, &edit)
        {
            self.prepared = Some((cached, edited));
            return Ok(0);
        }
        let current = read::read_in(&context).await?;
        let edited = edit_once(lens, &current.document, &edit)?;
        self.prepared = Some((current, edited));
        Ok(1)
    }

    async fn run(&mut self, time: Duration) -> Result<Tried, Error> {
        // If the run cannot begin, it stays open for the fence.
        let open = self.left_open().await?;
        if self.has_run && open.is_none() && self.record.is_none() {
            // The last run was stopped, and nothing is known of its requests.
            return Ok(Tried::unknown());
        }
        self.has_run = true;
        let mut write = self.begin(self.goal(), time).await?;
        write.stamp_id = Some(self.write_id.clone());
        if let Some(record) = &self.record {
            record.goes_into(&mut write, &self.handle).await?;
            write.is_edit = record.is_edit();
        }
        if self.carrier.is_some() {
            let target = Arc::make_mut(&mut write.context.target);
            target.carrier.clone_from(&self.carrier);
        }
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
            Input::Post(document) => {
                write.local = Some(document.clone());
                write.idempotency_key = Some(self.write_id.clone());
            }
            Input::Delete(seen) => write.base.clone_from(seen),
        }
        if let Some(open) = open {
            if self.record.is_none() {
                write.resumed = Some(open.lost);
            }
            if !matches!(self.goal(), Goal::Create | Goal::Append) {
                write.base = open.base;
            }
            if matches!(self.input, Input::Save(..)) {
                write.local = open.local;
            }
        }
        let (done, error, may_pass) = self.carry_out(write).await?;
        Ok(self.tried(done, error, may_pass))
    }

    async fn fence(&mut self, time: Duration) -> Result<Tried, Error> {
        self.fenced(time).await
    }

    async fn undo(&mut self, time: Duration) -> Result<Back, Error> {
        self.taken_back(time).await
    }

    async fn recorded(&mut self, of: GroupStep) -> Result<(Box<Intent>, MarkDocuments), Error> {
        let (base, local) = match (&self.input, self.prepared.take()) {
            (Input::Edit(_), prepared) => {
                prepared.map_or((None, None), |(base, local)| (Some(base), Some(local)))
            }
            (Input::Save(base, local), _) => (Some(base.clone()), Some(local.clone())),
            (Input::Create(local) | Input::Post(local), _) => (None, Some(local.clone())),
            (Input::Delete(seen), _) => (seen.clone(), None),
        };
        let goal = match self.goal() {
            Goal::Create => IntentGoal::Create,
            Goal::Delete => IntentGoal::Delete,
            Goal::Append => IntentGoal::Append,
            _ => IntentGoal::Replace,
        };
        // What the edit has allowed holds for the state that it has seen, and a later process cannot ask it again.
        let made = match (&self.input, self.risk) {
            (Input::Edit(_), Risk::May) => MadeBy::Guard,
            (Input::Edit(_), _) => MadeBy::Edit,
            _ => MadeBy::Caller,
        };
        let mut handle = self.handle.clone();
        handle.lease.clone_from(&self.own_lease);
        let documents = MarkDocuments {
            base,
            local,
            ..MarkDocuments::default()
        };
        let record = StepRecord::new(&handle, of, goal, made, documents).await?;
        let recorded = record.recorded();
        self.write_id = record.write_id();
        self.record = Some(record);
        Ok(recorded)
    }

    fn ended(&self, end: StepEnd) -> Option<(Stepped, MarkDocuments)> {
        let done = self.done.as_ref().filter(|_| end != StepEnd::NotApplied);
        let (documents, elsewhere) = done.map(Done::kept).unwrap_or_default();
        let record = self.record.as_ref()?;
        Some((record.stepped(end, elsewhere), documents))
    }

    fn left(&self, error: Option<&Error>) -> Option<LeftOpen> {
        let record = self.record.as_ref()?;
        // If the step was applied, but it is not known what was written exactly, its change is reversed. If it is not known
        // whether it was applied, a person is shown what was to be written.
        let reversed = || self.done.as_ref().and_then(|_| record.reversed());
        let shown = self.reversal().or_else(reversed);
        let (goal, documents) = shown.unwrap_or_else(|| record.wanted());
        let elsewhere = self.done.as_ref().and_then(Done::elsewhere);
        Some(record.left(goal, documents, self.met.clone(), error, elsewhere))
    }
}
