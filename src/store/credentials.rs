//! Whose a request was, and the snapshot that came of it.

use http::HeaderMap;

use super::key_digest::{KeyDigest, Purpose, Secret};

/// A digest of the credentials that a request had.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct CredentialsDigest {
    digest: KeyDigest,
    /// The authenticator has named the user, so that another one is another user and not new credentials.
    named: bool,
}

impl CredentialsDigest {
    /// There is no authenticator.
    pub(crate) const ANONYMOUS: Self = Self {
        digest: [0; 16],
        named: false,
    };

    /// The user that the authenticator names.
    pub(crate) fn named(secret: &Secret, name: &str) -> Self {
        Self {
            digest: secret.digest(Purpose::Name, [name.as_bytes()]),
            named: true,
        }
    }

    /// The holder of the credentials that the authenticator put on.
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
            named: false,
        }
    }

    /// It cannot be told; never the same as another.
    pub(crate) fn unknown(secret: &Secret) -> Self {
        let once = crate::support::ids::uuid();
        Self {
            digest: secret.digest(Purpose::Credentials, [once.as_bytes()]),
            named: false,
        }
    }

    /// Whether a call of this user's may go on with those credentials: a user with a name stays the same;
    /// without names, other credentials may be renewed ones.
    pub(crate) fn may_go_on_as(self, other: Self) -> bool {
        !self.named || self == other
    }

    pub(super) fn digest(&self) -> &[u8] {
        &self.digest
    }
}

/// Where a reply comes from, as far as that decides whether it may be cached.
#[derive(Clone, Copy)]
pub(crate) struct SnapshotOrigin {
    /// Whose request it answers; `None`: it did not come as a reply to one.
    pub(crate) credentials: Option<CredentialsDigest>,
    /// Neither the request nor the reply forbids to keep it.
    pub(crate) storable: bool,
}

impl SnapshotOrigin {
    /// What did not come as a reply.
    pub(crate) const ELSEWHERE: Self = Self {
        credentials: None,
        storable: false,
    };
}
