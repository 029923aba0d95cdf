//! Carries out the actions of the machine.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::Url;

use super::machine::{Action, Ending, Event, Machine, Made, Standing, TakenBack};
use super::report::{Committed, CommittedBy, TransactionReport};
use super::step::{Back, Step, Tried};
use crate::lease::{Held, Isolation};
use crate::retry::later;
use crate::value::{Error, ErrorKind, StepReport, StepState};

/// The most steps of a transaction.
const MOST_STEPS: usize = 100;

/// A transaction that is to be made.
pub(crate) struct Plan {
    pub(crate) steps: Vec<Box<dyn Step>>,
    pub(crate) isolation: Option<Arc<dyn Isolation>>,
    /// How long the steps may take.
    pub(crate) time: Duration,
    pub(crate) atomic_only: bool,
}

/// A transaction that is being made.
struct Run {
    steps: Vec<Box<dyn Step>>,
    urls: Vec<Url>,
    /// Why each step has its standing.
    errors: Vec<Option<Arc<Error>>>,
    /// The error of the step that failed first.
    first: Option<Arc<Error>>,
    requests: u32,
    begun: Instant,
    time: Duration,
    /// When the time for taking back began.
    taking_back: Option<Instant>,
}

/// Makes the steps of a transaction, or takes them back.
pub(crate) async fn run(plan: Plan) -> Result<Committed, Error> {
    let Plan {
        mut steps,
        isolation,
        time,
        atomic_only,
    } = plan;
    if atomic_only {
        let why = "this API has no atomic request for several resources, and `atomic_only` forbids any other way";
        return Err(Error::config(why));
    }
    steps.sort_by_key(|step| step.risk());
    let urls = checked(&steps)?;
    let mut run = Run {
        errors: steps.iter().map(|_| None).collect(),
        steps,
        urls,
        first: None,
        requests: 0,
        begun: Instant::now(),
        time,
        taking_back: None,
    };
    let mut held = Vec::new();
    if let Some(isolation) = isolation {
        let mut order: Vec<_> = (0..run.steps.len()).collect();
        order.sort_by(|one, other| run.urls[*one].cmp(&run.urls[*other]));
        // A member whose handle has a lease is held already.
        order.retain(|step| !run.steps[*step].has_lease());
        for step in order {
            let lease = isolation.hold(run.urls[step].path(), run.left()).await;
            match lease {
                Ok(lease) => {
                    run.steps[step].hold(&lease);
                    held.push(lease);
                }
                Err(error) => return Err(run.unbegun(step, error)),
            }
        }
    }
    for step in 0..run.steps.len() {
        let left = run.left();
        match run.steps[step].prepare(left).await {
            Ok(requests) => run.requests = run.requests.saturating_add(requests),
            Err(error) => return Err(run.unbegun(step, error)),
        }
    }
    let ended = run.make().await;
    release(held).await;
    ended
}

/// Checks what can be checked before anything is sent, and returns the addresses of the steps.
fn checked(steps: &[Box<dyn Step>]) -> Result<Vec<Url>, Error> {
    if steps.len() > MOST_STEPS {
        let why = format!("a transaction has at most {MOST_STEPS} steps");
        return Err(Error::config(why));
    }
    let mut urls = Vec::with_capacity(steps.len());
    for step in steps {
        let url = step.url()?;
        if urls.contains(&url) {
            let path = url.path();
            return Err(Error::config(format!(
                "{path}: two steps are about one address"
            )));
        }
        urls.push(url);
    }
    Ok(urls)
}

async fn release(held: Vec<Held>) {
    for lease in held {
        // The transaction has ended. A lease that cannot be released ends by itself.
        let _ = lease.release().await;
    }
}

impl Run {
    async fn make(&mut self) -> Result<Committed, Error> {
        let mut machine = Machine::new(self.steps.len());
        let mut event = Event::Begin;
        loop {
            event = match machine.on(event) {
                Action::Run(step) => {
                    let left = self.left();
                    let tried = if left.is_zero() {
                        Err(Error::new(ErrorKind::Exhausted, "the time was over"))
                    } else {
                        self.steps[step].run(left).await
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
                Action::Finish(Ending::Committed) => return Ok(self.committed()),
                Action::Finish(ending) => return Err(self.failed(ending, machine.steps())),
            };
        }
    }

    /// Returns the time that is left for the steps.
    fn left(&self) -> Duration {
        later(self.begun, self.time).saturating_duration_since(Instant::now())
    }

    /// Returns the time that is left for settling and taking back, which has its own.
    fn left_for_taking_back(&mut self) -> Duration {
        let now = Instant::now();
        let since = *self.taking_back.get_or_insert(now);
        later(since, self.time).saturating_duration_since(now)
    }

    fn made(&mut self, step: usize, tried: Result<Tried, Error>) -> Event {
        let (made, error) = match tried {
            Ok(tried) => {
                self.requests = self.requests.saturating_add(tried.requests);
                (tried.made, tried.error)
            }
            Err(error) if error.kind() == ErrorKind::OutcomeUnknown => (Made::Unknown, Some(error)),
            Err(error) => (Made::NotApplied, Some(error)),
        };
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
        Event::Made(made)
    }

    fn taken_back(&mut self, step: usize, back: Result<Back, Error>) -> Event {
        let (taken_back, error) = match back {
            Ok(back) => {
                self.requests = self.requests.saturating_add(back.requests);
                (back.result, back.error)
            }
            Err(error) => (TakenBack::Unknown, Some(error)),
        };
        if taken_back != TakenBack::Undone {
            self.errors[step] = error.map(Arc::new);
        }
        Event::TakenBack(taken_back)
    }

    fn committed(&self) -> Committed {
        Committed::new(TransactionReport {
            requests: self.requests,
            by: CommittedBy::Saga,
            elapsed: self.begun.elapsed(),
        })
    }

    /// Returns the error of a transaction of which nothing was sent.
    fn unbegun(&mut self, step: usize, error: Error) -> Error {
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

/// A further run that did not begin settles nothing.
fn still_unknown(tried: Result<Tried, Error>) -> Result<Tried, Error> {
    tried.or_else(|error| {
        Ok(Tried {
            error: Some(error),
            ..Tried::unknown()
        })
    })
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
