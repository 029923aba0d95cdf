//! A write in its lane: it waits for its turn, goes out together with others where that can be, and is
//! tried alone where it cannot.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::write::{Write, report};
use crate::document::WriteReport;
use crate::error::{Error, ErrorKind, ErrorReport, Sides};
use crate::handle::Resourceful;
use crate::http::Problem;
use crate::json::Document;
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::write::ending::{Done, Trouble};
use crate::write::lane::{Job, Lanes, Pass, Run, TOGETHER};
use crate::write::plan::{Goal, Outcome};

/// Runs a write in its turn.
pub(super) async fn take<T: Resourceful>(
    lanes: &Arc<Lanes>,
    mut write: Box<Write<T>>,
) -> Result<(Box<Done>, WriteReport), Error> {
    if let Some(holding) = lanes.enter(&write.begun.key) {
        let (done, _) = holding.run(|pass| write.drive(pass)).await;
        let report = report(&done);
        return Ok((done, report));
    }
    let base = write.base.as_ref().map(|base| base.document.clone());
    let (local, key, path) = (
        write.local.clone(),
        write.begun.key.clone(),
        write.begun.target.url.path().to_owned(),
    );
    let (since, deadline) = (
        write.begun.since,
        later(write.begun.since, write.begun.time),
    );
    let unsent = |kind, why: &str| {
        let document = |side: &Option<Document>| side.as_ref()?.decode::<T>().ok();
        let report = ErrorReport {
            elapsed: since.elapsed(),
            why: why.to_owned(),
            ..ErrorReport::default()
        };
        let error = Error::new(kind, format!("{path}: given up, {why}"));
        error.with_report(report).with_sides(Sides {
            base: document(&base),
            local: document(&local),
            remote: None,
            fields: Vec::new(),
        })
    };
    let (reply, replied) = oneshot::channel();
    let (start, mut started) = oneshot::channel();
    let callers = vec![Caller {
        reply,
        start: Some(start),
        since,
        waited: Duration::ZERO,
    }];
    let job = Queued {
        together: can_go_together(&write),
        write,
        callers,
    };
    if lanes.submit(&key, Box::new(job)).is_err() {
        let why = "too many writes wait for their turn at this resource";
        return Err(unsent(ErrorKind::Exhausted, why));
    }
    match timeout_at(deadline, &mut started).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) => {
            let why = "the runtime that was to carry the write has ended before its turn";
            return Err(unsent(ErrorKind::Exhausted, why));
        }
        Err(_) => {
            // From here on it cannot start any more; it may just have done so.
            started.close();
            if started.try_recv().is_err() {
                let why = "the turn of this write did not come in its time";
                return Err(unsent(ErrorKind::Exhausted, why));
            }
        }
    }
    replied.await.map_err(|_| {
        let why = "the runtime that carried the write has ended";
        unsent(ErrorKind::OutcomeUnknown, why)
    })
}

/// Whether other edits may go out in the same request: only such as nothing sets apart.
fn can_go_together<T: Resourceful>(write: &Write<T>) -> bool {
    let settings = &write.settings;
    let plain = settings.timeout.is_none()
        && settings.max_rounds.is_none()
        && settings.strategy.is_none()
        && !settings.unconditional
        && write.if_absent.is_none();
    // A person is not asked about several people's edits in one.
    let asks = write.handle.strategy.time().is_some();
    write.goal == Goal::Replace && !write.edits.is_empty() && plain && !asks
}

/// Whoever waits for a write.
struct Caller {
    reply: oneshot::Sender<(Box<Done>, WriteReport)>,
    /// Told when the write starts; from then on it is answered by the write itself.
    start: Option<oneshot::Sender<()>>,
    since: Instant,
    /// The wait for its turn.
    waited: Duration,
}

impl Caller {
    /// Whether the caller is still there when its write starts.
    fn starts(&mut self) -> bool {
        match self.start.take() {
            Some(start) => {
                self.waited = self.since.elapsed();
                start.send(()).is_ok()
            }
            None => !self.reply.is_closed(),
        }
    }

    fn answer(self, done: Box<Done>, others: usize) {
        let mut report = report(&done);
        report.coalesced_with = u32::try_from(others).unwrap_or(u32::MAX);
        report.waited += self.waited;
        report.elapsed = self.since.elapsed();
        // Nobody may be there any more.
        let _ = self.reply.send((done, report));
    }
}

/// A write in its lane, or several edits that go out together.
struct Queued<T> {
    write: Box<Write<T>>,
    /// One for each edit, in their order.
    callers: Vec<Caller>,
    together: bool,
}

