//! Detects responses that ask for new credentials.

use http::header::WWW_AUTHENTICATE;
use http::{HeaderValue, StatusCode};

use crate::exchange::transport::Response;

/// Fields in which servers report that the CSRF token is missing or old.
const TOKEN_FIELDS: [&str; 3] = ["x-csrf-token", "x-xsrf-token", "xsrf-token"];
/// Values of these fields (SAP Gateway: `Required`).
const ASKS: [&str; 4] = ["required", "fetch", "expired", "invalid"];
/// Words with the same meaning in bodies (Jenkins, Confluence, Django).
const WORDS: [&[u8]; 4] = [b"csrf", b"xsrf", b"crumb", b"forgery"];
/// The part of a body in which they are searched, in bytes.
const HEAD: usize = 4096;
/// Statuses for an expired session or token: 419 of Laravel and 440 of IIS.
const RAN_OUT: [u16; 2] = [419, 440];

/// Whether a response asks for other credentials than the request had, so that renewing them may help.
pub(super) fn is_wanted(reply: &Response) -> bool {
    match reply.status {
        StatusCode::UNAUTHORIZED => true,
        StatusCode::FORBIDDEN => field_asks(reply) || token_is_invalid(reply) || body_asks(reply),
        status => RAN_OUT.contains(&status.as_u16()),
    }
}

fn field_asks(reply: &Response) -> bool {
    TOKEN_FIELDS.iter().any(|name| {
        let value = reply.headers.get(*name).map(HeaderValue::as_bytes);
        let value = value.unwrap_or_default().trim_ascii();
        ASKS.iter()
            .any(|ask| ask.as_bytes().eq_ignore_ascii_case(value))
    })
}

/// Some servers send with a 403 what belongs to a 401 (RFC 6750 3.1).
fn token_is_invalid(reply: &Response) -> bool {
    let mut challenges = reply.headers.get_all(WWW_AUTHENTICATE).iter();
    challenges.any(|challenge| has(challenge.as_bytes(), b"invalid_token"))
}

fn body_asks(reply: &Response) -> bool {
    let head = reply.body.get(..HEAD).unwrap_or(&reply.body);
    WORDS.iter().any(|word| has(head, word))
}

fn has(text: &[u8], word: &[u8]) -> bool {
    let mut windows = text.windows(word.len());
    windows.any(|window| window.eq_ignore_ascii_case(word))
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;

    fn asks(status: u16, field: Option<(&'static str, &'static str)>, body: &'static str) -> bool {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = field {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let status = StatusCode::from_u16(status).unwrap_or_default();
        is_wanted(&Response::new(status, headers, body))
    }

    #[test]
    fn a_reply_that_wants_a_fresh_token_is_told_from_a_plain_403() {
        assert!(asks(401, None, ""));
        assert!(asks(403, Some(("x-csrf-token", "Required")), ""));
        assert!(asks(403, Some(("x-csrf-token", " required ")), ""));
        assert!(asks(
            403,
            Some(("www-authenticate", "Bearer error=\"invalid_token\"")),
            ""
        ));
        assert!(asks(
            403,
            None,
            r#"{"message":"No valid crumb was included"}"#
        ));
        assert!(asks(403, None, "XSRF check failed"));
        assert!(asks(419, None, ""));
        assert!(!asks(403, None, r#"{"message":"this is not yours"}"#));
        assert!(!asks(403, Some(("x-csrf-token", "f3a9")), ""));
        assert!(!asks(
            403,
            Some(("www-authenticate", "Bearer error=\"insufficient_scope\"")),
            ""
        ));
        assert!(!asks(409, Some(("x-csrf-token", "Required")), ""));
    }
}
