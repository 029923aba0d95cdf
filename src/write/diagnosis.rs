//! What is known of how a write fares, for its error and its report.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::machine::events::Event;
use crate::exchange::transport::TransportError;
use crate::lens::Unfaithful;
use crate::merge::FieldConflict;
use crate::protocol::{Problem, RefusalKind, Validator};
use crate::retry::BlockedBy;
use crate::write::request::reading::NoRepresentation;

/// An error that several callers can be told.
pub(crate) type SharedError = Arc<dyn Error + Send + Sync>;

/// Why an event is no better one.
#[derive(Clone, Debug)]
pub(crate) enum FailureCause {
    Transport(Arc<TransportError>),
    Gated(BlockedBy),
    Credentials(SharedError),
    NoRepresentation(NoRepresentation),
    Status(StatusCode),
    Unusable(&'static str),
    /// The server told a success that a read does not show.
    Contradicted(&'static str),
    /// Another object has been made at the address.
    Succeeded,
    Edit(SharedError),
    Strategy(SharedError),
    Handler(SharedError),
    Payload(SharedError),
    OutOfTime,
    WaitTooLong(Duration),
    Budget,
    ScheduleEnded,
}

impl FailureCause {
    /// A value that cannot be put into its document.
    pub(crate) fn unfaithful(&self) -> Option<&Unfaithful> {
        match self {
            Self::Edit(error) | Self::Strategy(error) | Self::Handler(error) => {
                error.downcast_ref()
            }
            _ => None,
        }
    }
}

/// What is told of a success besides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remarks {
    /// What was to be replaced was not there any more.
    pub(crate) recreated: bool,
    /// It is marked as being removed, and still there.
    pub(crate) removal_pending: bool,
}

/// What is known of how a write fares.
#[derive(Clone, Default)]
pub(crate) struct Diagnosis {
    /// What no strategy settled.
    pub(crate) conflicts: Vec<FieldConflict>,
    /// The last refusal, and what it means.
    pub(crate) refusal: Option<(RefusalKind, Problem)>,
    /// What the server said to a request that failed otherwise.
    pub(crate) last_problem: Option<(RefusalKind, Problem)>,
    pub(crate) cause: Option<FailureCause>,
    /// Where the server put a new document.
    pub(crate) location: Option<url::Url>,
    pub(crate) remarks: Remarks,
    /// The id that a handler named for what could not be created under this one.
    pub(crate) new_id: Option<String>,
}

impl Diagnosis {
    /// Notes the cause of an event. One without a cause ends the earlier cause, unless it follows from it:
    /// a wait, or a look at what became of a request.
    pub(crate) fn note(
        &mut self,
        event: &Event<Validator>,
        cause: Option<FailureCause>,
        is_in_doubt: bool,
    ) {
        let follows = match event {
            Event::Woke | Event::OutOfTime | Event::Judged(_) | Event::Answered(_) => true,
            Event::Read(_) | Event::Recognised(_) | Event::Followed(_) => {
                is_in_doubt || matches!(self.cause, Some(FailureCause::Contradicted(_)))
            }
            _ => false,
        };
        if cause.is_some() || !follows {
            self.cause = cause;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::events::{Decision, Failure, ReadOutcome, Refused};
    use super::*;

    const FAILED: Event<Validator> = Event::Failed {
        failure: Failure::InFlight,
        wait: None,
    };
    const REFUSED: Event<Validator> = Event::Refused {
        kind: Refused::Stale,
        current: None,
        wait: None,
    };

    /// Whether the cause of a failure is still told after these events.
    fn keeps_cause(after: &[Event<Validator>], is_in_doubt: bool) -> bool {
        let mut diagnosis = Diagnosis::default();
        diagnosis.note(&FAILED, Some(FailureCause::Budget), is_in_doubt);
        for event in after {
            diagnosis.note(event, None, is_in_doubt);
        }
        diagnosis.cause.is_some()
    }

    #[test]
    fn a_failure_is_the_cause_until_its_end_is_known() {
        assert!(keeps_cause(&[Event::Woke], false));
        let looked = [Event::Woke, Event::Read(ReadOutcome::Absent)];
        assert!(keeps_cause(&looked, true) && !keeps_cause(&looked, false));
    }

    #[test]
    fn no_error_tells_the_cause_of_something_that_is_over() {
        for event in [
            REFUSED,
            Event::Stored,
            Event::Prepared(true),
            Event::Resolved(Decision::Unresolved),
        ] {
            assert!(!keeps_cause(&[event], true));
        }
    }
}
