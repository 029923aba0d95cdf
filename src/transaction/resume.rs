//! Goes on with a transaction that an earlier process has left.

use std::sync::Arc;
use std::time::Duration;

use super::machine::{Machine, Standing};
use super::plan::{checked, release};
use super::record::{OnCrash, Record};
use super::run::Run;
use crate::journal::StepEnd;
use crate::lease::Isolation;
use crate::value::{Error, ErrorKind};
use crate::write::step::Step;

/// A transaction that an earlier process has left.
pub(crate) struct Left {
    pub(crate) steps: Vec<Box<dyn Step>>,
    /// How each step has ended, as far as that is recorded.
    pub(crate) ends: Vec<Option<StepEnd>>,
    /// Whether requests of each step may have been applied.
    pub(crate) in_doubt: Vec<bool>,
    pub(crate) isolation: Option<Arc<dyn Isolation>>,
    pub(crate) time: Duration,
    pub(crate) record: Record,
    pub(crate) on_crash: OnCrash,
}

/// How a transaction that an earlier process has left goes on.
#[derive(Debug)]
pub(crate) enum WentOn {
    Committed,
    /// It has ended, and nothing or a part of it stands.
    Failed(Error),
    /// It has not ended. The server cannot be reached, or is busy.
    Later(Arc<Error>),
    /// It cannot be found out what became of a step.
    Unknown(Error),
}

/// Goes on with a transaction that an earlier process has left.
pub(crate) async fn go_on(left: Left) -> WentOn {
    let urls = match checked(&left.steps) {
        Ok(urls) => urls,
        Err(error) => return WentOn::Unknown(error),
    };
    let mut run = Run::new(left.steps, urls, left.time);
    (run.record, run.is_resumed) = (Some(left.record), true);
    let held = match run.hold(left.isolation.as_deref()).await {
        Ok(held) => held,
        Err((_, error)) => return WentOn::Later(Arc::new(error)),
    };
    let standings = left.ends.into_iter().map(|end| match end {
        None => Standing::Waiting,
        Some(StepEnd::Applied) => Standing::Applied,
        Some(StepEnd::Unchanged) => Standing::Unchanged,
        Some(StepEnd::NotApplied) => Standing::NotApplied,
        Some(StepEnd::Undone) => Standing::Undone,
        Some(StepEnd::Stands) => Standing::Stands,
    });
    let goes_back = left.on_crash == OnCrash::Back;
    let machine = Machine::resumed(standings.collect(), left.in_doubt, goes_back);
    let ended = run.make(machine).await;
    release(held).await;
    match (ended, run.waits.take()) {
        (Ok(_), _) => WentOn::Committed,
        (Err(_), Some(waits)) => WentOn::Later(waits),
        (Err(error), None) if error.kind() == ErrorKind::OutcomeUnknown => WentOn::Unknown(error),
        (Err(error), None) => WentOn::Failed(error),
    }
}
