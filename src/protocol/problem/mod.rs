//! Reads refusals leniently, in the words of the server (RFC 9457).
//!
//! A refusal comes in many dialects: Problem Details in JSON or XML, the error objects of a dozen API
//! families, plain text, or an HTML page from a proxy. [`Problem::read`] recognises them by the content of
//! the body, because the media type of an error is often wrong. It turns each into a tree of members, in
//! which it searches for what the dialects have in common.

mod body;
mod code;
mod detail;
mod fields;
mod json;
mod layers;
mod lock;
mod members;
mod pointer;
#[cfg(test)]
mod tests;
mod text;
mod wait;
mod xml;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use url::Url;

pub use fields::FieldError;
pub(super) use xml::character;

use crate::protocol::headers::essence;

/// The content of a refusal: its status, type, code, words and fields, as the server sent them.
///
/// Reading a refusal never fails. A member of the wrong type counts as absent (RFC 9457 3.1), and unknown
/// members are kept (3.2). The status is that of the response, not the one in the body (3.1.2).
///
/// `Debug` and `Display` show the status, type, title and code, never the rest of the body, so that refusals
/// can be logged.
///
/// # Default
///
/// | limit | constant | value |
/// |---|---|---|
/// | bytes of a body | [`MAX_BODY`](Self::MAX_BODY) | 1 MiB |
/// | depth of a member | [`MAX_DEPTH`](Self::MAX_DEPTH) | 64 |
/// | values (or elements) in a body | [`MAX_VALUES`](Self::MAX_VALUES) | 32 768 |
/// | characters of a title or detail, bytes of a `type` or `instance` | [`MAX_TEXT`](Self::MAX_TEXT) | 4096 |
/// | errors of single fields | [`MAX_FIELDS`](Self::MAX_FIELDS) | 256 |
///
/// Anything beyond a limit is left out, which [`truncated`](Self::truncated) reports.
///
/// # Example
///
/// ```
/// use bytes::Bytes;
/// use http::{header::CONTENT_TYPE, HeaderMap, HeaderValue, StatusCode};
/// use ifmatch::Problem;
///
/// let mut headers = HeaderMap::new();
/// headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
/// let body = Bytes::from_static(br##"{
///     "type": "/problems/unpaid", "title": "The order is not paid", "status": "409",
///     "order": 7, "errors": [{"pointer": "#/payment", "detail": "missing"}]
/// }"##);
/// let url = "https://api.example.com/v1/orders/7/shipment".parse()?;
///
/// let problem = Problem::read(StatusCode::CONFLICT, &headers, &body, &url);
/// assert_eq!(problem.problem_type(), "https://api.example.com/problems/unpaid");
/// assert_eq!(problem.title(), Some("The order is not paid"));
/// assert_eq!(problem.extension("order").and_then(|order| order.as_u64()), Some(7));
/// assert_eq!(problem.fields()[0].pointer.as_deref(), Some("/payment"));
/// # Ok::<(), url::ParseError>(())
/// ```
#[derive(Clone, PartialEq)]
// RFC 9457 calls the member `type`, which is a keyword in Rust.
#[expect(clippy::struct_field_names)]
pub struct Problem {
    status: StatusCode,
    problem_type: String,
    title: Option<String>,
    detail: Option<String>,
    instance: Option<String>,
    code: Option<String>,
    fields: Vec<FieldError>,
    current: Option<String>,
    lock_owner: Option<String>,
    lock_expires: Option<String>,
    retry_after: Option<Duration>,
    extensions: Map<String, Value>,
    media_type: Option<String>,
    raw: Bytes,
    truncated: bool,
}

/// The type of a problem that has no meaning beyond its status (RFC 9457 4.2.1).
const ABOUT_BLANK: &str = "about:blank";

