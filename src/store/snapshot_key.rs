//! The key of a cached snapshot.

use std::cmp::Ordering;
use std::fmt::{self, Write as _};
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_LANGUAGE};
use url::{Position, Url};

use super::credentials::CredentialsDigest;
use super::key_digest::{KeyDigest, Purpose, Secret};

/// The key under which a snapshot is cached.
///
/// It identifies the address, the requested representation, the part of the representation that is the document,
/// and the user. An entity tag belongs to one representation (RFC 9110 8.8.3.3), so the headers that select a
/// representation are part of the key. One user's snapshot must never serve another user, so the credentials are
/// part of the key too.
///
/// The key holds only digests of these inputs, keyed by the secret of the client
/// ([`store_secret`](crate::ClientBuilder::store_secret)). Without that secret, the digests reveal nothing about
/// the inputs and cannot be made to collide. With the same secret, they are the same in every process, on every
/// machine and in every version of the crate that writes the same version of the [text](Self::to_text).
#[derive(Clone)]
pub struct SnapshotKey {
    url: Arc<str>,
    address: KeyDigest,
    variant: KeyDigest,
    user: KeyDigest,
    /// The user alone, against whom a snapshot is checked. It is not part of the key.
    credentials: CredentialsDigest,
}

/// The three digests of a key.
#[cfg(any(feature = "durable", feature = "redis", fuzzing))]
pub(super) type KeyDigests = [u8; 48];

/// The contribution of the headers of a handle to all of its keys.
#[derive(Clone, Copy)]
pub(crate) struct HeadersDigest {
    chosen: KeyDigest,
    headers: KeyDigest,
}

impl HeadersDigest {
    /// Digests all headers, because any header may hold an API key or a tenant. Other headers only split the store
    /// into more entries.
    pub(crate) fn of(secret: &Secret, headers: &HeaderMap) -> Self {
        let chooses = |name: &str| name == ACCEPT.as_str() || name == ACCEPT_LANGUAGE.as_str();
        let mut pairs: Vec<_> = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        pairs.sort_unstable();
        let digest = |purpose, wanted: bool| {
            let those = pairs.iter().filter(|(name, _)| chooses(name) == wanted);
            secret.digest(
                purpose,
                those.flat_map(|(name, value)| [name.as_bytes(), value]),
            )
        };
        Self {
            chosen: digest(Purpose::Chosen, true),
            headers: digest(Purpose::Headers, false),
        }
    }
}

impl SnapshotKey {
    /// Returns the key of an address for a user. `view` names the part of the representation that is the document.
    pub(crate) fn new(
        secret: &Secret,
        url: &Url,
        headers_digest: HeadersDigest,
        view: Option<&str>,
        credentials: CredentialsDigest,
    ) -> Self {
        let (bare, address) = addressed(secret, url);
        let variant = match view {
            None => headers_digest.chosen,
            Some(view) => {
                secret.digest(Purpose::View, [&headers_digest.chosen[..], view.as_bytes()])
            }
        };
        let named = (url.username(), url.password());
        let user = if named == ("", None) && credentials == CredentialsDigest::ANONYMOUS {
            headers_digest.headers
        } else {
            let (name, password) = (named.0, named.1.unwrap_or_default());
            let parts = [
                &headers_digest.headers[..],
                name.as_bytes(),
                password.as_bytes(),
                credentials.digest(),
            ];
            secret.digest(Purpose::User, parts)
        };
        Self {
            address,
            url: bare.into(),
            variant,
            user,
            credentials,
        }
    }

    /// Returns the digest of a whole address, which is the same for every user.
    pub(crate) fn address_of(secret: &Secret, url: &Url) -> KeyDigest {
        addressed(secret, url).1
    }

    /// Returns the address of the resource, without user information and query, either of which may hold a secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the digest of the whole address, which is the same for every user.
    pub(crate) fn address(&self) -> &KeyDigest {
        &self.address
    }

    /// Returns the digest of the representation.
    pub(crate) fn variant(&self) -> &KeyDigest {
        &self.variant
    }

    /// Returns the user of the key.
    pub(crate) fn credentials(&self) -> CredentialsDigest {
        self.credentials
    }

    /// Returns the whole key as text, for stores that need names such as file names. [`FromStr`] parses it.
    ///
    /// The text consists of `v2`, three digests of 32 hexadecimal digits (the address with its query, the
    /// representation, the user) and [`url`](Self::url), joined by `-`: `v2-…-…-…-http%3A%2F%2Fapi%2Farticles%2F7`.
    /// All characters except letters, digits, `-`, `.`, `_` and `~` are percent-encoded, so the text can be part of
    /// a file name. Its first 101 characters identify the key, for names of bounded length. Keys of one user share
    /// their third digest. The text contains no query, no password and no credentials.
    ///
    /// A text of this form has the same meaning in later versions of the crate. A different form gets another
    /// version number.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch::{SnapshotKey, SnapshotStore, StoredSnapshot, BoxError, async_trait};
    /// struct Folder(std::path::PathBuf);
    ///
    /// impl Folder {
    ///     fn file(&self, key: &SnapshotKey) -> std::path::PathBuf {
    ///         self.0.join(&key.to_text()[..101])
    ///     }
    /// }
    /// ```
    pub fn to_text(&self) -> String {
        let mut text = String::with_capacity(101 + 2 * self.url.len());
        text.push_str(VERSION);
        for digest in [self.address, self.variant, self.user] {
            text.push('-');
            for byte in digest {
                // Writing to a string cannot fail.
                let _ = write!(text, "{byte:02x}");
            }
        }
        text.push('-');
        crate::address::encode(&self.url, &mut text);
        text
    }

