//! `local`: a resource with the writes that are on their way.

use std::fmt;
use std::ops::Deref;
use std::time::SystemTime;

use http::header::DATE;

use super::owner::handle_digest;
use super::record::Recording;
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::Error;

/// A resource as its user sees it: what is cached, with all queued writes on top.
///
/// It dereferences to the value. To change it, queue an [`update`](crate::Collection::update), which runs on the same
/// state.
pub struct Local<T> {
    value: T,
    pending: usize,
    open: usize,
    as_of: Option<SystemTime>,
}

impl<T> Local<T> {
    /// Returns how many queued writes of this user it shows, open ones included. Writes that were combined count once.
    pub fn pending(&self) -> usize {
        self.pending
    }

    /// Returns how many of them wait for a person.
    pub fn open(&self) -> usize {
        self.open
    }

    /// Returns when the server sent the state below the queued writes, by the server's own clock. `None` if nothing is
    /// cached, or the response had no `Date`.
    pub fn as_of(&self) -> Option<SystemTime> {
        self.as_of
    }

    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> Deref for Local<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

// Leaves out the value, which may hold secrets.
impl<T> fmt::Debug for Local<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Local")
            .field("pending", &self.pending)
            .field("open", &self.open)
            .finish_non_exhaustive()
    }
}

/// Returns the state of a resource with all queued writes, without a request. `None` if nothing is known of it, or a
/// queued write removes it.
pub(crate) async fn local<T: ResourceData>(handle: Handle<T>) -> Result<Option<Local<T>>, Error> {
    let of = handle_digest(&handle)?;
    let recording = Recording::begin(handle, of).await?;
    let view = recording.view().await?;
    let Some(document) = &view.document else {
        return Ok(None);
    };
    let path = recording.context.target.url.path();
    let value = document
        .decode()
        .map_err(|error| Error::decode(path, error))?;
    Ok(Some(Local {
        value,
        pending: view.chain.len(),
        open: view.chain.iter().filter(|it| it.open.is_some()).count(),
        as_of: view.cached.as_ref().and_then(sent_at),
    }))
}

fn sent_at(cached: &StoredSnapshot) -> Option<SystemTime> {
    let date = cached.headers.get(DATE)?.to_str().ok()?;
    httpdate::parse_http_date(date).ok()
}
