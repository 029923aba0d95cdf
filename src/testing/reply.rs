//! A scripted [`Reply`].
#![expect(
    clippy::panic,
    reason = "a test that asks for what cannot be sent is wrong itself"
)]

use std::time::Duration;

use http::header::{CONTENT_TYPE, ETAG, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::{Value, json};

/// A response scripted by a test.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ifmatch::testing::Reply;
///
/// let busy = Reply::new(503).retry_after(Duration::from_secs(2));
/// let taken = Reply::problem(409, "name-taken", "Somebody has this name");
/// let torn = Reply::new(400).body("text/html", "<title>Bad Request</title>");
/// # let _ = (busy, taken, torn);
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Reply {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// The base of the problem types of this server.
const PROBLEMS: &str = "https://ifmatch.test/problems/";

impl Reply {
    /// Creates a response without a body.
    ///
    /// # Panics
    ///
    /// Panics if the status is not a number from 100 to 999.
    pub fn new(status: u16) -> Self {
        let Ok(status) = StatusCode::from_u16(status) else {
            panic!("{status} is not a status: expected 100 to 999");
        };
        Self {
            status,
            headers: HeaderMap::new(),
            body: String::new(),
        }
    }

    /// Creates a response with Problem Details (RFC 9457). A type without a scheme is placed beneath
    /// `https://ifmatch.test/problems/`.
    ///
    /// It has no extension members. A problem with such members is sent by
    /// [`refuse_next_write`](super::ResourceServer::refuse_next_write), or by
    /// `Reply::new(409).body("application/problem+json", …)`.
    ///
    /// # Panics
    ///
    /// Panics as [`new`](Self::new) does.
    pub fn problem(status: u16, kind: &str, title: &str) -> Self {
        let kind = if kind.contains(':') {
            kind.to_owned()
        } else {
            format!("{PROBLEMS}{kind}")
        };
        let problem = json!({"type": kind, "title": title, "status": status});
        Self::new(status).body("application/problem+json", problem.to_string())
    }

    /// Sets a JSON body.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a body and its media type.
    ///
    /// # Panics
    ///
    /// Panics if the media type has bytes that are invalid in a header.
    pub fn body(mut self, media_type: &str, body: impl Into<String>) -> Self {
        self.body = body.into();
        self.header(CONTENT_TYPE.as_str(), media_type)
    }

    /// Sets a header, and replaces one of the same name.
    ///
    /// # Panics
    ///
    /// Panics if the name or the value has bytes that are invalid in a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let pair = (name.parse::<HeaderName>(), HeaderValue::from_str(value));
        let (Ok(name), Ok(value)) = pair else {
            panic!("no header can carry {name:?}: {value:?}");
        };
        self.headers.insert(name, value);
        self
    }

    /// Sets `Retry-After` in whole seconds, rounded up.
    pub fn retry_after(self, time: Duration) -> Self {
        let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        self.header(RETRY_AFTER.as_str(), &seconds.to_string())
    }

    pub(super) fn version(self, version: u64) -> Self {
        self.header(ETAG.as_str(), &tag(version))
    }
}

/// The entity tag of a version number.
pub(super) fn tag(version: u64) -> String {
    format!("\"v{version}\"")
}
