//! Sends reads, and tries them again.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::exchange::transport::{Fate, Response, TransportError};
use crate::exchange::{Call, NoResponse, RequestContext, RequestPurpose, RequestStats, Watch};
use crate::protocol::{Problem, RefusalKind, RequestFacts};
use crate::retry::{WaitReason, later};
use crate::support::words;
use crate::value::{Error, ErrorKind, ErrorReport};
use crate::write::request::target::Target;

/// Sends a read. Retries it while the cause of a failure is transient, because reads are safe to repeat.
pub(super) async fn ask(
    target: &Target,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
) -> Result<Response, Error> {
    let exchange = &target.shared.exchange;
    let limits = &exchange.limits;
    let deadline = later(started, timeout.unwrap_or(limits.time));
    let mut delays = target.shared.retry.delays(exchange.server.round_trip());
    let (mut report, mut tries, mut stats) = (ErrorReport::default(), 0, RequestStats::default());
    let mut failed: Option<FailedTry> = None;
    let path = target.url.path();
    loop {
        let context = RequestContext {
            deadline,
            stats: &mut stats,
            whose: None,
            sent: &mut || {},
            watched: target.watched(RequestPurpose::Read, tries),
        };
        let reply = exchange.send(call, context).await;
        (report.requests, report.waited) = (stats.requests, stats.waited);
        report.elapsed = started.elapsed();
        let mut asked_wait = None;
        let failure = match reply {
            Ok(reply) => {
                report.last_status = Some(reply.status);
                if reply.status.is_success() || reply.status == StatusCode::NOT_MODIFIED {
                    return Ok(reply);
                }
                let (refused, wait) = refused(target, &reply, &mut report)?;
                asked_wait = wait;
                refused
            }
            Err(NoResponse::Gated(held)) => {
                report.retry_after = held.retry_after();
                report.why = format!("{held}, longer than this call may wait");
                return Err(match failed {
                    Some(failed) => failed.given_up(path, tries, report),
                    None => Error::new(
                        ErrorKind::Exhausted,
                        format!("{path}: gave up: {}", report.why),
                    )
                    .with_report(report),
                });
            }
            Err(NoResponse::Credentials(source)) => {
                report.why = format!("the credentials could not be obtained: {source}");
                let error = Error::config(format!("{path}: the credentials could not be obtained"));
                return Err(error.with_failed_part(source).with_report(report));
            }
            Err(NoResponse::Transport(source)) => {
                let kind = match source.fate {
                    Fate::NotSent | Fate::Unknown => None,
                    Fate::TooLarge => Some(ErrorKind::TooLarge),
                    Fate::Impossible => Some(ErrorKind::Transport),
                };
                if let Some(kind) = kind {
                    report.why = "a retry would fail in the same way".to_owned();
                    return Err(Error::new(kind, path).with_said(source).with_report(report));
                }
                FailedTry::Lost(source)
            }
        };
        tries += 1;
        let wait = asked_wait.or_else(|| delays.next());
        let now = Instant::now();
        report.why = match wait {
            None => "the retry schedule is at its end".to_owned(),
            Some(wait) if wait > limits.retry_after || later(now, wait) >= deadline => {
                format!("the next retry would be in {wait:?}, longer than this call may wait")
            }
            Some(_) if tries > limits.transient => words::RETRY_LIMIT.to_owned(),
            Some(_) if !exchange.server.take_retry(now) => {
                "the retry budget of this server is spent".to_owned()
            }
            Some(wait) => {
                tokio::time::sleep(wait).await;
                stats.waited += wait;
                let reason = match asked_wait {
                    Some(_) => WaitReason::RetryAfter,
                    None => WaitReason::Backoff,
                };
                target.waited(reason, wait);
                failed = Some(failure);
                continue;
            }
        };
        return Err(failure.given_up(path, tries, report));
    }
}

/// Judges a response that is not a success. Returns the failed try, with the wait that the server asks for.
///
/// # Errors
///
/// Returns the error of the call if a retry would get the same response.
fn refused(
    target: &Target,
    reply: &Response,
    report: &mut ErrorReport,
) -> Result<(FailedTry, Option<Duration>), Error> {
    let problem = Problem::read(reply.status, &reply.headers, &reply.body, &target.url);
    let shared = &target.shared;
    let meaning = shared.meaning(&problem, &reply.headers, RequestFacts::default());
    report.retry_after = meaning.wait.or(report.retry_after);
    if !meaning.lets_read_again(reply.status) {
        let kind = match (meaning.kind, reply.status.as_u16()) {
            (RefusalKind::UnsupportedApiVersion, _) => ErrorKind::UnsupportedApiVersion,
            (_, 404) => ErrorKind::NotFound,
            (_, 410) => ErrorKind::Gone,
            _ => ErrorKind::Status,
        };
        report.why = "a retry would get the same response".to_owned();
        let error = Error::new(kind, format!("{}: {problem}", target.url.path()));
        return Err(error
            .with_problem(Some(problem), Some(meaning.kind))
            .with_report(std::mem::take(report)));
    }
    if let Some(wait) = meaning.wait {
        let exchange = &shared.exchange;
        let wait = wait.min(exchange.limits.retry_after);
        exchange.server.close_for(wait, Instant::now());
    }
    let failed = FailedTry::Refused(Box::new(problem), meaning.kind);
    Ok((failed, meaning.wait))
}

/// A read that failed and may be tried again.
enum FailedTry {
    /// The server responded that it may be tried again.
    Refused(Box<Problem>, RefusalKind),
    /// No response arrived.
    Lost(TransportError),
}

impl FailedTry {
    /// Creates the error of a call that ends with this try.
    fn given_up(self, path: &str, tries: u32, report: ErrorReport) -> Error {
        let after = words::given_up(tries, report.elapsed, &report.why);
        let error = match self {
            Self::Refused(problem, kind) => {
                Error::new(ErrorKind::Exhausted, format!("{path}: {problem}, {after}"))
                    .with_problem(Some(*problem), Some(kind))
            }
            Self::Lost(source) => {
                let kind = match report.last_status {
                    None => ErrorKind::Transport,
                    Some(_) => ErrorKind::Exhausted,
                };
                Error::new(kind, format!("{path}: {source}, {after}"))
                    .with_origin(Arc::new(source), true)
            }
        };
        error.with_report(report)
    }
}
