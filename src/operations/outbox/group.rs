//! Goes on with transactions whose process has ended, or whose outcome is not known yet.

use std::sync::Arc;

use super::chain::{ChainRun, Stop};
use super::owner::owner;
use crate::journal::{ChainKey, Journal, Open, Standing, StepRole};
use crate::lease::Isolation;
use crate::support::ids;
use crate::transaction::{Left, OnCrash, Record, WentOn, go_on};
use crate::value::{Error, ErrorKind, TransactionSeen, observer};
use crate::write::queued::{QueuedEnd, Running};
use crate::write::request::target::Shared;

/// Returns the marks of a new transaction. `None` if the client records none.
pub(crate) fn new_group(shared: &Arc<Shared>) -> Result<Option<Record>, Error> {
    let Some(journal) = shared.journal.as_ref().filter(|_| shared.journals_awaited) else {
        return Ok(None);
    };
    let key = (owner(shared)?, ids::uuid_bits().to_be_bytes());
    let running = shared.outbox.begin(key);
    let record = |running| Record::new(journal.clone(), key, running);
    Ok(running.map(|running| record(running).observed_by(shared.observer.clone())))
}

/// The transactions of a journal that were begun and have not ended.
pub(super) struct Group {
    steps: Vec<Standing>,
    undos: Vec<Standing>,
}

impl Group {
    /// Returns a transaction, or `None` if it has ended. It has no steps if they are damaged.
    pub(super) fn of(journal: &Journal, key: &ChainKey) -> Option<Self> {
        let all: Vec<_> = journal.read(|fold| fold.group(key).cloned().collect());
        if all.is_empty() {
            return None;
        }
        let is_undo = |it: &Standing| {
            let of = it.intent.group;
            of.is_some_and(|of| of.role == StepRole::TakesBack)
        };
        let (undos, steps): (Vec<_>, Vec<_>) = all.into_iter().partition(is_undo);
        Some(Self { steps, undos })
    }

    /// Whether it needs leases of the transaction.
    fn is_isolated(&self) -> bool {
        let of = self.steps.first().and_then(|step| step.intent.group);
        of.is_some_and(|of| of.is_isolated)
    }

    /// Whether it can be made by a client with these handles and leases.
    pub(super) fn can_run(steps: &[&Standing], shared: &Shared, is_isolated: bool) -> bool {
        steps.iter().all(|step| {
            let is_known = shared.outbox.writer(&step.intent.handle).is_some();
            let of = step.intent.group;
            is_known && of.is_some_and(|of| is_isolated || !of.is_isolated)
        })
    }