    /// Returns the digests one after the other. They identify the key.
    #[cfg(any(feature = "durable", feature = "redis", fuzzing))]
    pub(super) fn digests(&self) -> KeyDigests {
        let mut digests = [0; 48];
        for (part, digest) in digests.chunks_exact_mut(16).zip(self.parts()) {
            part.copy_from_slice(digest);
        }
        digests
    }

    fn parts(&self) -> [&KeyDigest; 3] {
        [&self.address, &self.variant, &self.user]
    }
}

/// Returns an address without user information and query, and the digest of the whole.
fn addressed(secret: &Secret, url: &Url) -> (String, KeyDigest) {
    let (before, after) = (
        &url[..Position::BeforeUsername],
        &url[Position::BeforeHost..Position::AfterPath],
    );
    let bare = [before, after].concat();
    let query = &url[Position::AfterPath..Position::AfterQuery];
    let address = secret.digest(Purpose::Address, [bare.as_bytes(), query.as_bytes()]);
    (bare, address)
}

const VERSION: &str = "v2";

/// The error for a text that is not a valid snapshot key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SnapshotKeyError {
    /// The text begins with a version other than `v2`.
    #[error("a snapshot key begins with `v2-`; this one is not of a version that ifmatch reads")]
    Version,
    /// A digest is missing or damaged.
    #[error(
        "a snapshot key has three digests of 32 hexadecimal digits after `v2`; one is missing or damaged"
    )]
    Digest,
    /// The address is missing or damaged.
    #[error(
        "a snapshot key ends with a percent-encoded address; this address is missing or damaged"
    )]
    Address,
}

impl FromStr for SnapshotKey {
    type Err = SnapshotKeyError;

    /// Parses the text written by [`to_text`](SnapshotKey::to_text).
    ///
    /// # Errors
    ///
    /// Returns a [`SnapshotKeyError`] if the text begins with another version than `v2`, or if a digest or the
    /// address is missing or damaged.
    fn from_str(text: &str) -> Result<Self, SnapshotKeyError> {
        let mut parts = text.splitn(5, '-');
        if parts.next() != Some(VERSION) {
            return Err(SnapshotKeyError::Version);
        }
        let mut digest = || {
            parts
                .next()
                .and_then(digest_of)
                .ok_or(SnapshotKeyError::Digest)
        };
        let (address, variant, user) = (digest()?, digest()?, digest()?);
        let url = parts.next().and_then(crate::address::decoded);
        // Only the spelling that `to_text` writes is accepted, so that two texts are never one key.
        let url = url.filter(|url| Url::parse(url).is_ok_and(|read| read.as_str() == url));
        Ok(Self {
            url: url.ok_or(SnapshotKeyError::Address)?.into(),
            address,
            variant,
            user,
            credentials: CredentialsDigest::ANONYMOUS,
        })
    }
}

fn digest_of(text: &str) -> Option<KeyDigest> {
    let mut digest = KeyDigest::default();
    let digits = text.as_bytes();
    let is_hex = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
    if digits.len() != 32 || !digits.iter().all(is_hex) {
        return None;
    }
    for (at, byte) in digest.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(digest)
}

impl PartialEq for SnapshotKey {
    fn eq(&self, other: &Self) -> bool {
        self.parts() == other.parts()
    }
}

impl Eq for SnapshotKey {}

impl Hash for SnapshotKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // The parts are keyed digests, so no address can be made to collide with another one.
        let words = self.parts().map(|part| u128::from_le_bytes(*part));
        let [address, variant, user] = words;
        state.write_u128(address ^ variant.rotate_left(1) ^ user.rotate_left(2));
    }
}

impl PartialOrd for SnapshotKey {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SnapshotKey {
    fn cmp(&self, other: &Self) -> Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl fmt::Debug for SnapshotKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnapshotKey")
            .field("url", &self.url)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
impl SnapshotKey {
    /// Returns a key for tests, for a user with this name.
    pub(crate) fn of(url: &str, user: &str) -> Result<Self, url::ParseError> {
        let secret = Secret::of(b"tests");
        let headers_digest = HeadersDigest::of(&secret, &HeaderMap::new());
        let credentials = if user.is_empty() {
            CredentialsDigest::ANONYMOUS
        } else {
            CredentialsDigest::named(&secret, user)
        };
        Ok(Self::new(
            &secret,
            &Url::parse(url)?,
            headers_digest,
            None,
            credentials,
        ))
    }
}
