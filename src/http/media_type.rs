//! Media types, without their parameters.

use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// The media type of a message as `type/subtype` in lower case, without parameters (RFC 9110 8.3.1).
pub fn essence(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = text.split(';').next()?.trim().to_ascii_lowercase();
    essence.contains('/').then_some(essence)
}