    /// Goes on with it.
    ///
    /// # Errors
    ///
    /// Returns a `Journal` error if the journal fails.
    pub(super) async fn run(
        self,
        shared: &Arc<Shared>,
        journal: &Journal,
        key: ChainKey,
        isolation: Option<Arc<dyn Isolation>>,
        running: Running,
    ) -> Result<ChainRun, Error> {
        let stopped = |sent, stop| Ok(ChainRun { sent, stop });
        if self.is_open() {
            return stopped(0, Stop::Open);
        }
        if self.is_isolated() && isolation.is_none() {
            return stopped(0, Stop::Foreign);
        }
        if self.steps.is_empty() {
            let error = Error::config("the step that is taken back is damaged");
            self.leave_open(shared, journal, &error).await?;
            return stopped(0, Stop::Open);
        }
        let mut steps = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            let Some(writer) = shared.outbox.writer(&step.intent.handle) else {
                return stopped(0, Stop::Foreign);
            };
            match writer.step(step, self.undo_of(step)).await {
                Ok(step) => steps.push(step),
                Err(error) if error.is_journal() && !super::chain::is_damaged(&error) => {
                    return Err(error);
                }
                Err(error) => {
                    self.leave_open(shared, journal, &error).await?;
                    return stopped(0, Stop::Open);
                }
            }
        }
        let first = self.steps.first().and_then(|step| step.intent.group);
        let on_crash = if first.is_some_and(|of| of.goes_back) {
            OnCrash::Back
        } else {
            OnCrash::Forward
        };
        let left = Left {
            steps,
            ends: self
                .steps
                .iter()
                .map(|step| step.stepped.as_ref().map(|(_, stepped)| stepped.end))
                .collect(),
            in_doubt: self.steps.iter().map(|it| !it.sent.is_empty()).collect(),
            isolation: isolation.filter(|_| self.is_isolated()),
            time: shared.exchange.limits.time,
            record: Record::new(journal.clone(), key, running).observed_by(shared.observer.clone()),
            on_crash,
        };
        let went_on = go_on(left).await;
        self.tell(shared, &went_on);
        if matches!(went_on, WentOn::Committed | WentOn::Failed(_)) {
            for step in &self.steps {
                let end = QueuedEnd::WithTransaction;
                shared.outbox.tell(step.intent.id, &end);
            }
        }
        match went_on {
            WentOn::Committed => stopped(self.writes().count(), Stop::Empty),
            WentOn::Failed(error) => {
                #[cfg(feature = "tracing")]
                tracing::warn!(%error, "a transaction of an earlier process was not committed");
                let stop = match error.kind() {
                    ErrorKind::HalfDone => Stop::Open,
                    _ => Stop::Empty,
                };
                stopped(0, stop)
            }
            WentOn::Later(error) => stopped(
                0,
                Stop::Later {
                    why: error.to_string(),
                    is_unreachable: error.kind() == ErrorKind::Transport,
                },
            ),
            WentOn::Unknown(error) => {
                let now = Self::of(journal, &key);
                now.unwrap_or(self)
                    .leave_open(shared, journal, &error)
                    .await?;
                stopped(0, Stop::Open)
            }
        }
    }

    /// Tells the observer how it has ended, if it has.
    fn tell(&self, shared: &Shared, went_on: &WentOn) {
        let error = match went_on {
            WentOn::Committed => None,
            WentOn::Failed(error) | WentOn::Unknown(error) => Some(error),
            WentOn::Later(_) => return,
        };
        let seen = TransactionSeen {
            error: error.map(Error::kind),
            steps: self.steps.len(),
            is_atomic: false,
            is_resumed: true,
            requests: error.map_or(0, |error| error.report().requests),
        };
        observer::transaction(shared.observer.as_deref(), &seen);
    }

    /// Returns the steps that do not only check.
    fn writes(&self) -> impl Iterator<Item = &Standing> {
        let writes = |it: &&Standing| {
            let of = it.intent.group;
            of.is_some_and(|of| of.role == StepRole::Writes)
        };
        self.steps.iter().filter(writes)
    }

    fn is_open(&self) -> bool {
        let mut all = self.steps.iter().chain(&self.undos);
        all.any(|step| step.open.is_some())
    }

    fn undo_of(&self, step: &Standing) -> Option<&Standing> {
        let number = |it: &Standing| it.intent.group.map(|of| of.step);
        self.undos.iter().find(|undo| number(undo) == number(step))
    }

    /// Returns what a person decides about: the steps that write, or what takes them back if they are damaged.
    fn to_decide(&self) -> Vec<&Standing> {
        if self.steps.is_empty() {
            self.undos.iter().collect()
        } else {
            self.writes().collect()
        }
    }

    /// Leaves the steps that write to a person, because the transaction cannot go on by itself. It goes on once all of them
    /// are tried again.
    async fn leave_open(
        &self,
        shared: &Shared,
        journal: &Journal,
        error: &Error,
    ) -> Result<(), Error> {
        for step in self.to_decide() {
            let open = Open {
                intent: step.intent.id,
                schema: step.intent.schema,
                kind: error.kind().name().into(),
                message: error.to_string().into(),
                problem: error.problem().map(Into::into),
            };
            // If they are damaged, the error says so.
            let kept = journal.documents(step.at).await.unwrap_or_default();
            let left = journal.leave_open(open, kept).await;
            left.map_err(Error::journal)?;
            let end = QueuedEnd::NotBegun(error.to_string());
            shared.outbox.tell(step.intent.id, &end);
            super::chain::tell_open(shared, step, error);
        }
        Ok(())
    }
}
