//! Fuzzes the values of stores outside of the process.

use crate::store::encoded::{decode, encode, with_checksum};
use crate::{Document, SnapshotKey};

const DIGEST: &str = "0123456789abcdef0123456789abcdef";

/// Reads a value with these parts and a right checksum, and checks that what was read is written and read again as it
/// is.
pub fn stored_snapshot(parts: &[u8]) {
    let text = format!("v2-{DIGEST}-{DIGEST}-{DIGEST}-http%3A%2F%2Fh%2F1");
    let Ok(key) = text.parse::<SnapshotKey>() else {
        panic!("{text} is a key");
    };
    let Some(read) = decode(&key, &with_checksum(&key, parts)) else {
        return;
    };
    let again = encode(&key, &read).and_then(|bytes| decode(&key, &bytes));
    let Some(again) = again else {
        panic!("what was read cannot be written and read again");
    };
    assert_eq!(again.document.as_str(), read.document.as_str());
    assert_eq!(again.validator, read.validator);
    assert_eq!(again.is_unread, read.is_unread);
    let rests = [&again, &read].map(|it| it.rest.as_ref().map(Document::as_str));
    assert_eq!(rests[0], rests[1]);
}
