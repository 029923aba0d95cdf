//! Snapshots as bytes, for stores outside of the process.
//!
//! A value begins with the version of its form and a checksum of the key and everything after it. So a value that was
//! damaged, cut off, or stored under another key is not taken for a snapshot.

use std::str;

use http::{HeaderMap, HeaderName, HeaderValue, header};

use super::{SnapshotKey, StoredSnapshot};
use crate::json::Document;
use crate::protocol::Validator;

/// The version of the form that is written and read.
const VERSION: u8 = 1;
/// The length of the version and the checksum.
const PREFIX: usize = 1 + CHECKSUM;
const CHECKSUM: usize = 16;

/// The most bytes of a value: 1 GiB.
const MAX: usize = 1 << 30;

/// Which optional parts follow, and whether the snapshot is unread.
const UNREAD: u8 = 1;
const VALIDATOR: u8 = 2;
const REST: u8 = 4;

/// Returns the bytes of a snapshot, or `None` if there are more than a value may have.
///
/// `Set-Cookie` is left out, because it holds a session and no later call needs it.
pub(crate) fn encode(key: &SnapshotKey, snapshot: &StoredSnapshot) -> Option<Vec<u8>> {
    encode_at(&key.digests(), snapshot)
}

/// As [`encode`], for the place where the value is kept.
pub(crate) fn encode_at(place: &[u8], snapshot: &StoredSnapshot) -> Option<Vec<u8>> {
    let validator = snapshot.validator.as_ref().map(Validator::to_string);
    let mut bytes = Vec::with_capacity(snapshot.size() + PREFIX + 256);
    bytes.push(VERSION);
    bytes.extend_from_slice(&[0; CHECKSUM]);
    let mut flags = 0;
    for (flag, is_set) in [
        (UNREAD, snapshot.is_unread),
        (VALIDATOR, validator.is_some()),
        (REST, snapshot.rest.is_some()),
    ] {
        flags |= if is_set { flag } else { 0 };
    }
    bytes.push(flags);
    push(&mut bytes, snapshot.document.as_str().as_bytes())?;
    if let Some(validator) = validator {
        push(&mut bytes, validator.as_bytes())?;
    }
    if let Some(rest) = &snapshot.rest {
        push(&mut bytes, rest.as_str().as_bytes())?;
    }
    for (name, value) in snapshot.headers.iter() {
        if name != header::SET_COOKIE {
            push(&mut bytes, name.as_str().as_bytes())?;
            push(&mut bytes, value.as_bytes())?;
        }
    }
    let checksum = checksum(place, &bytes[PREFIX..]);
    bytes[1..PREFIX].copy_from_slice(&checksum);
    Some(bytes)
}

/// Returns the snapshot in the bytes, or `None` if they are damaged, of another version, or not meant for this key.
pub(crate) fn decode(key: &SnapshotKey, bytes: &[u8]) -> Option<StoredSnapshot> {
    decode_at(&key.digests(), bytes)
}

/// As [`decode`], for the place where the value is kept.
pub(crate) fn decode_at(place: &[u8], bytes: &[u8]) -> Option<StoredSnapshot> {
    let (prefix, parts) = bytes.split_at_checked(PREFIX)?;
    if prefix[0] != VERSION || prefix[1..] != checksum(place, parts) {
        return None;
    }
    // The checksum is no proof of the origin, because anyone can compute it. So the parts are parsed like other input.
    let (&flags, mut parts) = parts.split_first()?;
    let mut snapshot = StoredSnapshot::new(document(take(&mut parts)?)?, None, HeaderMap::new());
    snapshot.is_unread = flags & UNREAD != 0;
    if flags & VALIDATOR != 0 {
        let text = str::from_utf8(take(&mut parts)?).ok()?;
        snapshot.validator = Some(text.parse().ok()?);
    }
    if flags & REST != 0 {
        snapshot.rest = Some(document(take(&mut parts)?)?);
    }
    let mut headers = HeaderMap::new();
    while !parts.is_empty() {
        let name = HeaderName::from_bytes(take(&mut parts)?).ok()?;
        let value = HeaderValue::from_bytes(take(&mut parts)?).ok()?;
        headers.try_append(name, value).ok()?;
    }
    snapshot.headers = headers.into();
    Some(snapshot)
}

