//! Turns the outcome of a failed write into the error that the caller sees.

use std::sync::Arc;

use http::StatusCode;

use super::failure_reason::FailureReason;
use crate::exchange::transport::Fate;
use crate::json::Document;
use crate::lens::Unfaithful;
use crate::operations::ResourceData;
use crate::protocol::RefusalKind;
use crate::support::{panics, words};
use crate::value::{Error, ErrorKind, ErrorReport, Sides, Versioned, WriteReport};
use crate::write::diagnosis::{Diagnosis, FailureCause, SharedError};
use crate::write::machine::events::{Goal, OutcomeKind};
use crate::write::outcome::WriteOutcome;
use crate::write::request::target::Target;

/// Returns the kind of the error, named by what the caller does next.
pub(super) fn kind(done: &WriteOutcome) -> ErrorKind {
    if let Some(kind) = kind_of_spent_retries(done) {
        return kind;
    }
    if done.kind.is_plain_failure() && matches!(done.diagnosis.cause, Some(FailureCause::Lease(_)))
    {
        return ErrorKind::LeaseLost;
    }
    let is_unfaithful = unfaithful(done).is_some();
    match done.kind {
        OutcomeKind::EditFailed | OutcomeKind::Conflict | OutcomeKind::Refused if is_unfaithful => {
            ErrorKind::Unfaithful
        }
        OutcomeKind::NotFound => ErrorKind::NotFound,
        OutcomeKind::Gone => ErrorKind::Gone,
        OutcomeKind::Locked => ErrorKind::Locked,
        OutcomeKind::UnusableValidator => ErrorKind::UnusableValidator,
        OutcomeKind::Unknown if done.diagnosis.remarks.response_too_large => ErrorKind::TooLarge,
        OutcomeKind::Unknown => ErrorKind::OutcomeUnknown,
        OutcomeKind::Accepted => ErrorKind::Accepted,
        OutcomeKind::EditFailed => match done.diagnosis.cause {
            Some(FailureCause::NoRepresentation(_)) => ErrorKind::Decode,
            _ => ErrorKind::Edit,
        },
        OutcomeKind::Conflict => ErrorKind::Conflict,
        OutcomeKind::Exhausted => ErrorKind::Exhausted,
        OutcomeKind::Refused => match &done.diagnosis.refusal {
            // A read has shown that the resource exists, so the refusal is about something that the action needs.
            Some((kind, problem))
                if done.goal == Goal::Act
                    && (*kind == RefusalKind::NotFound
                        || matches!(problem.status().as_u16(), 404 | 410))
                    && done.state.remote.snapshot().is_some() =>
            {
                ErrorKind::Status
            }
            // An action creates nothing at its address, and these were not sent onto a version.
            Some((RefusalKind::AlreadyExists | RefusalKind::StaleVersion, _))
                if done.goal == Goal::Act =>
            {
                ErrorKind::Refused
            }
            // A creation may be refused by the words of the response, or by its precondition.
            Some((RefusalKind::AlreadyExists, _)) => ErrorKind::AlreadyExists,
            Some((RefusalKind::StaleVersion, problem))
                if done.goal != Goal::Append || !problem.status().is_success() =>
            {
                ErrorKind::AlreadyExists
            }
            Some((RefusalKind::Locked, _)) => ErrorKind::Locked,
            Some((RefusalKind::UnsupportedApiVersion, _)) => ErrorKind::UnsupportedApiVersion,
            Some((RefusalKind::NotFound, _)) => ErrorKind::NotFound,
            // The response did not say so, but the read that followed found a resource.
            Some((RefusalKind::Unknown, problem))
                if done.goal == Goal::Create
                    && done.state.remote.snapshot().is_some()
                    && matches!(problem.status().as_u16(), 200..300 | 409 | 412) =>
            {
                ErrorKind::AlreadyExists
            }
            // A 5xx counts as a refusal only if its meaning is known.
            Some((kind, problem))
                if *kind != RefusalKind::Unknown && problem.status().is_server_error() =>
            {
                ErrorKind::Refused
            }
            Some((_, problem)) => match problem.status().as_u16() {
                404 => ErrorKind::NotFound,
                410 => ErrorKind::Gone,
                200..300 | 409 | 412 | 422 | 400 => ErrorKind::Refused,
                _ => ErrorKind::Status,
            },
            None => ErrorKind::Status,
        },
        _ => match &done.diagnosis.cause {
            Some(FailureCause::Transport(error)) if error.fate == Fate::TooLarge => {
                ErrorKind::TooLarge
            }
            Some(FailureCause::Transport(_)) => ErrorKind::Transport,
            Some(FailureCause::Gated(_)) => ErrorKind::Exhausted,
            Some(FailureCause::NoRepresentation(_)) => ErrorKind::Decode,
            Some(FailureCause::Credentials(_) | FailureCause::Payload(_)) => ErrorKind::Config,
            Some(FailureCause::Journal(_)) => ErrorKind::Journal,
            Some(FailureCause::Unusable(_)) => ErrorKind::UnusableValidator,
            _ => ErrorKind::Status,
        },
    }
}

