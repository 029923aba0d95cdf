//! Sends requests that write no document, and tries them again.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use tokio::time::Instant;

use crate::exchange::transport::{Fate, Response, TransportError};
use crate::exchange::{
    Call, NoResponse, RequestContext, RequestPurpose, RequestStats, Watch, Watched,
};
use crate::protocol::{Problem, RefusalKind, RequestFacts};
use crate::retry::{WaitReason, later};
use crate::support::words;
use crate::value::{Error, ErrorKind, ErrorReport};
use crate::write::request::target::{Shared, Target};

/// Sends a read. Retries it while the cause of a failure is transient, because reads are safe to repeat.
pub(super) async fn ask(
    target: &Target,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
) -> Result<Response, Error> {
    let rules = AskRules {
        purpose: RequestPurpose::Read,
        retries: true,
        returns_any_status: false,
    };
    let asked = ask_by(&target.shared, target, call, timeout, started, rules);
    asked.await.map(|(response, _)| response)
}

/// How a request is sent.
#[derive(Clone, Copy)]
pub(crate) struct AskRules {
    pub(crate) purpose: RequestPurpose,
    /// Whether it is retried while the cause of a failure is transient.
    pub(crate) retries: bool,
    /// Whether a response with any status is a result and not an error.
    pub(crate) returns_any_status: bool,
}

/// Sends a request by these rules. The observer is told about it by `watch`. Returns the response, and the report for
/// an error that the caller makes of it.
///
/// # Errors
///
/// Once a request of an unsafe method was lost, returns `OutcomeUnknown`, whatever its retries met.
pub(crate) async fn ask_by(
    shared: &Shared,
    watch: &dyn Watch,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
    rules: AskRules,
) -> Result<(Response, ErrorReport), Error> {
    let mut was_lost = false;
    let asked = try_by(shared, watch, call, timeout, started, rules, &mut was_lost).await;
    // A response that is too long shows that the request was carried out.
    let is_unknown = |error: &Error| !error.is_too_large() && was_lost && !call.method.is_safe();
    asked.map_err(|error| {
        if is_unknown(&error) {
            let why = "a request whose response was lost may have been carried out";
            error.with_kind(ErrorKind::OutcomeUnknown).and(why)
        } else {
            error
        }
    })
}

