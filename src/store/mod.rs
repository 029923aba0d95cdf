//! Snapshots kept between calls, so that an update needs no read first.

mod best_effort;
mod credentials;
mod key_digest;
mod memory;
mod snapshot_key;

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
pub(crate) use key_digest::{KeyDigest, Secret};
pub use memory::MemoryStore;
pub(crate) use snapshot_key::HeadersDigest;
pub use snapshot_key::{SnapshotKey, SnapshotKeyError};

/// A representation that was read or written, with the validator that names it.
#[derive(Clone)]
#[non_exhaustive]
pub struct StoredSnapshot {
    /// The document, as the server has it.
    pub document: Document,
    /// Its version; without one the snapshot serves no write.
    pub validator: Option<Validator>,
    /// The headers it came with.
    pub headers: Arc<HeaderMap>,
    /// The rest of the body, where the document lies inside one. A store keeps it as well.
    pub rest: Option<Document>,
    /// The document was written, and no read has shown it under this validator yet. A store keeps this as
    /// well, so that the next read can check it; default: `false`.
    pub unread: bool,
    /// Whose it is, and whether it may be cached. A store need not keep it: what is cached under a key is of the
    /// key's user.
    pub(crate) origin: SnapshotOrigin,
}

impl StoredSnapshot {
    /// A snapshot.
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
            unread: false,
            origin: SnapshotOrigin::ELSEWHERE,
        }
    }

    /// Whether the other snapshot has the same document, and the same rest of the body if that goes back, too.
    pub(crate) fn says_the_same(&self, other: &Self, with_rest: bool) -> bool {
        let same = |one: &Document, other: &Document| {
            one == other || Likeness::of(None, one, other, &[]).is_same()
        };
        let rests = self.rest.as_ref().zip(other.rest.as_ref());
        let rests = rests.is_none_or(|(one, other)| !with_rest || same(one, other));
        rests && same(&self.document, &other.document)
    }

    /// About how much memory it takes, in bytes.
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

/// Keeps snapshots.
///
/// A store is a cache of what is known: losing an entry costs one read, so its errors are logged
/// and never fail a call.
///
/// # What is cached
///
/// A snapshot is cached under the user whose request brought it, and under no other: where the user
/// changes while a call is under way, nothing is cached. What may not be kept is not handed to a store: replies
/// with `Cache-Control: no-store` and replies to requests with it (RFC 9111 5.2.1.5 and 5.2.2.5), and replies with
/// `Vary: *`, which depend on more than a key can hold. A write of such a resource is pinned to the version of
/// the value in hand, and an `update` reads first each time.
///
/// # Stores that outlive a client
///
/// The digests in keys are keyed, by default with a key that each client draws for itself. So that
/// several clients, processes or machines find each other's snapshots, give them one
/// [`store_secret`](crate::ClientBuilder::store_secret), and name users by
/// [`Authenticator::identity`](crate::Authenticator::identity): without a name each new token is a new user.
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// The snapshot cached under this key.
    ///
    /// # Errors
    ///
    /// Whatever hinders the store; the call goes on as if nothing was cached.
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError>;

    /// Stores a snapshot, in the place of an older one.
    ///
    /// # Errors
    ///
    /// Whatever hinders the store; the call goes on.
    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError>;

    /// Forgets a snapshot.
    ///
    /// # Errors
    ///
    /// Whatever hinders the store; the call goes on.
    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError>;
}
