//! Carries out the actions of the machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::batch::{self, Endpoint};
use super::machine::{Action, Ending, Event, Machine, Standing, ending};
use super::record::Record;
use super::report::{Committed, CommittedBy, TransactionReport};
use crate::journal::StepEnd;
use crate::lease::{Held, Isolation};
use crate::retry::later;
use crate::value::{Error, ErrorKind, StepReport, StepState};
use crate::write::step::{Back, Made, Step, TakenBack, Tried, may_begin_later, still_unknown};

/// A transaction that is being made.
pub(super) struct Run {
    pub(super) steps: Vec<Box<dyn Step>>,
    urls: Vec<Url>,
    /// Why each step has its standing.
    errors: Vec<Option<Arc<Error>>>,
    /// The error of the step that failed first.
    first: Option<Arc<Error>>,
    pub(super) requests: u32,
    begun: Instant,
    time: Duration,
    /// When the time for taking back began.
    taking_back: Option<Instant>,
    pub(super) record: Option<Record>,
    /// Whether an earlier process has begun it, so that a failure that may pass by itself does not decide anything.
    pub(super) is_resumed: bool,
    /// Whether requests of each step may have been applied that were sent together with others.
    in_doubt: Vec<bool>,
    /// A failure that may pass by itself, for which the transaction has to wait.
    pub(super) waits: Option<Arc<Error>>,
}

impl Run {
    pub(super) fn new(steps: Vec<Box<dyn Step>>, urls: Vec<Url>, time: Duration) -> Self {
        Self {
            errors: steps.iter().map(|_| None).collect(),
            in_doubt: vec![false; steps.len()],
            steps,
            urls,
            first: None,
            requests: 0,
            begun: Instant::now(),
            time,
            taking_back: None,
            record: None,
            is_resumed: false,
            waits: None,
        }
    }

    /// Takes a lease for each path of the steps, in the order of the paths, which name the leases. Returns the step whose
    /// lease cannot be had.
    pub(super) async fn hold(
        &mut self,
        isolation: Option<&dyn Isolation>,
    ) -> Result<Vec<Held>, (usize, Error)> {
        let mut held = Vec::new();
        let Some(isolation) = isolation else {
            return Ok(held);
        };
        let mut order: Vec<_> = (0..self.steps.len()).collect();
        order.sort_by_key(|step| self.urls[*step].path());
        // A member whose handle has a lease is held already.
        order.retain(|step| !self.steps[*step].has_lease());
        for steps in order.chunk_by(|one, other| self.urls[*one].path() == self.urls[*other].path())
        {
            let path = self.urls[steps[0]].path();
            let lease = isolation.hold(path, self.left()).await;
            let lease = lease.map_err(|error| (steps[0], error))?;
            for step in steps {
                self.steps[*step].hold(&lease);
            }
            held.push(lease);
        }
        Ok(held)
    }

    /// Makes the steps by one atomic request. Returns an error if they do not fit into one, and nothing was applied.
    pub(super) async fn by_batch(
        &mut self,
        endpoint: &Endpoint,
    ) -> Result<Result<Committed, Error>, Error> {
        let (left, time) = (self.left(), self.time);
        let ended = batch::make(&mut self.steps, &self.urls, endpoint, left, time).await;
        let outcome = match ended {
            batch::Ended::Misfit(misfit) => return Err(misfit),
            batch::Ended::Made(outcome) => outcome,
        };
        self.requests = self.requests.saturating_add(outcome.requests);
        (self.errors, self.first) = (outcome.errors, outcome.first);
        Ok(match ending(&outcome.standings) {
            Ending::Committed => Ok(self.committed(CommittedBy::Batch)),
            ending => Err(self.failed(ending, &outcome.standings)),
        })
    }

