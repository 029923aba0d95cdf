//! The read operations `get`, `get_opt`, `refresh` and `head`.

use std::fmt;
use std::time::Duration;

use http::header::{IF_MODIFIED_SINCE, IF_NONE_MATCH};
use http::{HeaderMap, Method, StatusCode};
use tokio::time::Instant;

use super::ask::ask;
use super::{Lazy, operation};
use crate::exchange::transport::Response;
use crate::operations::{CallContext, Handle, ResourceData};
use crate::protocol::{TagField, Validator, entity_tag_of};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind, Versioned};
use crate::write::recovery::evidence;
use crate::write::request::reading;
use crate::write::request::reading::NoRepresentation;
use crate::write::request::target::Target;

pub(crate) struct ReadSettings<T> {
    handle: Handle<T>,
    timeout: Option<Duration>,
}

macro_rules! read_operation {
    ($(#[$doc:meta])* $name:ident => $output:ty, $operation:literal, $run:expr) => {
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

        operation!($name<T> => Result<$output, Error>, $operation, |it| it.handle.shown(false), $run);
    };
}

read_operation! {
    /// A pending read, returned by [`Collection::get`](crate::Collection::get).
    ///
    /// It returns a [`Versioned`]. Change its value in place and pass it to [`save`](crate::Collection::save).
    Get => Versioned<T>, "get", |settings: ReadSettings<T>| async move {
        read(&settings.handle, settings.timeout).await
    }
}

read_operation! {
    /// A pending read that returns `None` for an absent resource, returned by
    /// [`Collection::get_opt`](crate::Collection::get_opt).
    ///
    /// If the result is `None`, [`create`](crate::Collection::create) the resource. Otherwise change the value
    /// in place and pass it to [`save`](crate::Collection::save).
    GetOpt => Option<Versioned<T>>, "get", |settings: ReadSettings<T>| async move {
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
    Refresh => Revalidated<T>, "refresh", |settings: ReadSettings<T>| async move {
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
    Head => HeadResponse, "head", |settings: ReadSettings<T>| async move {
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
    versioned(handle, &context.target, read_in(&context).await?)
}

/// As [`read`], in a call that has begun. It may return what another user sees, who logged in since.
pub(crate) async fn read_in(context: &CallContext) -> Result<StoredSnapshot, Error> {
    let (stored, _) = fetch(context, false).await?;
    Ok(stored)
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
    if let Some(version) = known.and_then(|known| known.validator.as_ref()) {
        reading::ask_if_changed(&mut call.headers, version);
    }
    let mut reply = ask(target, &call, Some(context.time), context.since).await?;
    let of_another = |reply: &Response| reply.origin.credentials != Some(context.key.credentials());
    let path = target.url.path();
    let store = &target.shared.store;
    if reply.status == StatusCode::NOT_MODIFIED {
        let mut asked = [IF_NONE_MATCH, IF_MODIFIED_SINCE].into_iter();
        let asked = asked.any(|name| call.headers.contains_key(name));
        let is_ours = |known: &&StoredSnapshot| {
            asked && evidence::confirms(&reply.headers, known.validator.as_ref())
        };
        let ours = known.filter(is_ours);
        if let Some(known) = ours.filter(|_| !of_another(&reply)) {
            if !reply.origin.is_storable {
                // The caching rules of a 304 apply to the cached response (RFC 9111 4.3.4).
                store.remove(&context.key, context.deadline()).await;
            }
            store.confirm(&context.key);
            return Ok((known.clone(), false));
        }
        // The 304 cannot be used, so the resource is read without a condition. Either the user has changed since
        // the snapshot was looked up and must not see it, or the 304 is about another version than the requested
        // one, or the request was not conditional (RFC 9110 15.4.5).
        reading::ask_anyway(&mut call.headers);
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
    let with_rest = target.envelope().needs_rest();
    let same = |cached: &StoredSnapshot| {
        cached.validator == read.snapshot.validator
            && cached.says_the_same(&read.snapshot, with_rest)
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