/// Returns the kind of a write that was tried again until its retries were spent.
fn kind_of_spent_retries(done: &WriteOutcome) -> Option<ErrorKind> {
    match (done.kind, &done.diagnosis.retried) {
        (OutcomeKind::Exhausted | OutcomeKind::Failed, Some(FailureCause::Transport(error))) => {
            Some(match (error.fate, done.session.last_status) {
                (Fate::TooLarge, _) => ErrorKind::TooLarge,
                (_, None) => ErrorKind::Transport,
                (_, Some(_)) => ErrorKind::Exhausted,
            })
        }
        (OutcomeKind::Failed, Some(_)) => Some(ErrorKind::Exhausted),
        // Such a refusal is only short contention, and ends a write only once the retries are spent.
        (OutcomeKind::Refused, _) => match &done.diagnosis.refusal {
            Some((RefusalKind::InFlight | RefusalKind::Transient, _))
                if !matches!(done.diagnosis.cause, Some(FailureCause::Handler(_))) =>
            {
                Some(ErrorKind::Exhausted)
            }
            _ => None,
        },
        _ => None,
    }
}

fn unfaithful(done: &WriteOutcome) -> Option<&Unfaithful> {
    done.diagnosis.cause.as_ref()?.unfaithful()
}

/// Returns the status of the write itself, not of a later read that judged it.
fn said_status(done: &WriteOutcome) -> Option<StatusCode> {
    match &done.diagnosis.cause {
        Some(FailureCause::Status(status)) => Some(*status),
        _ => done.session.last_status,
    }
}

/// Creates the error, with its message, report, sides and source.
pub(super) fn error<T: ResourceData>(
    kind: ErrorKind,
    target: &Target,
    id: Option<&str>,
    mut done: WriteOutcome,
    report: &WriteReport,
) -> Error {
    let path = target.url.path();
    let FailureReason { text: why, apart } = FailureReason::of(kind, &done);
    let message = message(kind, path, &done, &why);
    let report = ErrorReport {
        last_status: said_status(&done),
        retry_after: done.session.retry_after,
        why: match &apart {
            Some(error) => format!("{why}: {error}"),
            None => why,
        },
        ..ErrorReport::of(report)
    };
    let (refusal, problem) = match done
        .diagnosis
        .refusal
        .as_ref()
        .or(done.diagnosis.last_problem.as_ref())
    {
        Some((kind, problem)) => (Some(*kind), Some(problem.clone())),
        None => (None, None),
    };
    let retried = done.diagnosis.retried.take();
    let cause = done.diagnosis.cause.take();
    let source = cause.and_then(source).or(retried.and_then(source));
    // Most messages include the text of the crate's own errors.
    let is_in_message = apart.is_none()
        && source
            .as_ref()
            .is_some_and(|error| message.contains(&error.to_string()));
    let error = Error::new(kind, message)
        .with_monitor(done.monitor.take())
        .with_problem(problem, refusal)
        .with_report(report)
        .with_sides(sides::<T>(target, id, done));
    match source {
        Some(source) => error.with_origin(source, is_in_message),
        None => error,
    }
}

