//! The marks of a transaction in the journal, from which a later process goes on.

use std::sync::Arc;

use crate::journal::{ChainKey, GroupStep, Journal, JournalError, LeftOpen, StepEnd, StepRole};
use crate::value::{Error, ErrorKind, Observer, OpenSeen, observer};
use crate::write::queued::Running;
use crate::write::step::Step;

/// The marks of one transaction.
pub(crate) struct Record {
    journal: Journal,
    /// The user, and the id of the transaction.
    key: ChainKey,
    /// Keeps the outbox from it.
    _running: Running,
    observer: Option<Arc<dyn Observer>>,
}

/// What becomes of a transaction whose process ends before the transaction does.
///
/// See [`Commit::on_crash`](crate::Commit::on_crash).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OnCrash {
    /// A later process makes the steps that are left. If one of them is refused, all are taken back.
    #[default]
    Forward,
    /// A later process takes back what was made, unless all steps were made.
    Back,
}

impl Record {
    pub(crate) fn new(journal: Journal, key: ChainKey, running: Running) -> Self {
        Self {
            journal,
            key,
            _running: running,
            observer: None,
        }
    }

    /// Sets who is told of the steps that wait for a person.
    pub(crate) fn observed_by(self, observer: Option<Arc<dyn Observer>>) -> Self {
        Self { observer, ..self }
    }

    /// Records all steps before the first of them is made.
    ///
    /// # Errors
    ///
    /// Returns the error of a step that cannot be recorded, or that of the journal. Nothing may be sent.
    pub(super) async fn begin(
        &self,
        steps: &mut [Box<dyn Step>],
        on_crash: OnCrash,
        is_isolated: bool,
    ) -> Result<(), Error> {
        let mut intents = Vec::with_capacity(steps.len());
        for (step, nth) in steps.iter_mut().zip(0..) {
            let of = GroupStep {
                group: self.key.1,
                step: nth,
                role: StepRole::Writes,
                goes_back: on_crash == OnCrash::Back,
                is_isolated,
            };
            intents.push(step.recorded(of).await?);
        }
        self.journal
            .begin_group(intents)
            .await
            .map_err(Error::journal)
    }

    /// Records how a step has ended.
    pub(super) fn stepped(&self, step: &dyn Step, end: StepEnd) {
        if let Some((stepped, documents)) = step.ended(end) {
            self.journal.stepped(stepped, documents);
        }
    }

    /// Records that the transaction has ended, and what is left for a person.
    ///
    /// # Errors
    ///
    /// Returns the error of the journal. The outbox then goes on with the transaction.
    pub(super) async fn end(&self, left: Vec<LeftOpen>) -> Result<(), JournalError> {
        let told = left.iter().map(|left| {
            let kind = ErrorKind::named(&left.open.kind);
            (left.intent.path(), kind)
        });
        let told: Vec<_> = told.collect();
        self.journal.end_group(&self.key, left).await?;
        for (path, error) in told {
            let seen = OpenSeen::new(&path, error);
            observer::open(self.observer.as_deref(), &seen);
        }
        Ok(())
    }
}
