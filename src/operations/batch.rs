//! Queued writes. Waiting edits are sent together where possible, and otherwise each is sent alone.

use std::any::Any;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::typed_edit::{Edit, is_repeatable, may_refuse_one};
use super::write_call::{Write, report};
use crate::exchange::Watch;
use crate::json::Document;
use crate::operations::{Handle, ResourceData};
use crate::queue::{Batch, Queues, Stopped, Turn};
use crate::retry::{WaitReason, later};
use crate::support::panics;
use crate::value::{Error, ErrorKind, ErrorReport, Sides, WriteReport, WriteSeen, observer};
use crate::write::diagnosis::FailureCause;
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;
use crate::write::request::target::{BatchAnswer, WritePermit, Writes};

/// The maximum number of edits in one request.
const TOGETHER: usize = 1_024;

type OutcomeAndReport = (Box<WriteOutcome>, WriteReport);

/// Runs a write when its turn in the queue comes.
pub(super) async fn in_turn<T: ResourceData>(
    queues: &Arc<Queues<Writes>>,
    mut write: Box<Write<T>>,
) -> Result<OutcomeAndReport, Error> {
    let key = &write.context.key;
    if let Some(permit) = queues.enter(key) {
        return alone(write, permit).await;
    }
    let job = Job::of(&mut write);
    let shared = job.clone().map(|job| job as Arc<dyn Any + Send + Sync>);
    let Some(mut waiter) = queues.wait(&write.context.key, shared) else {
        let why = "too many writes to this resource are queued";
        return Err(unsent(&write, ErrorKind::Exhausted, why));
    };
    let (since, deadline) = (write.context.since, write.context.deadline());
    let target = write.context.target.clone();
    #[cfg(feature = "metrics")]
    let mut counted = Some(crate::value::metrics::Queued::new(target.template()));
    loop {
        let turn = waiter.turn(deadline).await;
        write.may_have_been_made_before = job.as_ref().is_some_and(|job| job.is_repeated());
        match turn {
            Turn::Permit(permit) => {
                #[cfg(feature = "metrics")]
                drop(counted.take());
                let (handle, now) = (&write.handle, Instant::now());
                let host = &write.context.target.shared.exchange.server;
                let trip = host.round_trip().unwrap_or_default();
                let fits = |job: &Arc<dyn Any + Send + Sync>| {
                    let job = job.downcast_ref::<Job<T>>();
                    job.is_some_and(|job| {
                        job.fits(handle, write.edit_reruns) && later(now, trip) < job.deadline
                    })
                };
                // In a batch, this write could not receive its result before its deadline.
                let has_time = later(now, trip) < deadline;
                let most = if has_time { TOGETHER } else { 1 };
                let Some(batch) = waiter.take_along(most, fits) else {
                    let in_queue = since.elapsed();
                    target.waited(WaitReason::Queue, in_queue);
                    let (done, mut report) = alone(write, permit).await?;
                    report.waited += in_queue;
                    return Ok((done, report));
                };
                let together = together(&write, &batch);
                tokio::spawn(in_this_span(carry_out(together, permit, batch)));
            }
            Turn::Answered(answer) => {
                let mut report = report(&answer.done);
                report.coalesced_with = u32::try_from(answer.others).unwrap_or(u32::MAX);
                let in_queue = answer.since.saturating_duration_since(since);
                target.waited(WaitReason::Queue, in_queue);
                report.waited += in_queue;
                report.elapsed = since.elapsed();
                return Ok((answer.done, report));
            }
            Turn::OutOfTime => {
                let why = "the write was still queued at its deadline";
                let kind = if write.may_have_been_made_before {
                    ErrorKind::OutcomeUnknown
                } else {
                    ErrorKind::Exhausted
                };
                return Err(unsent(&write, kind, why));
            }
            Turn::Lost => {
                let why = "the edit was sent together with others, and its result was not known at its deadline";
                return Err(unsent(&write, ErrorKind::OutcomeUnknown, why));
            }
        }
    }
}

/// Returns the future in the span of the current call.
#[cfg(feature = "tracing")]
fn in_this_span<F: Future>(future: F) -> tracing::instrument::Instrumented<F> {
    tracing::Instrument::in_current_span(future)
}

#[cfg(not(feature = "tracing"))]
fn in_this_span<F: Future>(future: F) -> F {
    future
}

