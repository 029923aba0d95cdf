//! Keyed digests: what they are made of cannot be guessed from them, and no two inputs are made to meet.

use std::fmt;

/// Half of a BLAKE3 hash: 128 bits.
pub(crate) type KeyDigest = [u8; 16];

/// What a digest is made of. Digests for different purposes never meet.
#[derive(Clone, Copy)]
pub(crate) enum Purpose {
    /// The address of a resource.
    Address = 1,
    /// The headers that choose a representation.
    Chosen = 2,
    /// The part of a representation that is the document.
    View = 3,
    /// The headers that may name a user or a tenant.
    Headers = 4,
    /// A user's name.
    Name = 5,
    /// The credentials of a user without a name.
    Credentials = 6,
    /// A user with an address and headers.
    User = 7,
}

/// The key of a client's digests.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// What keys are derived for; a new text makes all old digests unknown.
    const CONTEXT: &'static str = "ifmatch 2026-11-25 keys of snapshots, v2";

    /// A key that no other client has.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// The key that a secret of any length stands for.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(blake3::derive_key(Self::CONTEXT, secret))
    }

    /// The digest of parts, each with its length, so that none runs into the next one.
    pub(crate) fn digest<'p>(
        &self,
        purpose: Purpose,
        parts: impl IntoIterator<Item = &'p [u8]>,
    ) -> KeyDigest {
        let mut bytes = Vec::with_capacity(256);
        bytes.push(purpose as u8);
        for part in parts {
            bytes.extend_from_slice(&(part.len() as u64).to_le_bytes());
            bytes.extend_from_slice(part);
        }
        let hash = blake3::keyed_hash(&self.0, &bytes);
        let mut digest = KeyDigest::default();
        digest.copy_from_slice(&hash.as_bytes()[..16]);
        digest
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_stays_the_same_in_every_version_and_process() {
        // A change of this value makes what is on disk unknown: it needs a new version of the text of keys.
        let digest = Secret::of(b"a secret").digest(Purpose::Name, [&b"ann"[..], b""]);
        assert_eq!(
            u128::from_be_bytes(digest),
            0xc926_b076_c482_a643_656b_650e_f774_0653
        );
    }

    #[test]
    fn the_key_the_purpose_and_the_bounds_of_the_parts_all_count() {
        let (one, other) = (Secret::of(b"one"), Secret::of(b"other"));
        let all = [
            one.digest(Purpose::Name, [&b"ab"[..], b"c"]),
            other.digest(Purpose::Name, [&b"ab"[..], b"c"]),
            one.digest(Purpose::User, [&b"ab"[..], b"c"]),
            one.digest(Purpose::Name, [&b"a"[..], b"bc"]),
            one.digest(Purpose::Name, [&b"abc"[..]]),
            one.digest(Purpose::Name, [&b"ab"[..], b"c", b""]),
        ];
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn no_two_clients_share_a_random_key() -> Result<(), getrandom::Error> {
        let digest = |secret: Secret| secret.digest(Purpose::Name, [&b"ann"[..]]);
        assert_ne!(digest(Secret::random()?), digest(Secret::random()?));
        Ok(())
    }
}