impl Problem {
    /// The longest body that is read and kept, in bytes.
    pub const MAX_BODY: usize = 1024 * 1024;
    /// The maximum nesting of a member, in levels. A deeper member is left out as a whole.
    pub const MAX_DEPTH: usize = 64;
    /// The number of values, or XML elements, that are read. Members beyond it are left out as a whole.
    pub const MAX_VALUES: usize = 32 * 1024;
    /// The longest title or detail that is kept, in characters. A longer one is shortened and ends in `…`.
    ///
    /// This is also the longest `type` or `instance`, in bytes. A longer one counts as absent, because part
    /// of a reference names something else.
    pub const MAX_TEXT: usize = 4096;
    /// The number of errors of single fields that are kept.
    pub const MAX_FIELDS: usize = 256;

    /// Reads a refusal from its status, headers and body.
    ///
    /// A relative `type` is resolved against `request_url` (RFC 9457 3.1.1). The user name, password and
    /// query of that URL never become part of the type.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &Bytes, request_url: &Url) -> Self {
        let media_type = essence(headers);
        let raw = bounded(body);
        let read = body::read(&raw, media_type.as_deref());
        let found = members::find(&read, status, headers, media_type.as_deref());
        let problem_type = match &found.type_reference {
            Some(reference) => resolve(reference, request_url),
            None => ABOUT_BLANK.to_owned(),
        };
        Self {
            status,
            problem_type,
            title: found.title,
            detail: found.detail,
            instance: found.instance,
            code: found.code,
            fields: found.fields,
            current: found.current,
            lock_owner: found.lock.owner,
            lock_expires: found.lock.expires,
            retry_after: found.wait,
            extensions: extensions(read.document),
            media_type,
            truncated: read.incomplete || found.is_cut || raw.len() < body.len(),
            raw,
        }
    }

    /// Returns the status of the response. The member `status` of the body is ignored (RFC 9457 3.1.2).
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Returns the problem type as an absolute URI, or `about:blank` if the body names none (RFC 9457 3.1.1).
    ///
    /// In a body that is not labelled as Problem Details, a `type` counts only if it looks like a URI. A
    /// single word there is a [`code`](Self::code).
    pub fn problem_type(&self) -> &str {
        &self.problem_type
    }

    /// Returns a summary of the type for people: the member `title`, the phrase in `error`, or the title of
    /// an HTML page.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// Returns the explanation of this occurrence for people: the member `detail`, `message` or similar, or
    /// the first line of a plain text. It is not meant for parsing (RFC 9457 3.1.4).
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// Returns the URI reference of this occurrence, as the server wrote it (RFC 9457 3.1.5).
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// Returns the machine code: a word or number that distinguishes this refusal from others with the same
    /// status.
    ///
    /// It is taken from the members that the common dialects use: `code`, `errorCode`, `__type`,
    /// `extensions.code`, `error`, `reason`, `status`, `type`, `errno`, `category`, `exception` and others.
    /// They may be at the top, in an error object of any name, or in the first of several errors. A code in the
    /// header fields that cloud services use takes precedence. The namespace of an AWS code is removed. A
    /// repetition of the HTTP status is not a code.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// Returns the errors of single fields, from the usual arrays and maps (`errors`, `violations`,
    /// `invalid-params`, `details` and others).
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// Returns a member of the body other than the five of the standard.
    ///
    /// Elements of an XML body are members too. Text is a string, and an `<i>` list is an array.
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.extensions.get(name)
    }

    /// Returns all members of the body other than the five of the standard.
    pub fn extensions(&self) -> &Map<String, Value> {
        &self.extensions
    }

    /// Returns the current state of the resource, if the body contains one.
    ///
    /// The body is JSON and has an object in a member with a suitable name: `current`, `currentState`,
    /// `existing`, `details.existing`, `remote`, `resource` and others.
    ///
    /// It may be only a part of the representation or a reference to it, and its numbers may be rounded. For
    /// the exact text, read [`raw`](Self::raw) at [`current_pointer`](Self::current_pointer).
    pub fn current(&self) -> Option<&Value> {
        layers::walk(&self.extensions, self.current.as_deref()?)
    }

    /// Returns the place of the [`current`](Self::current) state in the body, as a JSON Pointer (RFC 6901).
    pub fn current_pointer(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// Returns the holder of the lock that caused the refusal: a name, an address or an id, as the server
    /// wrote it.
    pub fn lock_owner(&self) -> Option<&str> {
        self.lock_owner.as_deref()
    }

    /// Returns the end of the lock: a date or a number of seconds, as the server wrote it.
    pub fn lock_expires(&self) -> Option<&str> {
        self.lock_expires.as_deref()
    }

    /// Returns how long the *body* asks the client to wait, at most [`LONGEST_WAIT`](super::LONGEST_WAIT).
    ///
    /// The wait is in `retryAfterSeconds`, `retry_after_ms`, `retryDelay` and similar, also among the
    /// parameters or details of the error. The header field `Retry-After` is read by
    /// [`retry_after`](super::retry_after).
    pub fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// Returns the body as it was received, up to [`MAX_BODY`](Self::MAX_BODY).
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }

    /// Returns the media type of the response, without parameters.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// Whether something was left out because the body was too long, too deep, broken or incomplete.
    pub fn truncated(&self) -> bool {
        self.truncated
    }
}

