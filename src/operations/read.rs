//! The read operations `get`, `get_opt`, `refresh` and `head`.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::{Lazy, operation};
use crate::exchange::transport::{Fate, Response, TransportError};
use crate::exchange::{Call, NoResponse, RequestContext, RequestStats};
use crate::operations::{CallContext, Handle, ResourceData};
use crate::protocol::{Problem, RefusalKind, RequestFacts, TagField, Validator, entity_tag_of};
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::support::words;
use crate::value::{Error, ErrorKind, ErrorReport, Versioned};
use crate::write::recovery::evidence;
use crate::write::request::reading;
use crate::write::request::reading::NoRepresentation;
use crate::write::request::target::Target;

pub(crate) struct ReadSettings<T> {
    handle: Handle<T>,
    timeout: Option<Duration>,
}

macro_rules! read_operation {
    ($(#[$doc:meta])* $name:ident => $output:ty, $run:expr) => {
        $(#[$doc])*
        #[must_use = "nothing is sent before it is awaited"]
        pub struct $name<T> {
            call: Lazy<ReadSettings<T>, Result<$output, Error>>,
        }

        impl<T: ResourceData> $name<T> {
            pub(crate) fn new(handle: Handle<T>) -> Self {
                Self {
                    call: Lazy::new(ReadSettings {
                        handle,
                        timeout: None,
                    }),
                }
            }

            /// Sets the deadline of this call, waits included, instead of
            /// [`Limits::time`](crate::Limits::time).
            pub fn timeout(self, time: Duration) -> Self {
                Self {
                    call: self.call.set(|settings| settings.timeout = Some(time)),
                }
            }
        }

        operation!($name<T> => Result<$output, Error>, $run);
    };
}

read_operation! {
    /// A pending read, returned by [`Collection::get`](crate::Collection::get).
    ///
    /// It returns a [`Versioned`]. Change its value in place and pass it to [`save`](crate::Collection::save).
    Get => Versioned<T>, |settings: ReadSettings<T>| async move {
        read(&settings.handle, settings.timeout).await
    }
}

read_operation! {
    /// A pending read that returns `None` for an absent resource, returned by
    /// [`Collection::get_opt`](crate::Collection::get_opt).
    ///
    /// If the result is `None`, [`create`](crate::Collection::create) the resource. Otherwise change the value
    /// in place and pass it to [`save`](crate::Collection::save).
    GetOpt => Option<Versioned<T>>, |settings: ReadSettings<T>| async move {
        match read(&settings.handle, settings.timeout).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

read_operation! {
    /// A pending revalidation with the origin server, returned by
    /// [`Collection::refresh`](crate::Collection::refresh).
    ///
    /// Use [`Revalidated::value`] from now on. [`Revalidated::changed`] tells whether it is new.
    Refresh => Revalidated<T>, |settings: ReadSettings<T>| async move {
        let context = settings.handle.call_context(settings.timeout).await?;
        let (stored, changed) = fetch(&context, true).await?;
        Ok(Revalidated { value: versioned(&settings.handle, &context.target, stored)?, changed })
    }
}

read_operation! {
    /// A pending read of the headers, returned by [`Collection::head`](crate::Collection::head).
    ///
    /// Compare [`HeadResponse::validator`] with [`Snapshot::validator`](crate::Snapshot::validator) to see
    /// whether a value is still current. To write, read the resource with [`get`](crate::Collection::get).
    Head => HeadResponse, |settings: ReadSettings<T>| async move {
        let (target, started) = (settings.handle.target()?, Instant::now());
        let call = reading::read_call(&target, Method::HEAD, false);
        let reply = ask(&target, &call, settings.timeout, started).await?;
        let validator = match entity_tag_of(&reply.headers) {
            TagField::Found(tag) => Some(Validator::Tag(tag)),
            _ => None,
        };
        Ok(HeadResponse { validator, headers: reply.headers })
    }
}

/// The result of a refresh.
#[derive(Debug)]
#[non_exhaustive]
pub struct Revalidated<T> {
    /// The resource as the server returned it, for the next edit.
    pub value: Versioned<T>,
    /// Whether the resource changed. It is `false` after a 304, or if the store has the same state and version.
    pub changed: bool,
}

/// The response to a `HEAD`.
#[derive(Clone)]
#[non_exhaustive]
pub struct HeadResponse {
    /// The entity tag, which may be weak.
    pub validator: Option<Validator>,
    /// All headers of the response.
    pub headers: HeaderMap,
}

// Leaves out the headers, which may hold cookies.
impl fmt::Debug for HeadResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeadResponse")
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

/// Reads a resource. Returns the cached snapshot if the server confirms it.
pub(super) async fn read<T: ResourceData>(
    handle: &Handle<T>,
    timeout: Option<Duration>,
) -> Result<Versioned<T>, Error> {
    let context = handle.call_context(timeout).await?;
    let (stored, _) = fetch(&context, false).await?;
    versioned(handle, &context.target, stored)
}

fn versioned<T: ResourceData>(
    handle: &Handle<T>,
    target: &Target,
    stored: StoredSnapshot,
) -> Result<Versioned<T>, Error> {
    let path = target.url.path();
    Versioned::new(stored, target.url.clone(), handle.id.clone())
        .map_err(|error| Error::decode(path, error))
}

/// Reads a resource, and returns whether it differs from the cached snapshot.
async fn fetch(context: &CallContext, fresh: bool) -> Result<(StoredSnapshot, bool), Error> {
    let target = &context.target;
    let mut call = reading::read_call(target, Method::GET, false);
    if fresh {
        // A revalidation must reach the origin server, not a cache on the way.
        reading::ask_past_caches(target, &mut call.headers);
    }
    let cached = context.cached().await;
    // A document that was written and not read since is read as a whole, without an extra request. This shows
    // whether the server stored it as sent.
    let known = cached.as_ref().filter(|cached| !cached.is_unread);
    match known.and_then(|known| known.validator.as_ref()) {
        Some(Validator::Tag(tag)) => {
            call.headers.insert(IF_NONE_MATCH, tag.to_header_value());
        }
        Some(Validator::LastModified(date)) => {
            call.headers
                .insert(IF_MODIFIED_SINCE, date.to_header_value());
        }
        _ => {}
    }
    let mut reply = ask(target, &call, Some(context.time), context.since).await?;
    let of_another = |reply: &Response| reply.origin.credentials != Some(context.key.credentials());
    let path = target.url.path();
    let store = &target.shared.store;
    if reply.status == StatusCode::NOT_MODIFIED {
        let mut asked = [IF_NONE_MATCH, IF_MODIFIED_SINCE].into_iter();
        let asked = asked.any(|name| call.headers.contains_key(name));
        let ours = known.filter(|known| asked && evidence::confirms(&reply.headers, known));
        if let Some(known) = ours.filter(|_| !of_another(&reply)) {
            if !reply.origin.is_storable {
                // The caching rules of a 304 apply to the cached response (RFC 9111 4.3.4).
                store.remove(&context.key, context.deadline()).await;
            }
            return Ok((known.clone(), false));
        }
        // The 304 cannot be used, so the resource is read without a condition. Either the user has changed since
        // the snapshot was looked up and must not see it, or the 304 is about another version than the requested
        // one, or the request was not conditional (RFC 9110 15.4.5).
        call.headers.remove(IF_NONE_MATCH);
        call.headers.remove(IF_MODIFIED_SINCE);
        reply = ask(target, &call, Some(context.time), context.since).await?;
    }
    let read = match reading::representation(target, &reply) {
        Ok(read) => read,
        Err(NoRepresentation::Absent(_)) => {
            if !of_another(&reply) {
                store.remove(&context.key, context.deadline()).await;
            }
            return Err(Error::new(
                ErrorKind::NotFound,
                format!("{path}: the resource does not exist"),
            ));
        }
        Err(error) => return Err(Error::decode(path, error)),
    };
    if of_another(&reply) {
        return Ok((read.snapshot, true));
    }
    if let Some(cached) = &cached {
        target.check(cached, &read.snapshot);
    }
    let same = |cached: &StoredSnapshot| {
        cached.validator == read.snapshot.validator && cached.says_the_same(&read.snapshot, true)
    };
    let changed = !cached.as_ref().is_some_and(same);
    if read.snapshot.validator.is_some() {
        let snapshot = read.snapshot.clone();
        store.put(&context.key, snapshot, context.deadline()).await;
    } else {
        store.remove(&context.key, context.deadline()).await;
    }
    Ok((read.snapshot, changed))
}

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
                let problem = Problem::read(reply.status, &reply.headers, &reply.body, &target.url);
                let shared = &target.shared;
                let meaning = shared.meaning(&problem, &reply.headers, RequestFacts::default());
                asked_wait = meaning.wait;
                report.retry_after = asked_wait.or(report.retry_after);
                if !meaning.lets_read_again(reply.status) {
                    let kind = match (meaning.kind, reply.status.as_u16()) {
                        (RefusalKind::UnsupportedApiVersion, _) => ErrorKind::UnsupportedApiVersion,
                        (_, 404) => ErrorKind::NotFound,
                        (_, 410) => ErrorKind::Gone,
                        _ => ErrorKind::Status,
                    };
                    report.why = "a retry would get the same response".to_owned();
                    return Err(Error::new(kind, format!("{path}: {problem}"))
                        .with_problem(Some(problem), Some(meaning.kind))
                        .with_report(report));
                }
                if let Some(wait) = asked_wait {
                    exchange
                        .server
                        .close_for(wait.min(limits.retry_after), Instant::now());
                }
                FailedTry::Refused(problem, meaning.kind)
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
                failed = Some(failure);
                continue;
            }
        };
        return Err(failure.given_up(path, tries, report));
    }
}

/// A read that failed and may be tried again.
enum FailedTry {
    /// The server responded that it may be tried again.
    Refused(Problem, RefusalKind),
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
                    .with_problem(Some(problem), Some(kind))
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
