//! Keyed digests, whose inputs can be neither guessed from them nor made to collide.

use std::fmt;

/// Half of a BLAKE3 hash: 128 bits.
pub(crate) type KeyDigest = [u8; 16];

/// The purpose of a digest. Digests for different purposes never collide.
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
    /// The handle that a queued write needs.
    Handle = 8,
    /// The user whom a queued write belongs to.
    Owner = 9,
    /// A resource whose queued writes are made in their order.
    Chain = 10,
    /// The secret itself, so that another one is noticed.
    Check = 11,
}

/// The key of a client's digests.
#[derive(Clone)]
pub(crate) struct Secret([u8; 32]);

impl Secret {
    /// The context of the key derivation. A new text invalidates all old digests.
    const CONTEXT: &'static str = "ifmatch 2026-11-25 keys of snapshots, v2";

    /// Returns a random key, which no other client has.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut key = [0; 32];
        getrandom::fill(&mut key)?;
        Ok(Self(key))
    }

    /// Derives the key from a secret of any length.
    pub(crate) fn of(secret: &[u8]) -> Self {
        Self(blake3::derive_key(Self::CONTEXT, secret))
    }

    /// Returns a digest by which another secret is noticed.
    pub(crate) fn check(&self) -> KeyDigest {
        self.digest(Purpose::Check, [])
    }

    /// Returns the digest of the parts. Each part is preceded by its length, so that no part runs into the next.
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
        // A change of this value invalidates the keys on disk, so it needs a new version of the text of keys.
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