/// The body up to the limit. A shortened body is copied, so that the rest does not stay in memory.
fn bounded(body: &Bytes) -> Bytes {
    match body.get(..Problem::MAX_BODY) {
        Some(head) if head.len() < body.len() => Bytes::copy_from_slice(head),
        _ => body.clone(),
    }
}

/// Makes a URI reference absolute. One that is absolute, or cannot become absolute, stays unchanged, because
/// types are compared as text.
fn resolve(reference: &str, request_url: &Url) -> String {
    match Url::parse(reference) {
        Err(url::ParseError::RelativeUrlWithoutBase) => {}
        _ => return reference.to_owned(),
    }
    let mut base = request_url.clone();
    // User info and queries may hold passwords and signatures, and types are logged.
    base.set_query(None);
    let _ = (base.set_username(""), base.set_password(None));
    base.join(reference)
        .map_or_else(|_| reference.to_owned(), String::from)
}

fn extensions(document: Value) -> Map<String, Value> {
    let Value::Object(mut members) = document else {
        return Map::new();
    };
    for name in ["type", "status", "title", "detail", "instance"] {
        // A member of the wrong type counts as absent, but an object or array there belongs to another
        // dialect (`"detail": [{"loc": …}]`).
        if !matches!(members.get(name), Some(Value::Object(_) | Value::Array(_))) {
            members.remove(name);
        }
    }
    members
}

/// One line for people: status, title, type and code.
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = self.status.canonical_reason();
        write!(f, "{}", self.status.as_u16())?;
        if let Some(reason) = reason {
            write!(f, " {reason}")?;
        }
        let status_line = |title: &&str| {
            let title = title.strip_prefix(self.status.as_str()).unwrap_or(title);
            reason == Some(title.trim())
        };
        if let Some(title) = self.title().filter(|title| !status_line(title)) {
            write!(f, ": {}", text::one_line(title))?;
        }
        let problem_type = Some(self.problem_type()).filter(|name| *name != ABOUT_BLANK);
        match (problem_type, self.code()) {
            (Some(name), Some(code)) => {
                write!(
                    f,
                    " ({}, code {})",
                    text::one_line(name),
                    text::one_line(code)
                )
            }
            (Some(name), None) => write!(f, " ({})", text::one_line(name)),
            (None, Some(code)) => write!(f, " (code {})", text::one_line(code)),
            (None, None) => Ok(()),
        }
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Problem")
            .field("status", &self.status)
            .field("problem_type", &text::one_line(&self.problem_type))
            .field("title", &self.title.as_deref().map(text::one_line))
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