    /// Tries all steps together, by an endpoint that applies each write by itself. Returns the machine that goes on from what
    /// became of them.
    pub(super) async fn together(&mut self, endpoint: &Endpoint) -> Machine {
        let mut standings = vec![Standing::Waiting; self.steps.len()];
        for step in 0..self.steps.len() {
            if self.steps[step].writes() {
                continue;
            }
            let left = self.left();
            let tried = self.steps[step].run(left).await;
            if self.made(step, tried) != Event::Made(Made::Unchanged) {
                // Nothing was written yet.
                standings[step] = Standing::NotApplied;
                return Machine::resumed(standings, self.in_doubt.clone(), false);
            }
            standings[step] = Standing::Unchanged;
        }
        let deadline = later(Instant::now(), self.left());
        let tried = batch::together(&mut self.steps, &self.urls, endpoint, deadline).await;
        if let Some(together) = tried {
            self.requests = self.requests.saturating_add(together.requests);
            for (step, tried) in together.tried {
                self.in_doubt[step] = batch::is_unknown(&tried);
                standings[step] = match self.made(step, tried) {
                    Event::Made(Made::Applied) => Standing::Applied,
                    Event::Made(Made::Unchanged) => Standing::Unchanged,
                    Event::Made(Made::NotApplied) => Standing::NotApplied,
                    _ => Standing::Waiting,
                };
            }
        }
        Machine::resumed(standings, self.in_doubt.clone(), false)
    }

    pub(super) async fn make(&mut self, mut machine: Machine) -> Result<Committed, Error> {
        let mut event = Event::Begin;
        loop {
            let action = machine.on(event);
            event = match action {
                Action::Run(step) => {
                    let left = self.left();
                    let tried = if left.is_zero() {
                        Err(Error::new(ErrorKind::Exhausted, "the time was over"))
                    } else {
                        self.steps[step].run(left).await
                    };
                    // An earlier request may have made it, also if it cannot begin again.
                    let tried = if self.is_resumed || self.in_doubt[step] {
                        still_unknown(tried)
                    } else {
                        tried
                    };
                    self.made(step, tried)
                }
                Action::Drive(step) => {
                    let left = self.left_for_taking_back();
                    let tried = self.steps[step].run(left).await;
                    self.made(step, still_unknown(tried))
                }
                Action::Fence(step) => {
                    let left = self.left_for_taking_back();
                    let tried = self.steps[step].fence(left).await;
                    self.made(step, still_unknown(tried))
                }
                Action::Undo(step) => {
                    let left = self.left_for_taking_back();
                    let back = self.steps[step].undo(left).await;
                    self.taken_back(step, back)
                }
                Action::Finish(ending) => return self.finish(ending, machine.steps()).await,
            };
            if self.waits.is_some() && !matches!(action, Action::Undo(_)) {
                // Nothing is decided, and the steps stay as they are recorded.
                return Err(self.failed(Ending::Unknown, machine.steps()));
            }
        }
    }

    async fn finish(&mut self, ending: Ending, standings: &[Standing]) -> Result<Committed, Error> {
        // What is unknown stays recorded, so that the outbox goes on with it.
        if let Some(record) = self.record.as_ref().filter(|_| ending != Ending::Unknown) {
            let steps = self.steps.iter().zip(standings.iter().zip(&self.errors));
            let stands = steps.filter(|(_, (standing, _))| **standing == Standing::Stands);
            let left = stands.filter_map(|(step, (_, error))| step.left(error.as_deref()));
            let left = left.collect();
            // If it fails, the outbox finds out that the transaction has ended.
            let _ = record.end(left).await;
        }
        match ending {
            Ending::Committed => Ok(self.committed(CommittedBy::Saga)),
            ending => Err(self.failed(ending, standings)),
        }
    }

    /// Records how a step has ended.
    fn record(&self, step: usize, end: StepEnd) {
        if let Some(record) = &self.record {
            record.stepped(&*self.steps[step], end);
        }
    }

    /// Returns the time that is left for the steps.
    pub(super) fn left(&self) -> Duration {
        later(self.begun, self.time).saturating_duration_since(Instant::now())
    }

    /// Returns the time that is left for settling and taking back, which has its own.
    fn left_for_taking_back(&mut self) -> Duration {
        let now = Instant::now();
        let since = *self.taking_back.get_or_insert(now);
        later(since, self.time).saturating_duration_since(now)
    }

