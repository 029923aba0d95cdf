//! What callers hold: values with the version they were read under.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use http::HeaderMap;
use serde::de::DeserializeOwned;
use url::Url;

use crate::json::{Document, JsonError};
use crate::protocol::Validator;
use crate::store::StoredSnapshot;

/// A value with the snapshot that it came from.
///
/// It derefs to the value, which can be changed in place and saved; the snapshot remembers what was
/// read. It is not `Serialize`, because that would drop the validator: keep a
/// [`Snapshot::document`] and [`Snapshot::validator`] and use
/// [`Collection::restore`](crate::Collection::restore).
pub struct Versioned<T> {
    value: T,
    snapshot: Snapshot<T>,
}

/// A representation that was read, with the validator that names it.
pub struct Snapshot<T> {
    base: T,
    stored: StoredSnapshot,
    url: Url,
    id: Option<String>,
    /// The server has said where it is.
    named: bool,
}

/// A value that was written, with the report of how.
pub struct Saved<T> {
    versioned: Versioned<T>,
    report: WriteReport,
}

/// What one write did.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteReport {
    /// Requests that went out, reads, redirects and renewed credentials included.
    pub requests: u32,
    /// Conditional writes on different versions: 1 if nobody interfered.
    pub rounds: u32,
    /// Races that were merged.
    pub merged: u32,
    /// A reply was lost, and the write was recognised as ours.
    pub settled: bool,
    /// Nothing had to be written.
    pub unchanged: bool,
    /// The server said that it created the resource (201), although the write was pinned to a version that
    /// was there: another client had removed it, and the server ignores preconditions where nothing exists.
    pub recreated: bool,
    /// The removal was accepted, and the resource is marked as being removed, but still there.
    pub removal_pending: bool,
    /// Other edits that went out in the same request.
    pub coalesced_with: u32,
    /// Time spent in waits.
    pub waited: Duration,
    /// Time in all.
    pub elapsed: Duration,
}

impl WriteReport {
    /// The report of both, where this write took up what an earlier one could not do.
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        self.requests += earlier.requests;
        self.rounds += earlier.rounds;
        self.merged += earlier.merged;
        self.waited += earlier.waited;
        self.elapsed += earlier.elapsed;
        self
    }
}

impl<T: DeserializeOwned> Versioned<T> {
    pub(crate) fn new(
        stored: StoredSnapshot,
        url: Url,
        id: Option<String>,
    ) -> Result<Self, JsonError> {
        Ok(Self {
            value: stored.document.decode()?,
            snapshot: Snapshot {
                base: stored.document.decode()?,
                stored,
                url,
                id,
                named: true,
            },
        })
    }
}

impl<T> Versioned<T> {
    /// It was made, and nobody said where: it can be read, but not saved or removed.
    pub(crate) fn forget_address(&mut self) {
        self.snapshot.named = false;
    }

    /// The value alone; the validator is dropped.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// What was read.
    pub fn snapshot(&self) -> &Snapshot<T> {
        &self.snapshot
    }
}

impl<T> Snapshot<T> {
    /// The value as it was read, whatever was changed since.
    pub fn base(&self) -> &T {
        &self.base
    }

    /// The document as it was read, fields included that `T` does not know.
    pub fn document(&self) -> &Document {
        &self.stored.document
    }

    /// The version, if the server gave one that a condition can use.
    pub fn validator(&self) -> Option<&Validator> {
        self.stored.validator.as_ref()
    }

    /// The address of the resource; that of its collection if a `post` was not told where it is.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// The id within its collection, if it was reached through one.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The headers of the reply.
    pub fn headers(&self) -> &HeaderMap {
        &self.stored.headers
    }

    /// Where it can be written to, or why nowhere.
    pub(crate) fn address(&self) -> Result<Url, &'static str> {
        if self.named {
            Ok(self.url.clone())
        } else {
            Err("the server made it without saying where, by `Location` or a member `id`")
        }
    }

    pub(crate) fn stored(&self) -> &StoredSnapshot {
        &self.stored
    }
}

impl<T> Saved<T> {
    pub(crate) fn new(versioned: Versioned<T>, report: WriteReport) -> Self {
        Self { versioned, report }
    }

    /// The value alone; the validator is dropped.
    pub fn into_inner(self) -> T {
        self.versioned.into_inner()
    }

    /// What is stored now.
    pub fn snapshot(&self) -> &Snapshot<T> {
        &self.versioned.snapshot
    }

    /// What the write did.
    pub fn report(&self) -> &WriteReport {
        &self.report
    }

    pub(crate) fn versioned(&self) -> &Versioned<T> {
        &self.versioned
    }

    /// The value with its snapshot, for the next edit.
    pub fn into_versioned(self) -> Versioned<T> {
        self.versioned
    }
}

impl<T> Deref for Versioned<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for Versioned<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

impl<T> Deref for Saved<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.versioned.value
    }
}

impl<T> DerefMut for Saved<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.versioned.value
    }
}

impl<T: Clone> Clone for Versioned<T> {
    fn clone(&self) -> Self {
        Self {
            value: self.value.clone(),
            snapshot: self.snapshot.clone(),
        }
    }
}

impl<T: Clone> Clone for Snapshot<T> {
    fn clone(&self) -> Self {
        Self {
            base: self.base.clone(),
            stored: self.stored.clone(),
            url: self.url.clone(),
            id: self.id.clone(),
            named: self.named,
        }
    }
}

impl<T: Clone> Clone for Saved<T> {
    fn clone(&self) -> Self {
        Self {
            versioned: self.versioned.clone(),
            report: self.report.clone(),
        }
    }
}

impl<T> fmt::Debug for Versioned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Versioned")
            .field("snapshot", &self.snapshot)
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Snapshot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("path", &self.url.path())
            .field("validator", &self.stored.validator)
            .field("bytes", &self.stored.document.len())
            .finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Saved<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Saved")
            .field("snapshot", &self.versioned.snapshot)
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