/// Sends a request by these rules, and sets `was_lost` once one was lost.
async fn try_by(
    shared: &Shared,
    watch: &dyn Watch,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
    rules: AskRules,
    was_lost: &mut bool,
) -> Result<(Response, ErrorReport), Error> {
    let exchange = &shared.exchange;
    let limits = &exchange.limits;
    let end = later(started, timeout.unwrap_or(limits.time));
    let mut delays = shared.retry.delays(exchange.server.round_trip());
    let (mut report, mut tries, mut stats) = (ErrorReport::default(), 0, RequestStats::default());
    let mut failed: Option<FailedTry> = None;
    let path = call.url.path();
    loop {
        let context = RequestContext {
            deadline: exchange.server.waits.earlier(end, stats.waited),
            stats: &mut stats,
            whose: None,
            sent: &mut || Ok(()),
            watched: Watched {
                watch,
                purpose: rules.purpose,
                resends: tries,
            },
        };
        let reply = exchange.send(call, context).await;
        (report.requests, report.waited) = (stats.requests, stats.waited);
        report.elapsed = started.elapsed();
        let (mut asked_wait, mut answered) = (None, None);
        let failure = match reply {
            Ok(reply) => {
                report.last_status = Some(reply.status);
                if reply.status.is_success() || reply.status == StatusCode::NOT_MODIFIED {
                    return Ok((reply, report));
                }
                match refused(shared, call, &reply, &mut report) {
                    Ok(_) if !rules.retries => return Ok((reply, report)),
                    Ok((refused, wait)) => {
                        asked_wait = wait;
                        answered = rules.returns_any_status.then_some(reply);
                        refused
                    }
                    Err(error) if rules.returns_any_status => {
                        return Ok((reply, error.report().clone()));
                    }
                    Err(error) => return Err(error),
                }
            }
            Err(NoResponse::Gated(held)) => {
                report.retry_after = held.retry_after();
                report.why = format!("{held}, longer than this call may wait");
                return Err(match failed {
                    Some(failed) => failed.given_up(call, tries, report),
                    None => Error::new(
                        ErrorKind::Exhausted,
                        format!("{path}: gave up: {}", report.why),
                    )
                    .with_report(report),
                });
            }
            Err(NoResponse::Credentials(source) | NoResponse::Withheld(source)) => {
                report.why = format!("the credentials could not be obtained: {source}");
                let error = Error::config(format!("{path}: the credentials could not be obtained"));
                return Err(error.with_failed_part(source).with_report(report));
            }
            Err(NoResponse::Transport(source)) => {
                *was_lost |= source.fate == Fate::Unknown;
                if let Some((kind, why)) = lost(&source, rules) {
                    report.why = why.to_owned();
                    return Err(Error::new(kind, path).with_said(source).with_report(report));
                }
                FailedTry::Lost(source)
            }
        };
        tries += 1;
        let wait = asked_wait.or_else(|| delays.next());
        let now = Instant::now();
        let deadline = exchange.server.waits.earlier(end, stats.waited);
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
                exchange.server.waits.pass(wait).await;
                stats.waited += wait;
                let reason = match asked_wait {
                    Some(_) => WaitReason::RetryAfter,
                    None => WaitReason::Backoff,
                };
                watch.waited(reason, wait);
                failed = Some(failure);
                continue;
            }
        };
        return match answered {
            Some(reply) => Ok((reply, report)),
            None => Err(failure.given_up(call, tries, report)),
        };
    }
}

/// Judges a lost request. Returns the kind of the error and its reason if it is not tried again.
fn lost(source: &TransportError, rules: AskRules) -> Option<(ErrorKind, &'static str)> {
    const IN_VAIN: &str = "a retry would fail in the same way";
    const UNASKED: &str = "retries were not asked for";
    match source.fate {
        Fate::TooLarge => Some((ErrorKind::TooLarge, IN_VAIN)),
        Fate::Impossible | Fate::Unsupported => Some((ErrorKind::Transport, IN_VAIN)),
        _ if rules.retries => None,
        Fate::NotSent | Fate::Unknown => Some((ErrorKind::Transport, UNASKED)),
    }
}

/// Judges a response that is not a success. Returns the failed try, with the wait that the server asks for.
///
/// # Errors
///
/// Returns the error of the call if a retry would get the same response.
fn refused(
    shared: &Shared,
    call: &Call,
    reply: &Response,
    report: &mut ErrorReport,
) -> Result<(FailedTry, Option<Duration>), Error> {
    let problem = Problem::read(reply.status, &reply.headers, &reply.body, &call.url);
    let meaning = shared.meaning(&problem, &reply.headers, RequestFacts::default());
    report.retry_after = meaning.wait.or(report.retry_after);
    if !meaning.lets_read_again(reply.status) {
        report.why = "a retry would get the same response".to_owned();
        let kind = ErrorKind::of_read(meaning.kind, reply.status);
        let error = Error::new(kind, format!("{}: {problem}", call.url.path()));
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

/// A request that failed and may be tried again.
enum FailedTry {
    /// The server responded that it may be tried again.
    Refused(Box<Problem>, RefusalKind),
    /// No response arrived.
    Lost(TransportError),
}

impl FailedTry {
    /// Creates the error of a call that ends with this try.
    fn given_up(self, call: &Call, tries: u32, report: ErrorReport) -> Error {
        let (path, after) = (
            call.url.path(),
            words::given_up(tries, report.elapsed, &report.why),
        );
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
