//! The read operations `get`, `get_opt`, `refresh` and `head`.

use std::fmt;
use std::time::Duration;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::{Lazy, operation};
use crate::exchange::transport::{Fate, Response};
use crate::exchange::{Call, NoResponse, RequestContext, RequestStats};
use crate::operations::{CallContext, Handle, ResourceData};
use crate::protocol::{Problem, RequestFacts, TagField, Validator, entity_tag_of};
use crate::retry::later;
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind, ErrorReport, Versioned};
use crate::write::recovery::evidence;
use crate::write::request::reading;
use crate::write::request::reading::NoRepresentation;
use crate::write::request::target::{Shared, Target};

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
        let reply = ask(&target.shared, &call, settings.timeout, started).await?;
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
    let mut reply = ask(&target.shared, &call, Some(context.time), context.since).await?;
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
        reply = ask(&target.shared, &call, Some(context.time), context.since).await?;
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
    shared: &Shared,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
) -> Result<Response, Error> {
    let plain = PlainRules {
        retries: true,
        returns_any_status: false,
    };
    ask_by(shared, call, timeout, started, plain).await
}

/// How a request that writes nothing by itself is sent.
#[derive(Clone, Copy)]
pub(super) struct PlainRules {
    /// Whether it is retried while the cause of a failure is transient.
    pub(super) retries: bool,
    /// Whether a response with any status is a result and not an error.
    pub(super) returns_any_status: bool,
}

/// Sends a request by these rules.
pub(super) async fn ask_by(
    shared: &Shared,
    call: &Call,
    timeout: Option<Duration>,
    started: Instant,
    rules: PlainRules,
) -> Result<Response, Error> {
    let exchange = &shared.exchange;
    let limits = &exchange.limits;
    let end = later(started, timeout.unwrap_or(limits.time));
    let mut delays = shared.retry.delays(exchange.server.round_trip());
    let (mut report, mut tries, mut stats) = (ErrorReport::default(), 0, RequestStats::default());
    let path = call.url.path();
    loop {
        tries += 1;
        let context = RequestContext {
            deadline: exchange.server.waits.earlier(end, stats.waited),
            stats: &mut stats,
            whose: None,
            sent: &mut || {},
        };
        let reply = exchange.send(call, context).await;
        (report.requests, report.waited) = (stats.requests, stats.waited);
        report.elapsed = started.elapsed();
        let (mut asked_wait, mut answered) = (None, None);
        let failed = match reply {
            Ok(reply) => {
                report.last_status = Some(reply.status);
                if reply.status.is_success() || reply.status == StatusCode::NOT_MODIFIED {
                    return Ok(reply);
                }
                let problem = Problem::read(reply.status, &reply.headers, &reply.body, &call.url);
                let meaning = shared.meaning(&problem, &reply.headers, RequestFacts::default());
                asked_wait = meaning.wait;
                report.retry_after = asked_wait.or(report.retry_after);
                let again = rules.retries && meaning.lets_read_again(reply.status);
                if rules.returns_any_status {
                    if !again {
                        return Ok(reply);
                    }
                    answered = Some(reply.clone());
                }
                let kind = ErrorKind::of_read(meaning.kind, reply.status);
                let error = Error::new(kind, format!("{path}: {problem}"))
                    .with_problem(Some(problem), Some(meaning.kind));
                if !again {
                    report.why = "a retry would get the same response".to_owned();
                    return Err(error.with_report(report));
                }
                if let Some(wait) = asked_wait {
                    exchange
                        .server
                        .close_for(wait.min(limits.retry_after), Instant::now());
                }
                error
            }
            Err(NoResponse::Gated(held)) => {
                report.retry_after = held.retry_after();
                report.why = format!("{held}, longer than this call may wait");
                return Err(Error::new(
                    ErrorKind::Exhausted,
                    format!("{path}: gave up: {}", report.why),
                )
                .with_report(report));
            }
            Err(NoResponse::Credentials(source)) => {
                report.why = format!("the credentials could not be obtained: {source}");
                let error = Error::config(format!("{path}: the credentials could not be obtained"));
                return Err(error.with_failed_part(source).with_report(report));
            }
            Err(NoResponse::Transport(source)) => {
                let is_safe = call.method.is_safe();
                let kind = match source.fate {
                    Fate::TooLarge => ErrorKind::TooLarge,
                    Fate::Unknown if !is_safe => ErrorKind::OutcomeUnknown,
                    _ => ErrorKind::Transport,
                };
                let again = matches!(source.fate, Fate::NotSent | Fate::Unknown);
                let error = Error::new(kind, path).with_said(source);
                if !again || !rules.retries {
                    report.why = if again {
                        "retries were not asked for".to_owned()
                    } else {
                        "a retry would fail in the same way".to_owned()
                    };
                    return Err(error.with_report(report));
                }
                error
            }
        };
        let wait = asked_wait.or_else(|| delays.next());
        let now = Instant::now();
        let deadline = exchange.server.waits.earlier(end, stats.waited);
        report.why = match wait {
            None => "the retry schedule is at its end".to_owned(),
            Some(wait) if wait > limits.retry_after || later(now, wait) >= deadline => {
                format!("the next retry would be in {wait:?}, longer than this call may wait")
            }
            Some(_) if tries > limits.transient => "the retry limit was reached".to_owned(),
            Some(_) if !exchange.server.take_retry(now) => {
                "the retry budget of this server is spent".to_owned()
            }
            Some(wait) => {
                exchange.server.waits.pass(wait).await;
                stats.waited += wait;
                continue;
            }
        };
        return answered.ok_or_else(|| failed.with_report(report));
    }
}
