//! From the end of a write that did not succeed to the error that the caller sees.

use ::http::StatusCode;

use crate::document::{Versioned, WriteReport};
use crate::error::{Error, ErrorKind, ErrorReport, Sides};
use crate::handle::Resourceful;
use crate::json::Document;
use crate::lens::Unfaithful;
use crate::panics;
use crate::refusal::RefusalKind;
use crate::retry::Held;
use crate::transport::Fate;
use crate::write::ending::{Done, Trouble};
use crate::write::plan::{Goal, Outcome};
use crate::write::target::Target;

/// The kind, by what the caller does next.
pub(super) fn kind(done: &Done) -> ErrorKind {
    let is_unfaithful = unfaithful(done).is_some();
    match done.outcome {
        Outcome::EditFailed | Outcome::Conflict | Outcome::Refused if is_unfaithful => {
            ErrorKind::Unfaithful
        }
        Outcome::NotFound => ErrorKind::NotFound,
        Outcome::Gone => ErrorKind::Gone,
        Outcome::Locked => ErrorKind::Locked,
        Outcome::UnusableValidator => ErrorKind::UnusableValidator,
        Outcome::Unknown => ErrorKind::OutcomeUnknown,
        Outcome::Accepted => ErrorKind::Accepted,
        Outcome::EditFailed => match done.trouble {
            Some(Trouble::NoRepresentation(_)) => ErrorKind::Decode,
            _ => ErrorKind::Edit,
        },
        Outcome::Conflict => ErrorKind::Conflict,
        Outcome::Exhausted => ErrorKind::Exhausted,
        Outcome::Refused => match &done.refusal {
            // A creation may be refused for its words, or for its condition.
            Some((RefusalKind::AlreadyExists, _)) => ErrorKind::AlreadyExists,
            Some((RefusalKind::StaleVersion, problem))
                if done.goal != Goal::Append || !problem.status().is_success() =>
            {
                ErrorKind::AlreadyExists
            }
            Some((RefusalKind::Locked, _)) => ErrorKind::Locked,
            Some((RefusalKind::UnsupportedApiVersion, _)) => ErrorKind::UnsupportedApiVersion,
            // No words, but the read that followed found something there.
            Some((RefusalKind::Unknown, problem))
                if done.goal == Goal::Create
                    && done.remote.is_some()
                    && matches!(problem.status().as_u16(), 200..300 | 409 | 412) =>
            {
                ErrorKind::AlreadyExists
            }
            // A 5xx by itself is no refusal; one with a meaning is.
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
        _ => match &done.trouble {
            Some(Trouble::Transport(error)) if error.fate == Fate::TooLarge => ErrorKind::TooLarge,
            Some(Trouble::Transport(_)) => ErrorKind::Transport,
            Some(Trouble::Gated(_)) => ErrorKind::Exhausted,
            Some(Trouble::NoRepresentation(_)) => ErrorKind::Decode,
            Some(Trouble::Credentials(_) | Trouble::Payload(_)) => ErrorKind::Config,
            Some(Trouble::Unusable(_)) => ErrorKind::UnusableValidator,
            _ => ErrorKind::Status,
        },
    }
}

fn unfaithful(done: &Done) -> Option<&Unfaithful> {
    done.trouble.as_ref()?.unfaithful()
}

/// The status that the write ended with; a read that judged it may have come after.
fn said_status(done: &Done) -> Option<StatusCode> {
    match &done.trouble {
        Some(Trouble::Status(status)) => Some(*status),
        _ => done.last_status,
    }
}

/// The error, with everything in it.
pub(super) fn error<T: Resourceful>(
    kind: ErrorKind,
    target: &Target,
    id: Option<&str>,
    mut done: Done,
    report: &WriteReport,
) -> Error {
    let path = target.url.path();
    let why = why(kind, &done);
    let said = done.refusal.as_ref().filter(|_| {
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
    let said = said
        .map(|(_, problem)| format!(": {problem}"))
        .unwrap_or_default();
    let message = match kind {
        ErrorKind::Conflict if !done.fields.is_empty() => {
            let fields: Vec<&str> = done
                .fields
                .iter()
                .map(|field| field.pointer.as_str())
                .collect();
            format!("{path}: unresolved conflict in {}", fields.join(", "))
        }
        ErrorKind::Conflict => format!("{path}: unresolved conflict"),
        ErrorKind::OutcomeUnknown => {
            format!("{path}: it cannot be told whether the write was applied")
        }
        ErrorKind::Accepted => {
            let at = done.monitor.as_ref();
            let at = at.map_or_else(String::new, |at| {
                format!("; its status is at {}", at.path())
            });
            format!("{path}: accepted, but not carried out in the time of the call{at}")
        }
        ErrorKind::NotFound => format!("{path}: nothing is there"),
        ErrorKind::Gone => format!("{path}: somebody removed it"),
        ErrorKind::AlreadyExists => format!("{path}: it exists already{said}"),
        ErrorKind::UnsupportedApiVersion => {
            format!("{path}: the server does not speak this version of the API{said}")
        }
        ErrorKind::Exhausted => format!("{path}: given up, {why}"),
        ErrorKind::Refused if matches!(done.trouble, Some(Trouble::Contradicted(_))) => {
            format!("{path}: not stored: {why}")
        }
        ErrorKind::Refused | ErrorKind::Locked | ErrorKind::Status => {
            let status = said_status(&done)
                .map(|status| format!(" {}", status.as_u16()))
                .unwrap_or_default();
            let said = if said.is_empty() {
                format!(" with{status}")
            } else {
                said
            };
            format!("{path}: refused{said}")
        }
        _ => format!("{path}: {why}"),
    };
    let report = ErrorReport {
        last_status: said_status(&done),
        retry_after: done.told,
        why,
        ..ErrorReport::of(report)
    };
    let (refusal, problem) = match done.refusal.as_ref().or(done.said.as_ref()) {
        Some((kind, problem)) => (Some(*kind), Some(problem.clone())),
        None => (None, None),
    };
    let trouble = done.trouble.take();
    let error = Error::new(kind, message)
        .with_monitor(done.monitor.take())
        .with_problem(problem, refusal)
        .with_report(report)
        .with_sides(sides::<T>(target, id, done));
    match trouble {
        Some(Trouble::Transport(source)) => error.with_source(source),
        Some(Trouble::NoRepresentation(source)) => error.with_source(source),
        Some(
            Trouble::Edit(source)
            | Trouble::Strategy(source)
            | Trouble::Handler(source)
            | Trouble::Payload(source)
            | Trouble::Credentials(source),
        ) => error.with_source(source),
        _ => error,
    }
}

/// The three sides of a write that is over.
pub(super) fn sides<T: Resourceful>(target: &Target, id: Option<&str>, done: Done) -> Sides<T> {
    let versioned =
        |snapshot| Versioned::new(snapshot, target.url.clone(), id.map(str::to_owned)).ok();
    // A value that panics is a side that cannot be shown.
    let decode = |document: Document| panics::catch(panics::VALUE, || document.decode().ok()).ok();
    Sides {
        base: done.base.and_then(|base| decode(base.document)?),
        local: done.local.and_then(|local| decode(local)?),
        remote: done
            .remote
            .and_then(|remote| panics::catch(panics::VALUE, || versioned(remote)).ok()?),
        fields: done.fields,
    }
}

/// Why it was not tried again, in words.
fn why(kind: ErrorKind, done: &Done) -> String {
    if let (ErrorKind::Unfaithful, Some(why)) = (kind, unfaithful(done)) {
        return why.to_string();
    }
    let outcome = match done.outcome {
        Outcome::Unknown => {
            "the write may have been applied, and trying again could apply it twice"
        }
        Outcome::Accepted => "the server has it already, and may still carry it out",
        Outcome::Conflict => match &done.trouble {
            Some(Trouble::Strategy(error)) => return format!("the merge strategy failed: {error}"),
            _ => "both sides changed the same fields, and no strategy settled them",
        },
        Outcome::Refused => match &done.trouble {
            Some(Trouble::Contradicted(why)) => why,
            Some(Trouble::Handler(error)) => {
                return format!("the refusal handler failed: {error}");
            }
            _ if done.renamed.is_some() => {
                "each id that the handler named was refused, as often as the rounds of a write allow"
            }
            _ => "the refusal is no race, and no handler answered it otherwise",
        },
        Outcome::Locked => "the lock outlasted the time",
        Outcome::NotFound => "there is nothing at this address",
        Outcome::Gone if matches!(done.trouble, Some(Trouble::Succeeded)) => {
            "it was removed, and what is at its address now is another object"
        }
        Outcome::Gone => "it was removed, and no strategy said to create it again",
        Outcome::UnusableValidator => match &done.trouble {
            Some(Trouble::Unusable(why)) => why,
            _ if done.tally.races > 0 => {
                "the server refuses the very version it hands out: a weak tag, a tag that a proxy changed (a -gzip suffix), or a stale replica"
            }
            _ => "the server hands out no version, so nothing can pin the write",
        },
        _ => "",
    };
    if !outcome.is_empty() {
        return outcome.to_owned();
    }
    match &done.trouble {
        Some(Trouble::Transport(error)) => {
            format!("{error}, {} times", done.tally.transient + 1)
        }
        Some(Trouble::Gated(held)) => format!("{held}, longer than this call may take"),
        Some(Trouble::WaitTooLong(wait)) => {
            let held = Held::Server(*wait);
            format!("{held}, longer than this call may take")
        }
        Some(Trouble::Credentials(error)) => format!("the credentials could not be had: {error}"),
        Some(Trouble::NoRepresentation(error)) => error.to_string(),
        Some(Trouble::Edit(error)) => format!("the edit failed: {error}"),
        Some(Trouble::Payload(error)) => format!("the document cannot be sent: {error}"),
        Some(Trouble::Unusable(why)) => (*why).to_owned(),
        Some(Trouble::Budget) => "the retry budget of this server is spent".to_owned(),
        Some(Trouble::ScheduleEnded) => "the retry schedule is at its end".to_owned(),
        Some(Trouble::Status(status)) if kind == ErrorKind::Status => {
            format!("the server answered {}", status.as_u16())
        }
        _ if kind == ErrorKind::Exhausted => format!(
            "the write took {} rounds and {:?} without an end",
            done.tally.rounds, done.elapsed
        ),
        _ => "it would fail in the same way".to_owned(),
    }
}
