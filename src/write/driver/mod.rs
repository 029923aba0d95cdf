//! Carries out the machine's actions: requests, waits, calls of strategies and handlers.
//!
//! Each action ends in one [`ActionResult`]: the resulting event with its cause. The data of a write is in five
//! independent parts: [`MergeState`], [`InFlight`], [`Session`], [`Timer`] and [`Diagnosis`].

mod decisions;
mod judging;
mod leases;
mod reads;
mod refusals;
mod requests;
mod responses;

use std::time::Duration;

use tokio::time::Instant;

use super::diagnosis::{Diagnosis, FailureCause};
use super::edit_hooks::{EditHooks, NotEdited};
use super::in_flight::{InFlight, LostWrite};
use super::machine::events::{Action, Event, Failure, Goal, OutcomeKind, Pause, WriteParams};
use super::machine::{Clock, Machine};
use super::merge_state::{LocalOrigin, MergeState, Remote};
use super::outcome::WriteOutcome;
use super::session::Session;
use super::timer::Timer;
use crate::exchange::Watch;
use crate::exchange::transport::Response;
use crate::journal::{IntentId, MarkAt};
use crate::json::Document;
use crate::protocol::Validator;
use crate::retry::{self, WaitReason};
use crate::store::{SnapshotKey, StoredSnapshot};
use crate::support::panics;
use crate::write::recovery::in_flight_guard::InFlightGuard;
use crate::write::recovery::recorder::Recorder;
use crate::write::recovery::unsettled::UnsettledOnVersion;
use crate::write::request::action::ActionRequest;
use crate::write::request::reading::NoRepresentation;
use crate::write::request::target::{Target, WritePermit};

/// The input of a write.
pub(crate) struct WriteInput {
    pub(crate) params: WriteParams<Validator>,
    pub(crate) base: Option<StoredSnapshot>,
    /// The document to write, if no edit has to run first.
    pub(crate) local: Option<Document>,
    /// Whether an edit made that document from the base, so that it includes no other change.
    pub(crate) is_edit: bool,
    /// Earlier writes onto the same version whose outcome is unknown.
    pub(crate) inherited: UnsettledOnVersion,
    /// The key under which snapshots of the resource are cached.
    pub(crate) key: SnapshotKey,
    pub(crate) since: Instant,
    pub(crate) idempotency_key: Option<String>,
    /// The request, if the write is an action.
    pub(crate) action: Option<ActionRequest>,
    /// The queued write that this is a run of, if it is one.
    pub(crate) queued: Option<QueuedRun>,
    /// The stamp of this write, if the document has write stamps and the caller has chosen one.
    pub(crate) write_id: Option<String>,
    /// The requests of an earlier run in this process that may have been applied.
    pub(crate) lost: Vec<LostWrite>,
}

/// One run of a queued write.
pub(crate) struct QueuedRun {
    pub(crate) intent: IntentId,
    /// The requests of earlier runs that may have been applied, and their marks.
    pub(crate) lost: Vec<LostWrite>,
    pub(crate) marks: Vec<MarkAt>,
    /// The schema of its documents.
    pub(crate) schema: u32,
    /// Whether the outbox runs it again later if the server cannot be reached.
    pub(crate) is_tried_again: bool,
}

impl QueuedRun {
    /// Returns the run of a write that has sent nothing yet.
    pub(crate) fn first(intent: IntentId, schema: u32) -> Self {
        Self {
            intent,
            lost: Vec::new(),
            marks: Vec::new(),
            schema,
            is_tried_again: false,
        }
    }
}

/// The result of an action.
struct ActionResult {
    event: Event<Validator>,
    /// The reason why the action did not succeed.
    cause: Option<FailureCause>,
}

impl ActionResult {
    fn because(event: Event<Validator>, cause: FailureCause) -> Self {
        Self {
            event,
            cause: Some(cause),
        }
    }

    /// Creates the result of a failed request for which the server requested no wait.
    fn failed(failure: Failure, cause: FailureCause) -> Self {
        let event = Event::Failed {
            failure,
            wait: None,
        };
        Self::because(event, cause)
    }
}

impl From<Event<Validator>> for ActionResult {
    fn from(event: Event<Validator>) -> Self {
        Self { event, cause: None }
    }
}

impl From<Pause> for WaitReason {
    fn from(pause: Pause) -> Self {
        match pause {
            Pause::RetryAfter(_) => Self::RetryAfter,
            Pause::Race(_) => Self::Race,
            Pause::Transient(_) => Self::Backoff,
            Pause::Aging(_) => Self::YoungVersion,
            Pause::Lag(_) => Self::StaleReplica,
            Pause::Poll(..) => Self::Poll,
        }
    }
}

