//! `commit`: the settings of a transaction, and its task.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::lease::Isolation;
use crate::operations::{Lazy, new_group};
use crate::transaction::{Committed, CommittedBy, Endpoint, OnCrash, Plan, run};
use crate::value::{Error, ErrorKind, TransactionSeen, observer};
use crate::write::request::target::Shared;
use crate::write::step::Step;

/// A pending transaction, returned by [`Transaction::commit`](crate::Transaction::commit).
#[must_use = "nothing is sent before it is awaited"]
pub struct Commit {
    call: Lazy<Settings, Result<Committed, Error>>,
}

struct Settings {
    plan: Plan,
    shared: Arc<Shared>,
    fault: Option<Error>,
}

impl Commit {
    pub(super) fn new(
        shared: &Arc<Shared>,
        steps: Vec<Box<dyn Step>>,
        isolation: Option<Arc<dyn Isolation>>,
        endpoint: Option<Endpoint>,
        fault: Option<Error>,
    ) -> Self {
        Self {
            call: Lazy::new(Settings {
                plan: Plan {
                    steps,
                    isolation,
                    time: shared.exchange.limits.time,
                    atomic_only: false,
                    record: None,
                    on_crash: OnCrash::Forward,
                    endpoint,
                },
                shared: shared.clone(),
                fault,
            }),
        }
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        Self {
            call: self.call.set(change),
        }
    }

    /// Sets how long the steps may take (default [`Limits::time`](crate::Limits::time)). Settling doubts and taking steps
    /// back has the same time once more.
    pub fn timeout(self, time: Duration) -> Self {
        self.with(|settings| settings.plan.time = time)
    }

    /// Sets what becomes of the transaction if the process ends before it does, and the client has a
    /// [journal](crate::Journal) (default [`OnCrash::Forward`]).
    pub fn on_crash(self, on_crash: OnCrash) -> Self {
        self.with(|settings| settings.plan.on_crash = on_crash)
    }

    /// Commits only by one atomic request. Where the API has none, or the steps do not fit into one, the call returns
    /// `Config`, and nothing is written.
    pub fn atomic_only(self) -> Self {
        self.with(|settings| settings.plan.atomic_only = true)
    }
}

impl Future for Commit {
    type Output = Result<Committed, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, |settings| {
            Box::pin(async move {
                let Settings {
                    mut plan,
                    shared,
                    fault,
                } = settings;
                if let Some(fault) = fault {
                    return Err(fault);
                }
                plan.record = new_group(&shared)?;
                let steps = plan.steps.len();
                // A dropped future must not leave a transaction half done.
                let task = tokio::spawn(async move {
                    let ended = run(plan).await;
                    let seen = seen(&ended, steps);
                    observer::transaction(shared.observer.as_deref(), &seen);
                    ended
                });
                task.await.unwrap_or_else(|error| {
                    let why = format!("the task of the transaction was stopped: {error}");
                    Err(Error::new(ErrorKind::OutcomeUnknown, why))
                })
            })
        })
    }
}

fn seen(ended: &Result<Committed, Error>, steps: usize) -> TransactionSeen {
    let report = ended.as_ref().ok().map(Committed::report);
    TransactionSeen {
        error: ended.as_ref().err().map(Error::kind),
        steps,
        is_atomic: report.is_some_and(|report| report.by == CommittedBy::Batch),
        is_resumed: false,
        requests: match ended {
            Ok(done) => done.report().requests,
            Err(error) => error.report().requests,
        },
    }
}

impl fmt::Debug for Commit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit").finish_non_exhaustive()
    }
}
