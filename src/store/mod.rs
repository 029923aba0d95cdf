//! Snapshots kept between calls, so that an update needs no read first.

mod filing;
mod memory;

use std::borrow::Cow;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;

use ifmatch_merge::internal::Likeness;

use crate::BoxError;
use crate::http::Validator;
use crate::json::Document;

pub(crate) use filing::Filing;
pub use memory::MemoryStore;

/// What a snapshot is filed under: the address, the representation asked for and the part of it that is
/// the document, and the user.
///
/// A tag belongs to one representation (RFC 9110 8.8.3.3), so the headers that choose one are part
/// of the key; and what one user was shown must never answer another, so the credentials are too,
/// as a digest.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SnapshotKey {
    url: Arc<str>,
    variant: u64,
    credentials: [u64; 2],
}

impl SnapshotKey {
    pub(crate) fn new(
        url: &Url,
        chosen_by: &[(HeaderName, HeaderValue)],
        view: Option<&str>,
        credentials: &[&[u8]],
    ) -> Self {
        let mut variant: Vec<_> = chosen_by
            .iter()
            .map(|(n, v)| (n.as_str(), v.as_bytes()))
            .collect();
        variant.sort_unstable();
        let user = (url.username(), url.password());
        let mut bare = Cow::Borrowed(url);
        if user != ("", None) {
            let bare = bare.to_mut();
            // It fails for addresses that have no host, and those have no user either.
            let _ = bare.set_username("").and(bare.set_password(None));
        }
        Self {
            url: bare.as_str().into(),
            variant: digest(0, &(variant, view)),
            credentials: [
                digest(1, &(user, credentials)),
                digest(2, &(user, credentials)),
            ],
        }
    }

    /// The address of the resource, without the user that it may name.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The whole key as text, for stores that file under names: digests of the credentials, and the
    /// address with its query.
    pub fn to_text(&self) -> String {
        let [a, b] = self.credentials;
        format!("{:016x}-{a:016x}{b:016x} {}", self.variant, self.url)
    }
}

fn digest(salt: u8, value: &(impl Hash + ?Sized)) -> u64 {
    let mut hasher = DefaultHasher::new();
    salt.hash(&mut hasher);
    value.hash(&mut hasher);
    hasher.finish()
}

impl fmt::Debug for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A query may hold a key.
        let (path, query) = self.url.split_once('?').unwrap_or((&self.url, ""));
        f.debug_struct("SnapshotKey")
            .field("url", &path)
            .field("query", &(!query.is_empty()))
            .finish_non_exhaustive()
    }
}

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
    /// What lay around the document, where one lies inside its body; a store keeps it as well.
    pub frame: Option<Document>,
    /// The document was written, and no read has shown it under this validator yet. A store keeps this as
    /// well, so that the next read can check it; default: `false`.
    pub unread: bool,
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
            frame: None,
            unread: false,
        }
    }

    /// Whether the other snapshot has the same document, and in the same frame if that goes back, too.
    pub(crate) fn says_the_same(&self, other: &Self, with_frame: bool) -> bool {
        let same = |one: &Document, other: &Document| {
            one == other || Likeness::of(None, one, other, &[]).is_same()
        };
        let frames = self.frame.as_ref().zip(other.frame.as_ref());
        let frames = frames.is_none_or(|(one, other)| !with_frame || same(one, other));
        frames && same(&self.document, &other.document)
    }

    /// About how much memory it takes, in bytes.
    pub fn size(&self) -> usize {
        let headers: usize = self
            .headers
            .iter()
            .map(|(n, v)| n.as_str().len() + v.len())
            .sum();
        let frame = self.frame.as_ref().map_or(0, Document::len);
        self.document.len() + frame + headers
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
#[async_trait]
pub trait SnapshotStore: Send + Sync + 'static {
    /// The snapshot filed under this key.
    ///
    /// # Errors
    ///
    /// Whatever hinders the store; the call goes on as if nothing was filed.
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError>;

    /// Files a snapshot, in the place of an older one.
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