/// Returns the message of the error. It includes the text of the crate's own errors.
fn message(kind: ErrorKind, path: &str, done: &WriteOutcome, why: &str) -> String {
    let detail = done.diagnosis.refusal.as_ref().filter(|_| {
        matches!(
            kind,
            ErrorKind::Refused
                | ErrorKind::UnsupportedApiVersion
                | ErrorKind::AlreadyExists
                | ErrorKind::Locked
                | ErrorKind::Status
                | ErrorKind::Conflict
        )
    });
    let detail = detail
        .map(|(_, problem)| format!(": {problem}"))
        .unwrap_or_default();
    match kind {
        ErrorKind::Conflict if !done.diagnosis.conflicts.is_empty() => {
            let fields: Vec<&str> = done
                .diagnosis
                .conflicts
                .iter()
                .map(|field| match field.pointer.as_str() {
                    "" => "the whole document",
                    pointer => pointer,
                })
                .collect();
            format!("{path}: unresolved conflict in {}", fields.join(", "))
        }
        ErrorKind::Conflict if done.goal == Goal::Act => format!("{path}: {why}{detail}"),
        ErrorKind::Conflict => format!("{path}: unresolved conflict"),
        ErrorKind::OutcomeUnknown => {
            let failed = done.diagnosis.last_problem.as_ref();
            let failed = failed
                .map(|(_, problem)| format!("; a response was {problem}"))
                .unwrap_or_default();
            let tries = tried(done, "; ");
            let what = match done.goal {
                Goal::Act => "the action was carried out",
                _ => "the write was applied",
            };
            format!("{path}: it is unknown whether {what}{failed}{tries}")
        }
        ErrorKind::Accepted => {
            let at = done.monitor.as_ref();
            let at = at.map_or_else(String::new, |at| {
                format!("; its status is at {}", at.path())
            });
            format!("{path}: accepted, but not completed before the deadline of the call{at}")
        }
        ErrorKind::NotFound => format!("{path}: the resource does not exist"),
        ErrorKind::Gone => format!("{path}: the resource was removed"),
        ErrorKind::AlreadyExists => format!("{path}: the resource already exists{detail}"),
        ErrorKind::UnsupportedApiVersion => {
            format!("{path}: the server does not support this version of the API{detail}")
        }
        ErrorKind::Exhausted | ErrorKind::Transport => match spent_retries(done, why) {
            Some(spent) => format!("{path}: {spent}"),
            None if kind == ErrorKind::Transport => format!("{path}: {why}"),
            None => format!("{path}: gave up: {why}"),
        },
        ErrorKind::Refused
            if matches!(done.diagnosis.cause, Some(FailureCause::Contradicted(_))) =>
        {
            format!("{path}: not stored: {why}")
        }
        ErrorKind::Refused | ErrorKind::Locked | ErrorKind::Status => {
            let status = said_status(done)
                .map(|status| format!(" {}", status.as_u16()))
                .unwrap_or_default();
            let detail = if detail.is_empty() {
                format!(" with{status}")
            } else {
                detail
            };
            let is_locked = done.kind == OutcomeKind::Locked;
            let tries = if is_locked {
                tried(done, ", ")
            } else {
                String::new()
            };
            format!("{path}: refused{detail}{tries}")
        }
        _ => format!("{path}: {why}"),
    }
}

/// Returns what the last try of a write met, and how often it was tried, if its retries were spent.
fn spent_retries(done: &WriteOutcome, why: &str) -> Option<String> {
    let Diagnosis {
        refusal,
        last_problem,
        retried,
        failed_tries,
        ..
    } = &done.diagnosis;
    let met = match (retried, refusal, last_problem) {
        (Some(FailureCause::Transport(error)), ..) => error.to_string(),
        (Some(_), _, Some((_, problem))) => problem.to_string(),
        (None, Some((_, problem)), _) if done.kind == OutcomeKind::Refused => problem.to_string(),
        _ => return None,
    };
    let after = words::given_up(*failed_tries, done.elapsed, why);
    Some(format!("{met}, {after}"))
}

/// Returns how often a write was tried, behind a separator, if any of its tries failed.
fn tried(done: &WriteOutcome, separator: &str) -> String {
    match done.diagnosis.failed_tries {
        0 => String::new(),
        tries => {
            let after = words::given_up(tries, done.elapsed, words::RETRY_LIMIT);
            format!("{separator}{after}")
        }
    }
}

/// Returns the error behind the cause, if there is one.
fn source(cause: FailureCause) -> Option<SharedError> {
    match cause {
        FailureCause::Transport(source) => Some(source),
        FailureCause::NoRepresentation(source) => Some(Arc::new(source)),
        FailureCause::Edit(source)
        | FailureCause::Strategy(source)
        | FailureCause::Handler(source)
        | FailureCause::Payload(source)
        | FailureCause::Journal(source)
        | FailureCause::Credentials(source) => Some(source),
        FailureCause::Lease(source) => Some(Arc::new(source)),
        _ => None,
    }
}

/// Returns the three sides of a finished write.
pub(super) fn sides<T: ResourceData>(
    target: &Target,
    id: Option<&str>,
    done: WriteOutcome,
) -> Sides<T> {
    let versioned =
        |snapshot| Versioned::new(snapshot, target.url.clone(), id.map(str::to_owned)).ok();
    // A side is left out if decoding its value panics.
    let decode = |document: Document| panics::catch(panics::VALUE, || document.decode().ok()).ok();
    let base = match done.goal {
        // The guard may have been asked about newer states since.
        Goal::Act => done.state.original_base.or(done.state.base),
        _ => done.state.base,
    };
    Sides {
        base: base.and_then(|base| decode(base.document)?),
        local: done.state.local.and_then(|local| decode(local)?),
        remote: done
            .state
            .remote
            .into_snapshot()
            .and_then(|remote| panics::catch(panics::VALUE, || versioned(remote)).ok()?),
        fields: done.diagnosis.conflicts,
    }
}
