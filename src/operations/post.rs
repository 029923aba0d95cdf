//! `post`: creates a resource in a collection, which assigns its id.

use std::time::Duration;

use http::HeaderMap;
use serde::Serialize;
use tokio::time::Instant;
use url::Url;

use super::outbox::Queued;
use super::outbox::entries::queue_post;
use super::write_call::{Ended, Write};
use super::write_settings::{WriteSettings, queue_setting};
use super::{Lazy, operation};
use crate::json::{Document, JsonError};
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::{Error, ErrorKind, Saved, Versioned};
use crate::write::machine::events::Goal;

/// A pending `POST`, returned by [`Collection::post`](crate::Collection::post).
///
/// It returns a [`Saved`]. The server's id is [`Snapshot::id`](crate::Snapshot::id) of its
/// [snapshot](Saved::snapshot). Its value is the first of these that is there and fits the type:
///
/// 1. The body of the response, whatever the draft had.
/// 2. What a read of the address in `Location` shows. It is one more request.
/// 3. The draft as it was sent.
///
/// The address is that of `Location`, or made of the member `id` of the body. A version segment beneath the resource
/// ([`Profile::versions_beneath`](crate::Profile::versions_beneath)) is removed, so the resource is saved at its own
/// address. If the response gave no address, the value can be read, but neither saved nor removed.
#[must_use = "nothing is sent before it is awaited"]
pub struct Post<T> {
    call: Lazy<PostSettings<T>, Result<Saved<T>, Error>>,
}

struct PostSettings<T> {
    timeout: Option<Duration>,
    handle: Handle<T>,
    document: Result<Document, JsonError>,
    idempotency_key: Option<String>,
    idempotent: bool,
}

impl<T: ResourceData> Post<T> {
    pub(crate) fn new(handle: Handle<T>, draft: &(impl Serialize + ?Sized)) -> Self {
        Self {
            call: Lazy::new(PostSettings {
                timeout: None,
                handle,
                document: Document::encode(draft),
                idempotency_key: None,
                idempotent: false,
            }),
        }
    }

    /// Sets the deadline of this call, waits included, instead of [`Limits::time`](crate::Limits::time).
    pub fn timeout(self, time: Duration) -> Self {
        Self {
            call: self.call.set(|settings| settings.timeout = Some(time)),
        }
    }

    /// Sets the key by which the server recognises this request, instead of a random UUID.
    ///
    /// Store the key with your own data to send the same request again after a restart. The key is printable
    /// ASCII without `"` and `\`. Any other key makes the call return a `Config` error.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        let key = key.into();
        Self {
            call: self
                .call
                .set(|settings| settings.idempotency_key = Some(key)),
        }
    }

    /// Declares that the server applies requests with the same idempotency key only once, at this address.
    ///
    /// A request whose response was lost or was a 503 is then sent again. Without this setting, such a call ends
    /// as [`OutcomeUnknown`](ErrorKind::OutcomeUnknown), unless the
    /// [profile](crate::Profile::honours_idempotency_keys) says the same of the server.
    pub fn idempotent(self) -> Self {
        Self {
            call: self.call.set(|settings| settings.idempotent = true),
        }
    }
}

queue_setting! {
    Post => Saved<T>, queue,
    /// Its [idempotency key](Self::idempotency_key) is kept with it. If a response is lost, it is sent again only if the
    /// server honours the key. Otherwise it waits for a person.
}
operation!(Post<T> => Result<Saved<T>, Error>, "post", |it| it.handle.shown(false), run);

/// Checks that an idempotency key can be sent as a structured-field string (RFC 9651 3.3.3).
pub(super) fn check_key(key: &str) -> Result<(), Error> {
    let is_invalid = |it: &char| !(' '..='~').contains(it) || matches!(it, '"' | '\\');
    match key.chars().find(is_invalid) {
        None => Ok(()),
        Some(invalid) => Err(Error::config(format!(
            "the idempotency key contains the character {invalid:?}, which is not allowed in its header"
        ))),
    }
}