    fn made(&mut self, step: usize, tried: Result<Tried, Error>) -> Event {
        let (made, error, may_pass) = match tried {
            Ok(tried) => {
                self.requests = self.requests.saturating_add(tried.requests);
                (tried.made, tried.error, tried.may_pass)
            }
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => {
                (Made::Unknown, Some(error), false)
            }
            Err(error) => {
                let may_pass = may_begin_later(error.kind());
                (Made::NotApplied, Some(error), may_pass)
            }
        };
        if self.is_resumed && may_pass && !matches!(made, Made::Applied | Made::Unchanged) {
            self.waits = error.map(Arc::new);
            return Event::Made(made);
        }
        let error = match (error, &self.errors[step]) {
            // The doubt has ended, and its error would say otherwise.
            (None, Some(doubt)) if made == Made::NotApplied => Some(refused(doubt)),
            (error, _) => error,
        };
        match error.map(Arc::new) {
            Some(error) => {
                self.first = Some(error.clone());
                self.errors[step] = Some(error);
            }
            None if matches!(made, Made::Applied | Made::Unchanged) => {
                // A doubt was settled.
                self.errors[step] = None;
                self.first = None;
            }
            None => {}
        }
        match made {
            Made::Applied => self.record(step, StepEnd::Applied),
            Made::Unchanged => self.record(step, StepEnd::Unchanged),
            Made::NotApplied => self.record(step, StepEnd::NotApplied),
            Made::Unknown => {}
        }
        Event::Made(made)
    }

    fn taken_back(&mut self, step: usize, back: Result<Back, Error>) -> Event {
        let (mut taken_back, error, may_pass) = match back {
            Ok(back) => {
                self.requests = self.requests.saturating_add(back.requests);
                (back.result, back.error, back.may_pass)
            }
            Err(error) => (TakenBack::Unknown, Some(error), true),
        };
        let error = error.map(Arc::new);
        if taken_back != TakenBack::Undone && may_pass && self.record.is_some() {
            // The outbox takes it back as soon as it can.
            taken_back = TakenBack::Unknown;
            self.waits = error.clone().filter(|_| self.is_resumed);
        }
        if taken_back != TakenBack::Undone {
            self.errors[step] = error;
        }
        match taken_back {
            TakenBack::Undone => self.record(step, StepEnd::Undone),
            TakenBack::Stands => self.record(step, StepEnd::Stands),
            TakenBack::Unknown => {}
        }
        Event::TakenBack(taken_back)
    }

    fn committed(&self, by: CommittedBy) -> Committed {
        Committed::new(TransactionReport {
            requests: self.requests,
            by,
            elapsed: self.begun.elapsed(),
        })
    }

    /// Returns the error of a transaction of which nothing was sent.
    pub(super) fn unbegun(&mut self, step: usize, error: Error) -> Error {
        if error.kind() == ErrorKind::Config {
            return error;
        }
        let error = Arc::new(error);
        self.first = Some(error.clone());
        self.errors[step] = Some(error);
        let steps = vec![Standing::Waiting; self.steps.len()];
        self.failed(Ending::Undone, &steps)
    }

    fn failed(&self, ending: Ending, standings: &[Standing]) -> Error {
        let steps: Vec<_> = (self.steps.iter().zip(&self.urls))
            .zip(standings.iter().zip(&self.errors))
            .map(|((step, url), (standing, error))| {
                let state = state(*standing);
                let path = url.path().to_owned();
                StepReport::new(step.operation(), path, state, error.clone())
            })
            .collect();
        let (kind, what) = match ending {
            Ending::Undone | Ending::Committed => (ErrorKind::Undone, "nothing of it stands"),
            Ending::HalfDone => (ErrorKind::HalfDone, "a part of it stands"),
            Ending::Unknown => (
                ErrorKind::OutcomeUnknown,
                "it is not known whether all of it was applied or taken back",
            ),
        };
        let first = self.first.clone();
        let why = first
            .as_ref()
            .map_or_else(String::new, |why| format!(": {why}"));
        let message = format!("the transaction was not committed, and {what}{why}");
        let error = Error::new(kind, message).with_steps(steps);
        match first {
            Some(first) => error.with_origin(first, true),
            None => error,
        }
    }
}

/// Returns the error of a step that was in doubt, and is known not to be applied.
fn refused(doubt: &Arc<Error>) -> Error {
    let (kind, what) = match doubt.problem() {
        Some(problem) => (ErrorKind::Refused, format!("it was refused: {problem}")),
        None => (ErrorKind::Exhausted, "it was given up".to_owned()),
    };
    Error::new(kind, what).with_origin(doubt.clone(), false)
}

fn state(standing: Standing) -> StepState {
    match standing {
        Standing::Waiting | Standing::NotApplied => StepState::NotApplied,
        Standing::Unchanged => StepState::Unchanged,
        Standing::Undone => StepState::Undone,
        Standing::Applied | Standing::Stands => StepState::Stands,
        Standing::Unknown => StepState::Unknown,
    }
}
