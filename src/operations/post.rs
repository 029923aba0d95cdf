//! `post`: creates a resource in a collection, which assigns its id.

use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::write_call::Write;
use super::write_settings::WriteSettings;
use super::{Lazy, operation};
use crate::json::{Document, JsonError};
use crate::operations::{Handle, ResourceData};
use crate::value::{Error, ErrorKind, Saved, Versioned};
use crate::write::machine::events::Goal;

/// A pending `POST`, returned by [`Collection::post`](crate::Collection::post).
///
/// It returns a [`Saved`]. The server's id is [`Snapshot::id`](crate::Snapshot::id) of its
/// [snapshot](Saved::snapshot). If the response gave no address, the value can be read, but neither saved nor
/// removed.
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

operation!(Post<T> => Result<Saved<T>, Error>, "post", |it| it.handle.shown(false), run);

async fn run<T: ResourceData>(settings: PostSettings<T>) -> Result<Saved<T>, Error> {
    let handle = settings.handle;
    let key = settings.idempotency_key.as_deref().unwrap_or_default();
    let invalid = |it: &char| !(' '..='~').contains(it) || matches!(it, '"' | '\\');
    if let Some(invalid) = key.chars().find(invalid) {
        return Err(Error::config(format!(
            "the idempotency key contains the character {invalid:?}, which is not allowed in its header"
        )));
    }
    let document = settings.document.map_err(Error::unwritable)?;
    let write = WriteSettings {
        timeout: settings.timeout,
        ..WriteSettings::default()
    };
    let mut call = Write::begin(handle.clone(), write, Goal::Append).await?;
    let deadline = call.context.deadline();
    call.local = Some(document);
    call.idempotency_key = settings.idempotency_key;
    call.honours_keys = settings.idempotent;
    let mut ended = call.run().await?;
    let collection = handle.target()?.url;
    let stored = ended.done.stored.take();
    let named = ended
        .done
        .diagnosis
        .location
        .take()
        .map(|at| handle.with_query(at));
    let id = named.as_ref().and_then(crate::address::last_segment);
    if let Some(stored) = stored {
        let at = named.clone().unwrap_or_else(|| collection.clone());
        if let Ok(mut versioned) = Versioned::<T>::new(stored, at, id.clone()) {
            if named.is_none() {
                versioned.forget_address();
            }
            return Ok(Saved::new(versioned, ended.report));
        }
    }
    let path = collection.path();
    // The response does not contain a readable resource, so the resource is read from its address.
    let Some(location) = named else {
        let what = format!(
            "{path}: created, but the response neither contains the new resource nor its address"
        );
        return Err(ended.but(Error::new(ErrorKind::Decode, what)));
    };
    let at = location.path().to_owned();
    let time = deadline.saturating_duration_since(Instant::now());
    match super::read::read(&handle.at(location, id)?, Some(time)).await {
        Ok(versioned) => Ok(Saved::new(versioned, ended.report)),
        Err(error) => {
            let what = format!("{path}: created at {at}, but the new resource could not be read");
            Err(ended.but(Error::decode(&what, error)))
        }
    }
}
