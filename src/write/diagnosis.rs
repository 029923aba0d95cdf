//! The diagnosis of a write, for its error and its report.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

use super::machine::events::{Event, Failure, Refused};
use crate::exchange::transport::{Fate, TransportError};
use crate::lease::LeaseLost;
use crate::lens::Unfaithful;
use crate::merge::FieldConflict;
use crate::protocol::{Problem, RefusalKind, Validator};
use crate::retry::BlockedBy;
use crate::write::request::reading::NoRepresentation;

/// An error that can be returned to several callers.
pub(crate) type SharedError = Arc<dyn Error + Send + Sync>;

/// The reason why an event is not a success.
#[derive(Clone, Debug)]
pub(crate) enum FailureCause {
    Transport(Arc<TransportError>),
    Gated(BlockedBy),
    Credentials(SharedError),
    /// The journal could not keep a mark, so the request was not sent.
    Journal(SharedError),
    /// The lease of the write is lost, so the request was not sent, or was refused for it.
    Lease(LeaseLost),
    NoRepresentation(NoRepresentation),
    Status(StatusCode),
    Unusable(&'static str),
    /// The server reported a success that a read does not show.
    Contradicted(&'static str),
    /// Another object has been created at the address.
    Successor,
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
    /// Whether the request was carried out, and its response is longer than allowed.
    pub(crate) fn is_too_large(&self) -> bool {
        matches!(self, Self::Transport(error) if error.fate == Fate::TooLarge)
    }

    /// Returns the error of a value that cannot be put into its document.
    pub(crate) fn unfaithful(&self) -> Option<&Unfaithful> {
        match self {
            Self::Edit(error) | Self::Strategy(error) | Self::Handler(error) => {
                error.downcast_ref()
            }
            _ => None,
        }
    }
}

/// Additional facts about a request that was carried out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Remarks {
    /// Whether the resource to be replaced did not exist any more.
    pub(crate) recreated: bool,
    /// Whether the resource is marked as being removed, and still there.
    pub(crate) removal_pending: bool,
    /// Whether the response to an action is longer than allowed.
    pub(crate) response_too_large: bool,
}

/// What is known about the course of a write.
#[derive(Clone, Default)]
pub(crate) struct Diagnosis {
    /// The conflicts that no strategy resolved.
    pub(crate) conflicts: Vec<FieldConflict>,
    /// The last refusal, with its meaning.
    pub(crate) refusal: Option<(RefusalKind, Problem)>,
    /// The problem in the response to a request that failed otherwise.
    pub(crate) last_problem: Option<(RefusalKind, Problem)>,
    pub(crate) cause: Option<FailureCause>,
    /// The failure that the write was waiting to try again after, if nothing else has happened since.
    pub(crate) retried: Option<FailureCause>,
    /// How many requests failed in a way that a retry may mend.
    pub(crate) failed_tries: u32,
    /// How many responses were lost, or did not show whether the request was applied.
    pub(crate) lost_replies: u32,
    /// The address that the server gave to a new document.
    pub(crate) location: Option<url::Url>,
    pub(crate) remarks: Remarks,
    /// Another id for the creation, chosen by a handler.
    pub(crate) new_id: Option<String>,
}

impl Diagnosis {
    /// Records the cause of an event. An event without a cause clears the earlier cause, unless it is a consequence
    /// of it, such as a wait or a read after a lost request.
    pub(crate) fn note(
        &mut self,
        event: &Event<Validator>,
        cause: Option<FailureCause>,
        is_in_doubt: bool,
    ) {
        let follows = match event {
            Event::Woke | Event::OutOfTime | Event::Judged(_) | Event::HandlerDecided(_) => true,
            Event::Read(_) | Event::Recognised(_) | Event::Followed(_) => {
                is_in_doubt || matches!(self.cause, Some(FailureCause::Contradicted(_)))
            }
            _ => false,
        };
        self.count(event, cause.as_ref(), follows);
        if cause.is_some() || !follows {
            self.cause = cause;
        }
    }

    /// Counts the tries that failed, and records the last of them.
    fn count(&mut self, event: &Event<Validator>, cause: Option<&FailureCause>, follows: bool) {
        match event {
            // The request was held back, which says nothing about the tries before it.
            Event::Failed { .. } if matches!(cause, Some(FailureCause::Gated(_))) => {}
            Event::Failed {
                failure: Failure::Permanent | Failure::Doubtful,
                ..
            } => self.retried = None,
            Event::Failed { .. } => {
                self.failed_tries += 1;
                self.retried = cause.cloned();
            }
            Event::Refused {
                kind: Refused::Locked | Refused::Transient,
                ..
            } => {
                self.failed_tries += 1;
                self.retried = None;
            }
            _ if follows => {}
            _ => self.retried = None,
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

    /// Whether the cause of a failure is still reported after these events.
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
    fn a_failure_that_was_tried_again_is_known_at_the_deadline_and_forgotten_after_a_success() {
        let mut diagnosis = Diagnosis::default();
        diagnosis.note(
            &FAILED,
            Some(FailureCause::Status(StatusCode::BAD_GATEWAY)),
            false,
        );
        diagnosis.note(&Event::Woke, None, false);
        diagnosis.note(
            &FAILED,
            Some(FailureCause::Status(StatusCode::BAD_GATEWAY)),
            false,
        );
        diagnosis.note(&Event::OutOfTime, Some(FailureCause::OutOfTime), false);
        assert!(matches!(diagnosis.retried, Some(FailureCause::Status(_))));
        assert_eq!(diagnosis.failed_tries, 2);
        diagnosis.note(&Event::Read(ReadOutcome::Absent), None, false);
        assert!(diagnosis.retried.is_none());
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
