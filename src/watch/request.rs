//! The requests of a watch: each is sent once, and its failure is one for the machine.

use std::time::Duration;

use http::StatusCode;
use http::header::RETRY_AFTER;
use tokio::time::Instant;

use super::machine::Failure;
use crate::exchange::transport::Response;
use crate::exchange::{Call, RequestPurpose};
use crate::operations::{AskRules, ask_by};
use crate::protocol::{Problem, RequestFacts, Validator};
use crate::value::{Error, ErrorKind};
use crate::write::recovery::evidence;
use crate::write::request::reading;
use crate::write::request::target::Target;

/// A request that did not succeed.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) failure: Failure,
    pub(super) error: Error,
}

impl Refused {
    /// Judges an error. `retry_after` is the wait that the server asked for.
    pub(super) fn of(error: Error, retry_after: Option<Duration>) -> Self {
        let temporary = Failure::Temporary(retry_after);
        let failure = match (error.status().map(|status| status.as_u16()), error.kind()) {
            (Some(401), _) => Failure::Unauthorized,
            (Some(410), _) => Failure::TooOld,
            (Some(408 | 425 | 429 | 500 | 502..=504 | 506..), _)
            | (_, ErrorKind::Transport | ErrorKind::Exhausted) => temporary,
            _ => Failure::Final,
        };
        Self { failure, error }
    }

    /// Judges a response that is no success.
    pub(super) fn by_reply(target: &Target, call: &Call, reply: &Response) -> Self {
        let problem = Problem::read(reply.status, &reply.headers, &reply.body, &call.url);
        let asked = RequestFacts::default();
        let meaning = target.shared.meaning(&problem, &reply.headers, asked);
        let kind = ErrorKind::of_read(meaning.kind, reply.status);
        let error = Error::new(kind, format!("{}: {problem}", call.url.path()));
        Self::of(
            error.with_problem(Some(problem), Some(meaning.kind)),
            meaning.wait,
        )
    }

    /// Creates the error of a response that the watch cannot use.
    pub(super) fn unusable(what: String) -> Self {
        Self {
            failure: Failure::Final,
            error: Error::undecoded(what),
        }
    }
}

/// Sends a read once. Returns a success or a 304.
pub(super) async fn ask(target: &Target, call: &Call) -> Result<Response, Refused> {
    let rules = AskRules {
        purpose: RequestPurpose::Read,
        retries: false,
        returns_any_status: false,
    };
    let asked = ask_by(&target.shared, target, call, None, Instant::now(), rules);
    match asked.await {
        Ok((reply, _)) if reply.status.is_success() || reply.status.as_u16() == 304 => Ok(reply),
        Ok((reply, report)) => {
            let path = call.url.path();
            let message = format!("{path}: the server answered {}", reply.status);
            let asked = reply.headers.contains_key(RETRY_AFTER);
            let retry_after = report.retry_after.filter(|_| asked);
            let retry_after = retry_after.or_else(|| reading::requested_wait(&reply.headers));
            let error = Error::new(ErrorKind::Exhausted, message).with_report(report);
            Err(Refused {
                failure: Failure::Temporary(retry_after),
                error,
            })
        }
        Err(error) => {
            let retry_after = error.report().retry_after;
            Err(Refused::of(error, retry_after))
        }
    }
}

/// Sends a read that is of use only if it shows another version than the known one, and returns whether it does.
///
/// A 304 that was not asked for, or that names another version, says nothing about the known one (RFC 9110 15.4.5). The read is
/// then sent without a condition.
pub(super) async fn ask_if_changed(
    target: &Target,
    call: &mut Call,
    known: Option<&Validator>,
) -> Result<(Response, bool), Refused> {
    if let Some(known) = known {
        reading::ask_if_changed(&mut call.headers, known);
        let reply = ask(target, call).await?;
        if reply.status != StatusCode::NOT_MODIFIED {
            return Ok((reply, true));
        }
        if evidence::confirms(&reply.headers, Some(known)) {
            return Ok((reply, false));
        }
        reading::ask_anyway(&mut call.headers);
    }
    let reply = ask(target, call).await?;
    if reply.status == StatusCode::NOT_MODIFIED {
        let path = call.url.path();
        let message = format!("{path}: the server answers 304 to a read without a condition");
        return Err(Refused {
            failure: Failure::Temporary(None),
            error: Error::new(ErrorKind::Status, message),
        });
    }
    Ok((reply, true))
}
