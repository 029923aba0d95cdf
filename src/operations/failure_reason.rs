//! The reason why a write was not retried, in words.

use std::sync::Arc;

use crate::retry::BlockedBy;
use crate::support::words;
use crate::value::{ErrorKind, is_own, unfaithful_at};
use crate::write::diagnosis::{FailureCause, SharedError};
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;

/// The reason why a write was not retried.
pub(super) struct FailureReason {
    pub(super) text: String,
    /// The error of one of the application's parts, which is not repeated in the text.
    pub(super) apart: Option<SharedError>,
}

impl From<String> for FailureReason {
    fn from(text: String) -> Self {
        Self { text, apart: None }
    }
}

impl FailureReason {
    /// Returns the reason for the end of a write.
    pub(super) fn of(kind: ErrorKind, done: &WriteOutcome) -> Self {
        reason(kind, done)
    }

    /// Creates the reason for a failed part of the application.
    fn failed(what: &str, error: &SharedError) -> Self {
        if is_own(&**error) {
            format!("{what}: {error}").into()
        } else {
            Self {
                text: what.to_owned(),
                apart: Some(Arc::clone(error)),
            }
        }
    }
}

/// From this number of lost races on, the error explains what may cause them.
const MANY_RACES: u32 = 16;

const OUT_OF_TIME: &str = "the call had no time left for another try";

fn reason(kind: ErrorKind, done: &WriteOutcome) -> FailureReason {
    let cause = done.diagnosis.cause.as_ref();
    if kind == ErrorKind::Unfaithful
        && let Some(
            error @ (FailureCause::Edit(shared)
            | FailureCause::Strategy(shared)
            | FailureCause::Handler(shared)),
        ) = cause
        && let Some(unfaithful) = error.unfaithful()
    {
        return FailureReason::failed(&unfaithful_at(unfaithful), shared);
    }
    if kind == ErrorKind::Exhausted && done.kind == OutcomeKind::Refused {
        return words::RETRY_LIMIT.to_owned().into();
    }
    let outcome = match done.kind {
        OutcomeKind::Unknown if kind == ErrorKind::TooLarge => {
            "the action was carried out, but its response is longer than allowed"
        }
        OutcomeKind::Unknown if done.goal == Goal::Act => {
            "the action may have been carried out, and trying again could carry it out twice"
        }
        OutcomeKind::Unknown => {
            "the write may have been applied, and trying again could apply it twice"
        }
        OutcomeKind::Accepted => "the server has accepted the write, and may still carry it out",
        OutcomeKind::Conflict if done.goal == Goal::Act => {
            "the resource has changed since the version to which the action is pinned, and there is no guard"
        }
        OutcomeKind::Conflict => match cause {
            Some(FailureCause::Strategy(error)) => {
                return FailureReason::failed("the merge strategy failed", error);
            }
            _ => "both sides changed the same fields, and no strategy resolved the conflict",
        },
        OutcomeKind::Refused => match cause {
            Some(FailureCause::Contradicted(why)) => why,
            Some(FailureCause::Handler(error)) => {
                return FailureReason::failed("the refusal handler failed", error);
            }
            _ if done.diagnosis.new_id.is_some() => {
                "each id that the handler named was refused, until the round limit was reached"
            }
            _ => "the refusal is not a version conflict, and no handler resolved it",
        },
        OutcomeKind::Locked => "the resource was still locked at the deadline",
        OutcomeKind::NotFound => "there is no resource at this address",
        OutcomeKind::Gone if matches!(cause, Some(FailureCause::Successor)) => {
            "the resource was removed, and another object is at its address now"
        }
        OutcomeKind::Gone => "the resource was removed, and no strategy creates it again",
        OutcomeKind::UnusableValidator => match cause {
            Some(FailureCause::Unusable(why)) => why,
            _ if done.tally.races > 0 => {
                "the server rejects the version that it issued: look for a weak tag, a tag that a proxy changed (a -gzip suffix), or a stale replica"
            }
            _ => "the server provides no version to pin the write to",
        },
        _ => "",
    };
    if !outcome.is_empty() {
        return outcome.to_owned().into();
    }
    match cause {
        Some(FailureCause::Edit(error)) if done.goal == Goal::Act => {
            FailureReason::failed("the guard did not accept the state", error)
        }
        Some(FailureCause::Edit(error)) => FailureReason::failed("the edit failed", error),
        Some(FailureCause::Credentials(error)) => {
            FailureReason::failed("the credentials could not be obtained", error)
        }
        _ => text(kind, done).into(),
    }
}

/// Returns the reason of a failure that none of the application's parts caused.
fn text(kind: ErrorKind, done: &WriteOutcome) -> String {
    match &done.diagnosis.cause {
        Some(FailureCause::Transport(_) | FailureCause::Status(_))
            if done.diagnosis.retried.is_some() =>
        {
            match done.kind {
                OutcomeKind::Exhausted => OUT_OF_TIME.to_owned(),
                _ => words::RETRY_LIMIT.to_owned(),
            }
        }
        Some(FailureCause::Transport(error)) => error.to_string(),
        Some(FailureCause::Gated(held)) => format!("{held}, longer than this call may wait"),
        Some(FailureCause::WaitTooLong(wait)) => {
            let held = BlockedBy::Server(*wait);
            format!("{held}, longer than this call may wait")
        }
        Some(FailureCause::NoRepresentation(error)) => error.to_string(),
        Some(FailureCause::Payload(error)) => {
            let what = match done.goal {
                Goal::Act => "action",
                _ => "document",
            };
            format!("the {what} cannot be sent: {error}")
        }
        Some(FailureCause::Unusable(why)) => (*why).to_owned(),
        Some(FailureCause::Lease(lost)) => lost.to_string(),
        Some(FailureCause::Journal(error)) => format!("the request was not sent: {error}"),
        Some(FailureCause::Budget) => "the retry budget of this server is spent".to_owned(),
        Some(FailureCause::ScheduleEnded) => "the retry schedule is at its end".to_owned(),
        Some(FailureCause::Status(status)) if kind == ErrorKind::Status => {
            format!("the server answered {}", status.as_u16())
        }
        Some(FailureCause::OutOfTime) if done.diagnosis.retried.is_some() => OUT_OF_TIME.to_owned(),
        _ if kind == ErrorKind::Exhausted => {
            let (rounds, lost) = (done.tally.rounds, done.tally.races);
            let mut took = format!(
                "the write did not succeed in {} and {}",
                words::counted(rounds, "round", "rounds"),
                words::time(done.elapsed)
            );
            if let Some((_, problem)) = &done.diagnosis.refusal {
                took = format!("{took}; the last refusal was {problem}");
            }
            if lost < MANY_RACES || lost < rounds {
                took
            } else {
                format!(
                    "{took}. Each read returned another version: other clients write without a pause, or the server \
                     returns a new version with every read, which `Client::probe` detects"
                )
            }
        }
        _ => "a retry would fail in the same way".to_owned(),
    }
}
