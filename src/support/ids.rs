//! Random IDs.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::process;
use std::time::SystemTime;

/// Returns a random UUID of version 4 (RFC 9562 5.4).
///
/// Idempotency keys and write stamps must differ between processes that start in the same instant, and must not be
/// guessable, so the bits come from the operating system. Where it provides none, they are hashed from values that
/// differ between processes. Such IDs differ as well, but could be guessed.
pub(crate) fn uuid() -> String {
    uuid_text(uuid_bits())
}

/// Returns the bits of a random UUID.
pub(crate) fn uuid_bits() -> u128 {
    let mut bytes = [0; 16];
    let random = match getrandom::fill(&mut bytes) {
        Ok(()) => u128::from_be_bytes(bytes),
        Err(_) => hashed(),
    };
    let version = random & !(0xf << 76) | 0x4 << 76;
    version & !(0x3 << 62) | 0x2 << 62
}

/// Returns the text of a UUID.
pub(crate) fn uuid_text(bits: u128) -> String {
    let mut text = String::with_capacity(36);
    for (index, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}

/// Hashes values that differ between processes. The standard library keys each hasher from the system's randomness.
/// The process ID and the time are hashed in for processes that were forked with the same keys.
fn hashed() -> u128 {
    let half = || RandomState::new().hash_one((process::id(), SystemTime::now()));
    u128::from(half()) << 64 | u128::from(half())
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    #[test]
    fn ids_are_uuids_of_version_4_and_differ() {
        let ids: HashSet<String> = (0..10_000).map(|_| super::uuid()).collect();
        assert_eq!(ids.len(), 10_000);
        for id in &ids {
            assert_eq!((id.len(), id.as_bytes()[14]), (36, b'4'));
            assert!(matches!(id.as_bytes()[19], b'8' | b'9' | b'a' | b'b'));
        }
    }
}