impl<T: Resourceful> Queued<T> {
    fn fits(&self, other: &Self) -> bool {
        let (own, others) = (&self.write.handle, &other.write.handle);
        let same_handler = match (&own.handler, &others.handler) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        };
        self.together
            && other.together
            && self.callers.len() + other.callers.len() <= TOGETHER
            && same_handler
            && Arc::ptr_eq(&own.strategy, &others.strategy)
            && own.mode == others.mode
            && own.stamp == others.stamp
            && own.strict == others.strict
            && own.envelope == others.envelope
            && own.practice == others.practice
            && self.write.rerun == other.write.rerun
    }

    /// Takes out those whose callers are gone, with their edits.
    fn keep(&mut self, mut wanted: impl FnMut(&mut Caller) -> bool) {
        let kept: Vec<bool> = self.callers.iter_mut().map(&mut wanted).collect();
        let mut keep = kept.iter();
        self.callers
            .retain(|_| keep.next().is_some_and(|kept| *kept));
        if !self.write.edits.is_empty() {
            let mut keep = kept.iter();
            self.write
                .edits
                .retain(|_| keep.next().is_some_and(|kept| *kept));
        }
    }

    /// Its edits from there on, as a write of their own that takes nobody along.
    fn split_off(&mut self, at: usize, base: Option<StoredSnapshot>) -> Self {
        let edits = self.write.edits.split_off(at);
        Self {
            write: Box::new(self.write.anew(edits, base)),
            callers: self.callers.split_off(at),
            together: false,
        }
    }

    async fn carry_out(mut self, pass: Pass) -> Vec<Box<dyn Job>> {
        self.keep(Caller::starts);
        if self.callers.is_empty() {
            return Vec::new();
        }
        if self.callers.len() > 1 {
            // Those who waited longest have used up most of their time in the queue.
            self.write.begun.since = Instant::now();
        }
        let ended = {
            let gone = async {
                for caller in &mut self.callers {
                    caller.reply.closed().await;
                }
            };
            tokio::select! {
                biased;
                ended = self.write.drive(pass) => Some(ended),
                () = gone => None,
            }
        };
        match ended {
            Some((done, failed)) => self.end(done, &failed),
            // Nobody waits for it; the ledger of abandoned writes has it.
            None => Vec::new(),
        }
    }

    /// Answers the callers, or parts what could not go out together.
    fn end(mut self, done: Box<Done>, failed: &[bool]) -> Vec<Box<dyn Job>> {
        let several = self.callers.len() > 1;
        if several && may_be_due_to_one(&done) {
            // As if each had gone alone: the first on what the edits were made on, so that a conflict
            // is told, and the later ones on what the ones before leave behind.
            let middle = self.callers.len() / 2;
            let second = self.split_off(middle, None);
            let first = self.split_off(0, done.begun_on);
            return vec![Box::new(first), Box::new(second)];
        }
        let mut alone: Vec<Box<dyn Job>> = Vec::new();
        if done.succeeded() {
            for at in (0..failed.len()).rev().filter(|at| failed[*at]) {
                let rest = self.split_off(at + 1, None);
                alone.insert(0, Box::new(self.split_off(at, None)));
                self.callers.extend(rest.callers);
                self.write.edits.extend(rest.write.edits);
            }
        }
        let others = self.callers.len().saturating_sub(1);
        let mut callers = self.callers.into_iter();
        let last = callers.next_back();
        for caller in callers {
            caller.answer(Box::new(done.copy()), others);
        }
        if let Some(last) = last {
            last.answer(done, others);
        }
        alone
    }
}

/// Whether a refusal of several edits may be of one of them. Others are of the resource, or of the caller.
pub(super) fn may_refuse_one(problem: &Problem) -> bool {
    let status = problem.status().as_u16();
    matches!(status, 200..300 | 400 | 403 | 409 | 412 | 413 | 422)
}

/// Whether one of several edits may be the reason, and the others could go in without it.
fn may_be_due_to_one(done: &Done) -> bool {
    match done.outcome {
        Outcome::Conflict => true,
        // What does not fit the type fits it for none of them.
        Outcome::EditFailed => !matches!(done.trouble, Some(Trouble::NoRepresentation(_))),
        Outcome::Refused => {
            let refusal = done.refusal.as_ref();
            refusal.is_some_and(|(_, problem)| may_refuse_one(problem))
        }
        Outcome::Failed => matches!(done.trouble, Some(Trouble::Payload(_))),
        _ => false,
    }
}

impl<T: Resourceful> Job for Queued<T> {
    fn is_wanted(&mut self) -> bool {
        self.keep(|caller| !caller.reply.is_closed());
        !self.callers.is_empty()
    }

    fn absorb(&mut self, other: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        let same = other.as_any().downcast_ref::<Self>();
        if !same.is_some_and(|other| self.fits(other)) {
            return Err(other);
        }
        if let Ok(other) = other.into_any().downcast::<Self>() {
            self.callers.extend(other.callers);
            self.write.edits.extend(other.write.edits);
        }
        Ok(())
    }

    fn run(self: Box<Self>, pass: Pass) -> Run {
        Box::pin(self.carry_out(pass))
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}
