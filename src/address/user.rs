//! The user and the password in an address.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::HeaderValue;
use url::Url;

use super::percent;

/// Moves the user and password of an address into credentials (RFC 7617), as reqwest does. An address on the wire
/// has none.
pub(crate) fn take_user(url: &mut Url) -> Option<HeaderValue> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let mut pair = percent::decode(url.username()).into_owned();
    pair.push(b':');
    pair.extend_from_slice(&percent::decode(url.password().unwrap_or_default()));
    let mut value =
        HeaderValue::from_str(&format!("Basic {}", BASE64_STANDARD.encode(pair))).ok()?;
    value.set_sensitive(true);
    url.set_username("").ok()?;
    url.set_password(None).ok()?;
    Some(value)
}