/// Runs a write under its permit, in the future of its caller.
pub(super) async fn alone<T: ResourceData>(
    mut write: Box<Write<T>>,
    mut permit: WritePermit,
) -> Result<OutcomeAndReport, Error> {
    let watch = permit.watch();
    let is_recorded = !matches!(write.goal, Goal::Append | Goal::Act);
    let panicked = match watch.run(write.drive(&mut permit)).await {
        Ok((done, _)) => {
            let report = report(&done);
            return Ok((done, report));
        }
        Err(Stopped::Panicked(panicked)) => panicked.to_string(),
        Err(Stopped::Revoked) => "the write was stopped".to_owned(),
    };
    // There is no record of whether an appended document or an action was sent, because no later write could
    // recognise it. An earlier request of any write may have been applied.
    let kind = if !is_recorded || write.may_have_been_made_before || permit.is_under_way() {
        ErrorKind::OutcomeUnknown
    } else {
        ErrorKind::Config
    };
    Err(unsent(&write, kind, &panicked))
}

/// The error of a write that was stopped before it had an outcome.
fn unsent<T: ResourceData>(write: &Write<T>, kind: ErrorKind, why: &str) -> Error {
    let document = |side: Option<&Document>| {
        let decoded = panics::catch(panics::VALUE, || side?.decode::<T>().ok());
        decoded.ok().flatten()
    };
    let report = ErrorReport {
        elapsed: write.context.since.elapsed(),
        why: why.to_owned(),
        ..ErrorReport::default()
    };
    let target = &write.context.target;
    let path = target.url.path();
    let nothing = WriteReport {
        elapsed: report.elapsed,
        ..WriteReport::default()
    };
    let seen = WriteSeen::new(path, target.template(), Some(kind), &nothing);
    observer::finished(target.shared.observer.as_deref(), &seen);
    let error = Error::new(kind, format!("{path}: gave up: {why}"));
    error.with_report(report).with_sides(Sides {
        base: document(write.base.as_ref().map(|base| &base.document)),
        local: document(write.local.as_ref()),
        remote: None,
        fields: Vec::new(),
    })
}

/// An edit that may be sent together with others, and the settings that they have to share.
struct Job<T> {
    handle: Handle<T>,
    rerun: bool,
    deadline: Instant,
    /// Shared by its caller and the write of the batch, because either of them may continue with it.
    edit: Arc<Mutex<Edit<T>>>,
    /// Whether the edit was sent with others, the outcome is unknown, and repeating it is harmless.
    repeated: AtomicBool,
    #[cfg(feature = "tracing")]
    span: tracing::Span,
}

impl<T: ResourceData> Job<T> {
    /// Shares the edit of a write. Returns `None` if the settings of the write do not allow a batch.
    fn of(write: &mut Write<T>) -> Option<Arc<Self>> {
        let settings = &write.settings;
        let plain = settings.timeout.is_none()
            && settings.max_rounds.is_none()
            && settings.strategy.is_none()
            && !settings.allows_unconditional
            && write.if_absent.is_none();
        // A strategy that asks a person gets the edit of one caller at a time.
        let asks = write.handle.strategy.time().is_some();
        if write.goal != Goal::Replace || !plain || asks || write.edits.len() != 1 {
            return None;
        }
        let job = Arc::new(Self {
            handle: write.handle.clone(),
            rerun: write.edit_reruns,
            deadline: write.context.deadline(),
            edit: Arc::new(Mutex::new(write.edits.pop()?)),
            repeated: AtomicBool::new(false),
            #[cfg(feature = "tracing")]
            span: tracing::Span::current(),
        });
        write.edits.push(job.edit());
        Some(job)
    }

    /// Returns a handle to the shared edit, which runs in the span of its caller.
    fn edit(&self) -> Edit<T> {
        let edit = self.edit.clone();
        #[cfg(feature = "tracing")]
        let span = self.span.clone();
        Box::new(move |value| {
            #[cfg(feature = "tracing")]
            let _entered = span.enter();
            // An edit that panicked may run again too, so a poisoned lock is ignored.
            let edit = edit.lock().unwrap_or_else(PoisonError::into_inner);
            edit(value)
        })
    }

    fn is_repeated(&self) -> bool {
        self.repeated.load(Ordering::Acquire)
    }

