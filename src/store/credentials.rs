//! The user of a request, and of the snapshot that it returned.

use http::HeaderMap;

use super::key_digest::{KeyDigest, Purpose, Secret};

/// A digest of the credentials of a request.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CredentialsDigest {
    digest: KeyDigest,
    /// Whether the authenticator named the user. A different digest is then a different user, not renewed
    /// credentials.
    is_named: bool,
}

impl CredentialsDigest {
    /// The digest used without an authenticator.
    pub(crate) const ANONYMOUS: Self = Self {
        digest: [0; 16],
        is_named: false,
    };

    /// Returns the digest of the user that the authenticator names.
    pub(crate) fn named(secret: &Secret, name: &str) -> Self {
        Self {
            digest: secret.digest(Purpose::Name, [name.as_bytes()]),
            is_named: true,
        }
    }

    /// Returns the digest of the credentials that the authenticator added.
    pub(crate) fn holding(secret: &Secret, before: &HeaderMap, after: &HeaderMap) -> Self {
        let mut put_on: Vec<_> = after
            .iter()
            .filter(|(name, value)| !before.get_all(*name).iter().any(|old| old == *value))
            .map(|(name, value)| (name.as_str().as_bytes(), value.as_bytes()))
            .collect();
        put_on.sort_unstable();
        let parts = put_on.into_iter().flat_map(|(name, value)| [name, value]);
        Self {
            digest: secret.digest(Purpose::Credentials, parts),
            is_named: false,
        }
    }

    /// Returns a digest for unknown credentials, which never equals another digest.
    pub(crate) fn unknown(secret: &Secret) -> Self {
        let once = crate::support::ids::uuid();
        Self {
            digest: secret.digest(Purpose::Credentials, [once.as_bytes()]),
            is_named: false,
        }
    }

    /// Whether a call of this user may continue with the other credentials. A named user must stay the same.
    /// Without names, different credentials may be renewed ones.
    pub(crate) fn may_go_on_as(self, other: Self) -> bool {
        !self.is_named || self == other
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }
}

/// The origin of a snapshot, as far as it decides whether the snapshot may be cached.
#[derive(Clone, Copy)]
pub(crate) struct SnapshotOrigin {
    /// The credentials of the request, or `None` if the snapshot did not come from a response.
    pub(crate) credentials: Option<CredentialsDigest>,
    /// Whether both the request and the response allow caching.
    pub(crate) is_storable: bool,
}

impl SnapshotOrigin {
    /// The origin of a snapshot that did not come from a response.
    pub(crate) const ELSEWHERE: Self = Self {
        credentials: None,
        is_storable: false,
    };
}