/// Returns the value with these parts and their checksum, which need not be parts of a snapshot.
#[cfg(any(test, fuzzing))]
pub(crate) fn with_checksum(key: &SnapshotKey, parts: &[u8]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    bytes.extend(checksum(&key.digests(), parts));
    bytes.extend(parts);
    bytes
}

/// Returns the checksum of parts at their place.
pub(crate) fn checksum(place: &[u8], parts: &[u8]) -> [u8; CHECKSUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(place).update(parts);
    let mut checksum = [0; CHECKSUM];
    checksum.copy_from_slice(&hasher.finalize().as_bytes()[..CHECKSUM]);
    checksum
}

fn document(bytes: &[u8]) -> Option<Document> {
    Document::parse_with_depth(bytes, Document::MAX_DEPTH).ok()
}

/// Appends a part after its length.
fn push(bytes: &mut Vec<u8>, part: &[u8]) -> Option<()> {
    if part.len() > MAX.saturating_sub(bytes.len()) {
        return None;
    }
    let length = u32::try_from(part.len()).ok()?;
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part);
    Some(())
}

/// Takes the next part off.
fn take<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let (length, after) = bytes.split_first_chunk()?;
    let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *bytes = after;
    Some(part)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(name: &str) -> SnapshotKey {
        SnapshotKey::of(&format!("http://h/{name}"), "ann").unwrap()
    }

    fn snapshot(document: &str) -> StoredSnapshot {
        let document = Document::parse(document.as_bytes()).unwrap();
        StoredSnapshot::new(document, None, HeaderMap::new())
    }

    /// A snapshot with every part.
    fn full() -> StoredSnapshot {
        let mut full = snapshot("{ \"id\": 12345678901234567890123, \"price\": 1.10 }\n");
        full.validator = Some("W/\"7,é\"".parse().unwrap());
        full.rest = Some(Document::parse(b"{\"meta\": 1.50}").unwrap());
        full.is_unread = true;
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("x-id", "1"),
            ("x-id", "2"),
            ("etag", "\"7\""),
            ("set-cookie", "session=hunter2"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-bytes", HeaderValue::from_bytes(b"\xff\xfe").unwrap());
        full.headers = headers.into();
        full
    }

    #[test]
    fn every_part_comes_back_byte_for_byte_and_cookies_stay_out() {
        let bytes = encode(&key("a"), &full()).unwrap();
        let found = decode(&key("a"), &bytes).unwrap();
        let wanted = full();
        assert_eq!(found.document.as_str(), wanted.document.as_str());
        assert_eq!(found.validator, wanted.validator);
        let rests = [found.rest, wanted.rest].map(|rest| rest.unwrap().as_str().to_owned());
        assert_eq!(rests[0], rests[1]);
        assert!(found.is_unread);
        let mut headers = HeaderMap::clone(&wanted.headers);
        headers.remove(header::SET_COOKIE);
        assert_eq!(*found.headers, headers);
        assert!(!bytes.windows(7).any(|window| window == b"hunter2"));
        let plain = decode(&key("a"), &encode(&key("a"), &snapshot("1")).unwrap()).unwrap();
        assert!(plain.validator.is_none() && plain.rest.is_none() && !plain.is_unread);
    }

    #[test]
    fn a_value_that_is_damaged_cut_off_or_of_another_key_is_none() {
        let bytes = encode(&key("a"), &full()).unwrap();
        assert!(decode(&key("b"), &bytes).is_none());
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 1;
            assert!(decode(&key("a"), &damaged).is_none(), "byte {at}");
            assert!(decode(&key("a"), &bytes[..at]).is_none(), "{at} bytes");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_with_a_right_checksum_cause_a_panic(parts: Vec<u8>) {
            let bytes = with_checksum(&key("a"), &parts);
            let _ = decode(&key("a"), &bytes);
        }

        #[test]
        fn texts_of_documents_and_versions_are_kept(text: String, version: String) {
            let mut stored = snapshot("1");
            stored.document = Document::encode(&[text]).unwrap();
            stored.validator = Some(Validator::Version(version));
            let found = decode(&key("a"), &encode(&key("a"), &stored).unwrap()).unwrap();
            prop_assert_eq!(found.document.as_str(), stored.document.as_str());
            prop_assert_eq!(found.validator, stored.validator);
        }
    }
}