    /// Whether the edit is repeated alone after a batch whose outcome is unknown.
    ///
    /// The version has changed, so the request of the batch can no longer take effect, and repeating the edit is
    /// harmless.
    fn repeats(&self, done: &WriteOutcome) -> bool {
        let remote = done.state.remote.snapshot();
        let remote = remote.filter(|remote| {
            let version = remote.validator.as_ref();
            version.is_some() && version != done.state.base_version()
        });
        let asked = self.rerun && !self.handle.require_proof && done.kind == OutcomeKind::Unknown;
        let Some(remote) = remote.filter(|_| asked) else {
            return false;
        };
        let repeats = is_repeatable(&self.handle.lens, &self.edit(), &remote.document);
        self.repeated.fetch_or(repeats, Ordering::AcqRel);
        repeats
    }

    fn fits(&self, other: &Handle<T>, rerun: bool) -> bool {
        let own = &self.handle;
        is_same(own.handler.as_ref(), other.handler.as_ref())
            && is_same(own.format.as_ref(), other.format.as_ref())
            && Arc::ptr_eq(&own.strategy, &other.strategy)
            && own.mode == other.mode
            && own.stamp == other.stamp
            && own.require_proof == other.require_proof
            && own.storage_behaviour == other.storage_behaviour
            && own.envelope == other.envelope
            && own.lease == other.lease
            && self.rerun == rerun
    }
}

fn is_same<P: ?Sized>(one: Option<&Arc<P>>, other: Option<&Arc<P>>) -> bool {
    match (one, other) {
        (None, None) => true,
        (Some(one), Some(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}

/// Creates one write for all edits of a batch.
///
/// It has the latest deadline of all callers, because each caller leaves at its own deadline.
fn together<T: ResourceData>(write: &Write<T>, batch: &Batch<Writes>) -> Box<Write<T>> {
    let jobs = batch.jobs().filter_map(|job| job.downcast_ref::<Job<T>>());
    let (mut edits, mut deadline) = (Vec::with_capacity(batch.len()), write.context.deadline());
    for job in jobs {
        edits.push(job.edit());
        deadline = deadline.max(job.deadline);
    }
    let mut together = write.anew(edits);
    together.context.time = deadline.saturating_duration_since(together.context.since);
    Box::new(together)
}

/// Runs the write of a batch in its own task, so that it continues if one of the callers is dropped.
async fn carry_out<T: ResourceData>(
    mut write: Box<Write<T>>,
    mut permit: WritePermit,
    batch: Batch<Writes>,
) {
    let (since, watch) = (write.context.since, permit.watch());
    let ended = watch.run(write.drive(&mut permit)).await;
    let (done, failed) = match ended {
        Ok(ended) => ended,
        Err(Stopped::Panicked(_)) if !permit.is_under_way() => return halve(&batch),
        // Dropping the batch returns its waiters to the queue, or reports them as lost.
        Err(_) => return,
    };
    if may_be_due_to_one(&done) && !permit.is_under_way() {
        return halve(&batch);
    }
    let mut alone = Vec::with_capacity(batch.len());
    for (at, job) in batch.jobs().enumerate() {
        let failed = done.succeeded() && failed.get(at).copied().unwrap_or(false);
        let job = job.downcast_ref::<Job<T>>();
        alone.push(failed || job.is_some_and(|job| job.repeats(&done)));
        if done.kind == OutcomeKind::Unknown {
            // `repeats` runs each edit a few times, and there may be many edits.
            tokio::task::yield_now().await;
        }
    }
    let others = alone.iter().filter(|alone| !**alone).count();
    for (at, alone) in alone.into_iter().enumerate() {
        if alone {
            batch.put_back(at..at + 1);
            continue;
        }
        let answer = BatchAnswer {
            done: done.clone(),
            since,
            others: others.saturating_sub(1),
        };
        batch.answer(at, answer);
    }
}

/// Puts the edits back in two halves, because one of them may be at fault. Each half runs on the current state.
fn halve(batch: &Batch<Writes>) {
    let middle = batch.len() / 2;
    batch.put_back(0..middle);
    batch.put_back(middle..batch.len());
}

/// Whether one of several edits may be the cause, and the others could succeed without it.
fn may_be_due_to_one(done: &WriteOutcome) -> bool {
    match done.kind {
        OutcomeKind::Conflict => true,
        // A representation that does not match the type fails every edit.
        OutcomeKind::EditFailed => !matches!(
            done.diagnosis.cause,
            Some(FailureCause::NoRepresentation(_))
        ),
        OutcomeKind::Refused => {
            let refusal = done.diagnosis.refusal.as_ref();
            refusal.is_some_and(|(_, problem)| may_refuse_one(problem))
        }
        OutcomeKind::Failed => matches!(done.diagnosis.cause, Some(FailureCause::Payload(_))),
        _ => false,
    }
}
