//! Values with the version under which they were read.

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
/// It dereferences to the value, which can be changed in place and saved. The snapshot keeps the state that was
/// read. `Versioned` is not `Serialize`, because serializing would drop the validator. To restore a value later,
/// keep its [`Snapshot::document`] and [`Snapshot::validator`] and use
/// [`Collection::restore`](crate::Collection::restore).
pub struct Versioned<T> {
    value: T,
    snapshot: Snapshot<T>,
}

/// A representation that was read, with its validator.
pub struct Snapshot<T> {
    base: T,
    stored: StoredSnapshot,
    url: Url,
    id: Option<String>,
    origin: AddressOrigin,
}

/// How the address of a snapshot is known.
#[derive(Clone)]
enum AddressOrigin {
    /// The resource was read or written there.
    Used,
    /// It was derived from the id of a list item. The list was requested with this query.
    Listed(Vec<(String, String)>),
    /// The server created the resource without giving its address.
    Unknown,
}

/// The address to which a snapshot is written.
#[derive(Debug)]
pub struct SnapshotAddress {
    pub(crate) url: Url,
    /// The query of the handle that listed the resource. `None` if the URL itself was used before.
    pub(crate) listed_with: Option<Vec<(String, String)>>,
}

/// A value that was written, with a report of the write.
///
/// It dereferences to the value, and holds its new version, so it can be changed and saved again.
pub struct Saved<T> {
    versioned: Versioned<T>,
    report: WriteReport,
}

/// A report of one write.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WriteReport {
    /// Number of requests sent, including reads, redirects and requests repeated with renewed credentials.
    pub requests: u32,
    /// Number of conditional writes, each against a new version. It is 1 without contention.
    pub rounds: u32,
    /// Number of lost races after which the edit ran again or was merged.
    pub merged: u32,
    /// Whether a response was lost and the write was then found to have been applied.
    pub settled: bool,
    /// Whether there was nothing to write.
    pub unchanged: bool,
    /// Whether the server reported that it created the resource (201), although the write was pinned to an existing
    /// version. Another client had removed the resource, and the server ignores preconditions where nothing exists.
    pub recreated: bool,
    /// Whether the removal was accepted while the resource still exists, marked as being removed.
    pub removal_pending: bool,
    /// Number of other edits sent in the same request.
    pub coalesced_with: u32,
    /// Total time spent in waits.
    pub waited: Duration,
    /// Total time of the write.
    pub elapsed: Duration,
}

impl WriteReport {
    /// Creates the report of a write that had nothing to write.
    pub(crate) fn unchanged() -> Self {
        Self {
            unchanged: true,
            ..Self::default()
        }
    }

    /// Adds the figures of an earlier write that this write continued.
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
                origin: AddressOrigin::Used,
            },
        })
    }
}

impl<T> Versioned<T> {
    /// Marks the value as created at an unknown address. It can be read, but not saved or removed.
    pub(crate) fn forget_address(&mut self) {
        self.snapshot.origin = AddressOrigin::Unknown;
    }

    /// Marks the value as an item of a list that was requested with this query.
    pub(crate) fn listed_with(mut self, query: Vec<(String, String)>) -> Self {
        self.snapshot.origin = AddressOrigin::Listed(query);
        self
    }

    /// Returns the value and drops the validator.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Returns the snapshot of what was read.
    pub fn snapshot(&self) -> &Snapshot<T> {
        &self.snapshot
    }
}

impl<T> Snapshot<T> {
    /// Returns the value as it was read, without later changes.
    pub fn base(&self) -> &T {
        &self.base
    }

    /// Returns the document as it was read, including fields that `T` does not know.
    pub fn document(&self) -> &Document {
        &self.stored.document
    }

    /// Returns the validator, if the server provided one that is usable in a precondition.
    pub fn validator(&self) -> Option<&Validator> {
        self.stored.validator.as_ref()
    }

    /// Returns the URL of the resource.
    ///
    /// After a `post` whose response gave no address, it is the URL of the collection.
    pub fn url(&self) -> &Url {
        &self.url
    }

    /// Returns the id within the collection, if the resource was reached through a collection.
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Returns the headers of the response.
    pub fn headers(&self) -> &HeaderMap {
        &self.stored.headers
    }

    /// Returns the URL for writes, or the reason why there is none.
    pub(crate) fn address(&self) -> Result<SnapshotAddress, &'static str> {
        let listed_with = match &self.origin {
            AddressOrigin::Used => None,
            AddressOrigin::Listed(query) => Some(query.clone()),
            AddressOrigin::Unknown => {
                return Err(
                    "the server created it without giving its address in `Location` or a member `id`",
                );
            }
        };
        let url = self.url.clone();
        Ok(SnapshotAddress { url, listed_with })
    }

    pub(crate) fn stored(&self) -> &StoredSnapshot {
        &self.stored
    }
}

impl<T> Saved<T> {
    pub(crate) fn new(versioned: Versioned<T>, report: WriteReport) -> Self {
        Self { versioned, report }
    }

    /// Returns the value and drops the validator.
    pub fn into_inner(self) -> T {
        self.versioned.into_inner()
    }

    /// Returns the snapshot of what is now stored.
    pub fn snapshot(&self) -> &Snapshot<T> {
        &self.versioned.snapshot
    }

    /// Returns the report of the write.
    pub fn report(&self) -> &WriteReport {
        &self.report
    }

    pub(crate) fn versioned(&self) -> &Versioned<T> {
        &self.versioned
    }

    /// Returns the value with its snapshot, for the next edit.
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
            origin: self.origin.clone(),
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
