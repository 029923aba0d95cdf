//! What became of the steps of a transaction that was not committed.

use std::fmt;
use std::sync::Arc;

use super::Error;

/// One step of a transaction that was not committed, returned by [`Error::steps`].
#[derive(Clone)]
pub struct StepReport {
    operation: &'static str,
    path: String,
    state: StepState,
    why: Option<Arc<Error>>,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StepState {
    /// It was not applied, and never will be.
    NotApplied,
    /// There was nothing to write, or it only checked that nothing has changed.
    Unchanged,
    /// It was applied and taken back. Changes that others have made since are kept.
    Undone,
    /// It was applied and could not be taken back. [`StepReport::why`] tells the reason, such as another client that
    /// has built on it.
    Stands,
    /// It is not known whether it was applied or taken back. Read the resource.
    Unknown,
}

impl StepReport {
    pub(crate) fn new(
        operation: &'static str,
        path: String,
        state: StepState,
        why: Option<Arc<Error>>,
    ) -> Self {
        Self {
            operation,
            path,
            state,
            why,
        }
    }

    /// Returns the name of the operation, such as `update`.
    pub fn operation(&self) -> &'static str {
        self.operation
    }

    /// Returns the path of the resource.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Returns what became of it.
    pub fn state(&self) -> StepState {
        self.state
    }

    /// Returns the error of the step or of its undo, if there was one. It has the [sides](Error::sides).
    pub fn why(&self) -> Option<&Error> {
        self.why.as_deref()
    }
}

impl fmt::Display for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            StepState::NotApplied => "not applied",
            StepState::Unchanged => "unchanged",
            StepState::Undone => "undone",
            StepState::Stands => "stands",
            StepState::Unknown => "unknown",
        };
        write!(f, "{} {}: {state}", self.operation, self.path)?;
        let Some(why) = &self.why else { return Ok(()) };
        match std::error::Error::source(&**why) {
            Some(source) => write!(f, " ({why}: {source})"),
            None => write!(f, " ({why})"),
        }
    }
}

impl fmt::Debug for StepReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
