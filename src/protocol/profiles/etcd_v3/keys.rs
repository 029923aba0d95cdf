//! Keys, and the addresses that stand for them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;

use crate::BoxError;
use crate::address::percent;

/// Returns the key that an address below the base stands for.
pub(super) fn key_of(prefix: &str, base: &Url, url: &Url) -> Result<Vec<u8>, BoxError> {
    let path = below(base, url).ok_or("the address is not below the base URL")?;
    if path.is_empty() {
        return Err("the base URL stands for no key of etcd".into());
    }
    let mut key = prefix.as_bytes().to_vec();
    for (at, segment) in path.split('/').enumerate() {
        let segment = percent::decode(segment);
        if segment.contains(&b'/') {
            let why = "an id that contains a slash is no part of a key of etcd, because the slash would lead to a key of \
                       another collection";
            return Err(why.into());
        }
        if at > 0 {
            key.push(b'/');
        }
        key.extend_from_slice(&segment);
    }
    Ok(key)
}

/// Returns the path of an address below the base, without the slash at its beginning.
pub(super) fn below<'a>(base: &Url, url: &'a Url) -> Option<&'a str> {
    let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    path.strip_prefix('/')
}

/// Returns what all keys of a collection begin with, and the end of their range.
pub(super) fn range_of(mut collection: Vec<u8>) -> (Vec<u8>, Vec<u8>) {
    if !collection.ends_with(b"/") {
        collection.push(b'/');
    }
    let mut end = collection.clone();
    if let Some(last) = end.last_mut() {
        // What follows the slash.
        *last += 1;
    }
    (collection, end)
}

/// Returns the id of a key of a collection. `None` if it belongs to another collection, or is no text.
pub(super) fn id_of(key: &str, first: &[u8]) -> Option<String> {
    let key = STANDARD.decode(key).ok()?;
    let id = String::from_utf8(key.strip_prefix(first)?.to_vec()).ok()?;
    let is_item = !id.is_empty() && !id.contains('/') && !matches!(&*id, "." | "..");
    is_item.then_some(id)
}

pub(super) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// Returns the first key that follows a key in Base64, percent-encoded.
pub(super) fn after(key: &str) -> Result<String, BoxError> {
    let mut key = STANDARD.decode(key)?;
    key.push(0);
    let encoded = key.iter().map(|byte| format!("%{byte:02X}"));
    Ok(encoded.collect())
}
