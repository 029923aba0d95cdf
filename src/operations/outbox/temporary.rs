//! Which failures may pass by themselves, so that a write is tried again later.

use http::StatusCode;

use crate::exchange::transport::Fate;
use crate::value::{Error, ErrorKind};
use crate::write::diagnosis::FailureCause;
use crate::write::outcome::WriteOutcome;
use crate::write::request::reading::NoRepresentation;

/// Whether a later run of a write may end in another way.
pub(in crate::operations) fn may_pass(done: &WriteOutcome, error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Transport => !cannot_be_made(done),
        // A later run takes the leases of the transaction again.
        ErrorKind::Exhausted | ErrorKind::Locked | ErrorKind::LeaseLost => true,
        ErrorKind::Status => error.status().is_some_and(may_change),
        ErrorKind::Config => matches!(done.diagnosis.cause, Some(FailureCause::Credentials(_))),
        ErrorKind::Decode => is_foreign_page(done),
        // The request that has to judge an earlier one could not be made. A judgement that came to no end is open the
        // second time.
        ErrorKind::OutcomeUnknown => is_unread(done),
        _ => false,
    }
}

/// Whether a later read may end in another way. What is wrong with the credentials may pass too.
pub(in crate::operations) fn read_may_pass(error: &Error) -> bool {
    match error.kind() {
        ErrorKind::Transport | ErrorKind::Exhausted | ErrorKind::Locked | ErrorKind::Config => true,
        _ => error.status().is_some_and(may_change),
    }
}

/// Whether the request can never be sent, now or later.
fn cannot_be_made(done: &WriteOutcome) -> bool {
    let cause = done.diagnosis.cause.as_ref();
    let Some(FailureCause::Transport(error)) = cause else {
        return false;
    };
    matches!(error.fate, Fate::Impossible | Fate::Unsupported)
}

/// Whether a status says nothing about the write itself: the user has to log in again, or the server is busy. A
/// redirect that is not permanent may lead to the login page of a network.
fn may_change(status: StatusCode) -> bool {
    match status.as_u16() {
        // The server does not know the method, or the version of HTTP.
        501 | 505 => false,
        302 | 303 | 307 | 401 | 407 | 408 | 419 | 425 | 429 | 440 => true,
        _ => status.is_server_error(),
    }
}

/// Whether a read was answered with a page for people, such as the login page of a network.
fn is_foreign_page(done: &WriteOutcome) -> bool {
    matches!(
        done.diagnosis.cause,
        Some(FailureCause::NoRepresentation(
            NoRepresentation::Unreadable { is_page: true, .. }
        ))
    )
}

fn is_unread(done: &WriteOutcome) -> bool {
    match &done.diagnosis.cause {
        Some(
            FailureCause::Transport(_)
            | FailureCause::Gated(_)
            | FailureCause::Credentials(_)
            | FailureCause::Journal(_)
            | FailureCause::Lease(_)
            | FailureCause::OutOfTime
            | FailureCause::WaitTooLong(_)
            | FailureCause::Budget
            | FailureCause::ScheduleEnded,
        ) => true,
        Some(FailureCause::Status(status)) => may_change(*status),
        _ => is_foreign_page(done) || done.diagnosis.retried.is_some(),
    }
}