/// One write in progress.
pub(crate) struct Driver<'a> {
    target: &'a Target,
    hooks: &'a mut dyn EditHooks,
    permit: &'a mut WritePermit,
    machine: Machine<Validator>,
    state: MergeState,
    /// Whether an edit made the local document from the base, so that it includes no other change.
    is_edit: bool,
    in_flight: InFlight,
    session: Session,
    timer: Timer,
    diagnosis: Diagnosis,
    action: Option<ActionRequest>,
    /// The response to an action that succeeded.
    response: Option<Response>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(
        target: &'a Target,
        hooks: &'a mut dyn EditHooks,
        permit: &'a mut WritePermit,
        input: WriteInput,
    ) -> Box<Self> {
        let shared = &target.shared;
        let delays = shared.retry.delays(shared.exchange.server.round_trip());
        let session = Session::new(input.key.credentials());
        let intent = input.queued.as_ref().map(|run| run.intent);
        let schema = input.queued.as_ref().map_or(0, |run| run.schema);
        let (lost, marks) = match input.queued {
            Some(run) => (run.lost, run.marks),
            None => (input.lost, Vec::new()),
        };
        let is_recorded = intent.is_some() || shared.records_awaited(input.params.goal);
        let journal = shared.journal.as_ref().filter(|_| is_recorded);
        let recorder = journal.map(|journal| Recorder::new(journal.clone(), intent, marks, schema));
        let guard = InFlightGuard::new(shared.unsettled.clone(), input.key, recorder);
        permit.reports(guard.under_way());
        let write_id = target.stamp.as_ref().map(|_| match intent {
            Some(intent) => intent.to_string(),
            None => input.write_id.unwrap_or_else(crate::support::ids::uuid),
        });
        // Boxed, because it moves into the future of its loop.
        Box::new(Self {
            target,
            hooks,
            permit,
            timer: Timer::new(
                input.since,
                input.params.deadline,
                delays,
                shared.retry.waits,
            ),
            machine: Machine::new(input.params),
            state: MergeState::new(input.base, input.local),
            is_edit: input.is_edit,
            in_flight: InFlight::new(
                guard,
                input.inherited,
                write_id,
                input.idempotency_key,
                lost,
            ),
            session,
            diagnosis: Diagnosis::default(),
            action: input.action,
            response: None,
        })
    }

    /// Runs the write to its end.
    pub(crate) async fn run(mut self: Box<Self>) -> Box<WriteOutcome> {
        let mut event = Event::Begin;
        loop {
            let step = match self.machine.on(self.clock(), event) {
                Action::Prepare => self.prepare(),
                Action::Read => self.read().await,
                Action::Send {
                    condition,
                    delete,
                    resend,
                } => self.send(&condition, delete, resend).await,
                Action::Judge => self.judge(),
                Action::Resolve {
                    may_have_been_applied,
                } => self.resolve(may_have_been_applied).await,
                Action::Ask => self.ask().await,
                Action::Follow => self.follow().await,
                Action::Wait(pause) => self.wait(pause).await,
                Action::Finish(outcome) => return self.finish(outcome).await,
            };
            let is_in_doubt = self.machine.in_doubt();
            self.diagnosis.note(&step.event, step.cause, is_in_doubt);
            event = step.event;
        }
    }

    fn clock(&self) -> Clock {
        let round_trip = self.target.shared.exchange.server.round_trip();
        Clock {
            now: self.timer.elapsed(),
            round_trip: round_trip.unwrap_or_default(),
        }
    }

    /// Makes the state that was read last the new base.
    fn rebase(&mut self) {
        self.state.rebase();
        self.in_flight.inherited = UnsettledOnVersion::default();
    }

    fn prepare(&mut self) -> ActionResult {
        if !matches!(self.state.remote, Remote::Unread) {
            self.rebase();
        }
        if self.state.original_base.is_none() {
            self.state.original_base.clone_from(&self.state.base);
        }
        let base = self.state.base_document();
        if self.state.origin == LocalOrigin::Given {
            return Event::Prepared(base != self.state.local.as_ref()).into();
        }
        let prepared = panics::catch(panics::VALUE, || self.hooks.prepare(base));
        match prepared.unwrap_or_else(|panicked| Err(NotEdited::Failed(panicked.into()))) {
            // The guard of the action has accepted the state.
            Ok(_) if self.machine.goal() == Goal::Act => Event::Prepared(true).into(),
            Ok(local) => {
                // Text that the edit did not touch stays unchanged.
                let changed = base.is_none_or(|base| !base.same_text(&local));
                let changed = changed || self.hooks.is_touch();
                (self.state.local, self.state.origin) = (Some(local), LocalOrigin::Edited);
                Event::Prepared(changed).into()
            }
            Err(error) => {
                let cause = match error {
                    NotEdited::Misfit(error) => {
                        FailureCause::NoRepresentation(NoRepresentation::Misfit(error))
                    }
                    NotEdited::Failed(error) => FailureCause::Edit(error.into()),
                    NotEdited::Unfaithful(error, local) => {
                        self.state.local = Some(local);
                        FailureCause::Edit(std::sync::Arc::new(error))
                    }
                };
                ActionResult::because(Event::EditFailed, cause)
            }
        }
    }

    async fn wait(&mut self, pause: Pause) -> ActionResult {
        let exchange = &self.target.shared.exchange;
        let count = self.state.base_version().and_then(retry::count);
        let longest = exchange.limits.retry_after;
        let length = self.timer.length(pause, count, &exchange.server, longest);
        match length {
            Ok(time) => match self.sleep(time, pause.into()).await {
                Ok(()) => Event::Woke.into(),
                Err(cause) => ActionResult::because(Event::OutOfTime, cause),
            },
            Err(cause) => ActionResult::because(Event::OutOfTime, cause),
        }
    }

    async fn sleep(&mut self, time: Duration, reason: WaitReason) -> Result<(), FailureCause> {
        self.timer.sleep(time).await?;
        self.session.stats.waited += time;
        self.timer.count(self.session.stats.waited);
        self.target.waited(reason, time);
        Ok(())
    }

    /// Whether no request was answered, and none may have been applied.
    fn heard_nothing(&self) -> bool {
        let diagnosis = &self.diagnosis;
        let was_told = diagnosis.refusal.is_some() || diagnosis.last_problem.is_some();
        let is_unread = matches!(self.state.remote, Remote::Unread);
        let is_transport = matches!(
            diagnosis.cause.as_ref().or(diagnosis.retried.as_ref()),
            Some(FailureCause::Transport(_))
        );
        is_unread && is_transport && !was_told && diagnosis.lost_replies == 0
    }

    async fn finish(mut self: Box<Self>, outcome: OutcomeKind) -> Box<WriteOutcome> {
        let goal = self.machine.goal();
        if self.in_flight.inherits()
            && matches!(outcome, OutcomeKind::Stored | OutcomeKind::Settled)
        {
            self.in_flight.forget_inherited(self.state.base_version());
        }
        let known = match (outcome, &self.state.remote) {
            (OutcomeKind::Stored, _) => self.state.stored.clone(),
            (OutcomeKind::Settled | OutcomeKind::Unchanged, Remote::Unread) => {
                self.state.base.clone()
            }
            (_, remote) => remote.snapshot().cloned(),
        };
        let known = known.filter(|_| goal != Goal::Delete || outcome == OutcomeKind::Conflict);
        match &known {
            // The doubt is remembered. The next write onto this version settles it first.
            _ if goal == Goal::Append => {}
            _ if matches!(outcome, OutcomeKind::Unknown | OutcomeKind::Accepted)
                && goal != Goal::Act => {}
            // The edit changed nothing, so an earlier write onto the same version stays unsettled.
            _ if self.in_flight.inherits() && self.state.remote.snapshot().is_none() => {}
            Some(snapshot) if snapshot.validator.is_some() => self.cache(snapshot.clone()).await,
            // The server has not said anything about the cached state.
            _ if outcome.is_plain_failure() && self.heard_nothing() => {}
            // After an action, a read that was made in the meantime may have cached the earlier state.
            _ => self.forget().await,
        }
        let mut ended = Box::new(WriteOutcome {
            kind: outcome,
            goal,
            elapsed: self.timer.elapsed_in_all(),
            tally: self.machine.tally(),
            state: self.state,
            stored: None,
            diagnosis: self.diagnosis,
            session: self.session,
            response: self.response,
            monitor: self.in_flight.monitor.map(|monitor| monitor.url),
            lost: self.in_flight.lost.into(),
        });
        let succeeded = ended.succeeded();
        if succeeded {
            self.in_flight.guard.applied();
        } else if !self.machine.in_doubt() && !self.in_flight.guard.keeps_marks(outcome) {
            self.in_flight.guard.refused().await;
        }
        ended.stored = known.filter(|_| succeeded);
        if goal == Goal::Delete {
            ended.state.local = None;
        }
        ended
    }
}