async fn run<T: ResourceData>(settings: PostSettings<T>) -> Result<Saved<T>, Error> {
    let handle = settings.handle;
    if let Some(key) = &settings.idempotency_key {
        check_key(key)?;
    }
    let document = settings.document.map_err(Error::unwritable)?;
    let write = WriteSettings {
        timeout: settings.timeout,
        ..WriteSettings::default()
    };
    let mut call = Write::begin(handle.clone(), write, Goal::Append).await?;
    let deadline = call.context.deadline();
    call.local = Some(document.clone());
    call.idempotency_key = settings.idempotency_key;
    call.honours_keys = settings.idempotent;
    let ended = call.run().await?;
    let made = MadeResource {
        at_collection: handle.target()?.url,
        ..MadeResource::of(ended)
    };
    let named = made.named.clone().map(|at| handle.with_query(at));
    let made = MadeResource { named, ..made };
    if let Some(versioned) = made.shown.clone().and_then(|shown| made.versioned(shown)) {
        return Ok(Saved::new(versioned, made.ended.report));
    }
    let mut error = None;
    if let Some(location) = &made.named {
        let (path, at) = (made.at_collection.path(), location.path());
        let time = deadline.saturating_duration_since(Instant::now());
        let id = crate::address::last_segment(location);
        match super::read::read(&handle.at(location.clone(), id)?, Some(time)).await {
            Ok(versioned) => return Ok(Saved::new(versioned, made.ended.report)),
            Err(unread) => {
                let what =
                    format!("{path}: created at {at}, but the new resource could not be read");
                error = Some(Error::decode(&what, unread));
            }
        }
    }
    let draft = StoredSnapshot::new(document, None, HeaderMap::new());
    if let Some(versioned) = made.versioned(draft) {
        return Ok(Saved::new(versioned, made.ended.report));
    }
    Err(match error {
        Some(error) => made.ended.but(error),
        None => made.unreadable(),
    })
}

async fn queue<T: ResourceData>(settings: PostSettings<T>) -> Result<Queued<Saved<T>>, Error> {
    if let Some(key) = &settings.idempotency_key {
        check_key(key)?;
    }
    let document = settings.document.map_err(Error::unwritable)?;
    let (key, honours) = (settings.idempotency_key, settings.idempotent);
    queue_post(settings.handle, document, key, honours).await
}

/// A resource that a server has made, as far as its response tells.
pub(super) struct MadeResource<T> {
    pub(super) ended: Ended<T>,
    /// The resource in the response.
    pub(super) shown: Option<StoredSnapshot>,
    /// Its address.
    named: Option<Url>,
    at_collection: Url,
}

impl<T: ResourceData> MadeResource<T> {
    pub(super) fn of(mut ended: Ended<T>) -> Self {
        Self {
            shown: ended.done.stored.take(),
            named: ended.done.diagnosis.location.take(),
            at_collection: ended.target.url.clone(),
            ended,
        }
    }

    /// Returns the resource as this state, if that fits the type.
    pub(super) fn versioned(&self, stored: StoredSnapshot) -> Option<Versioned<T>> {
        let at = self.named.as_ref().unwrap_or(&self.at_collection);
        let id = self.named.as_ref().and_then(crate::address::last_segment);
        let mut versioned = Versioned::<T>::new(stored, at.clone(), id).ok()?;
        if self.named.is_none() {
            versioned.forget_address();
        }
        Some(versioned)
    }

    /// Returns the error for a resource that neither the response nor the draft shows.
    pub(super) fn unreadable(self) -> Error {
        let path = self.at_collection.path();
        let what = format!(
            "{path}: created, but the response neither contains the new resource nor its address"
        );
        self.ended.but(Error::new(ErrorKind::Decode, what))
    }
}
