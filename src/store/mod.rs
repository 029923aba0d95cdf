//! Snapshots cached between calls, so that an update needs no read first.

mod best_effort;
mod credentials;
#[cfg(any(feature = "durable", feature = "redis", fuzzing))]
pub(crate) mod encoded;
#[cfg(feature = "durable")]
mod file;
mod key_digest;
mod memory;
#[cfg(feature = "redis")]
mod shared;
mod shelf;
mod snapshot_key;
mod unsure;

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::HeaderMap;

use ifmatch_merge::internal::Likeness;

use crate::BoxError;
use crate::json::Document;
use crate::protocol::Validator;

pub(crate) use best_effort::BestEffortStore;
pub(crate) use credentials::{CredentialsDigest, SnapshotOrigin};
#[cfg(feature = "durable")]
pub use file::{FileStore, FileStoreError};
pub(crate) use key_digest::{KeyDigest, Purpose, Secret};
pub use memory::MemoryStore;
#[cfg(feature = "redis")]
pub(crate) use shared::Connection as RedisConnection;
#[cfg(feature = "redis")]
pub use shared::{RedisStore, RedisStoreError};
pub(crate) use snapshot_key::HeadersDigest;
pub use snapshot_key::{SnapshotKey, SnapshotKeyError};

/// A representation that was read or written, with its validator.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredSnapshot {
    /// The document as stored on the server.
    pub document: Document,
    /// The validator of the document. Without one, the snapshot cannot be used for a write.
    pub validator: Option<Validator>,
    /// The headers of the response with the document.
    pub headers: Arc<HeaderMap>,
    /// The rest of the body, if the document is only a part of it. A store must keep it.
    pub rest: Option<Document>,
    /// Whether the document was written and no read has returned it under this validator yet. A store must keep
    /// this flag, so that the next read can check the document. Default: `false`.
    pub is_unread: bool,
    /// The user of the snapshot, and whether it may be cached. A store need not keep it, because a cached snapshot
    /// belongs to the user of its key.
    pub(crate) origin: SnapshotOrigin,
}

impl StoredSnapshot {
    /// Creates a snapshot of a document.
    pub fn new(
        document: Document,
        validator: Option<Validator>,
        headers: impl Into<Arc<HeaderMap>>,
    ) -> Self {
        Self {
            document,
            validator,
            headers: headers.into(),
            rest: None,
            is_unread: false,
            origin: SnapshotOrigin::ELSEWHERE,
        }
    }

    /// Whether the other snapshot has the same document. With `with_rest`, the rest of the body is compared too,
    /// because it is sent back with the document.
    pub(crate) fn says_the_same(&self, other: &Self, with_rest: bool) -> bool {
        let same = |one: &Document, other: &Document| {
            one == other || Likeness::of(None, one, other, &[]).is_same()
        };
        let rests = self.rest.as_ref().zip(other.rest.as_ref());
        let rests = rests.is_none_or(|(one, other)| !with_rest || same(one, other));
        rests && same(&self.document, &other.document)
    }

    /// Returns the approximate memory use, in bytes.
    pub fn size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(n, v)| n.as_str().len() + v.len())
            .sum();
        let rest = self.rest.as_ref().map_or(0, Document::len);
        self.document.len() + rest + headers
    }
}

impl fmt::Debug for StoredSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSnapshot")
            .field("bytes", &self.size())
            .field("validator", &self.validator)
            .finish_non_exhaustive()
    }
}

/// Stores snapshots between calls.
///
/// A store is only a cache. A lost entry costs one read, so errors of a store are logged and never fail a call.
///
/// # What is cached
///
/// A snapshot is cached only for the user whose request returned it. If the user changes during a call, nothing is
/// cached. These responses are not passed to a store:
///
/// - responses with `Cache-Control: no-store`, and responses to requests with that directive (RFC 9111 5.2.1.5 and
///   5.2.2.5);
/// - responses with `Vary: *`, which depend on more than a key can hold.
///
/// A write to such a resource is pinned to the version of the value that is saved, and each `update` reads first.
///
/// # Stores that outlive a client
///
/// `FileStore` (feature `durable`) keeps snapshots in files, and `RedisStore` (feature `redis`) shares them between
/// processes and machines.
///
/// The digests in keys depend on a secret, which each client draws at random by default. To share snapshots between
/// clients, processes or machines, give them the same [`store_secret`](crate::ClientBuilder::store_secret) and name
/// users with [`Authenticator::identity`](crate::Authenticator::identity). Without a name, each new token is a new
/// user.
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// Returns the snapshot cached under this key.
    ///
    /// # Errors
    ///
    /// Returns any error of the store. The call continues as if nothing were cached.
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError>;

    /// Stores a snapshot, which replaces an older one.
    ///
    /// # Errors
    ///
    /// Returns any error of the store. The call continues.
    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError>;

    /// Removes a snapshot.
    ///
    /// # Errors
    ///
    /// Returns any error of the store. The call continues.
    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError>;
}
