//! Refusals as the server words them, read leniently (RFC 9457).

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, StatusCode};
use serde_json::{Map, Value};
use url::Url;

use super::media_type::essence;

/// A refusal, as the server words it.
///
/// Reading one never fails: a member of the wrong type counts as absent, unknown members are kept, and
/// the status of the reply counts, not the one in the body (RFC 9457 3.1). `Debug` and `Display` show
/// type, title and code, never the rest of the body.
#[derive(Clone, PartialEq)]
pub struct Problem {
    status: StatusCode,
    problem_type: String,
    title: Option<String>,
    detail: Option<String>,
    instance: Option<String>,
    code: Option<String>,
    fields: Vec<FieldError>,
    members: Map<String, Value>,
    media_type: Option<String>,
    raw: Bytes,
}

/// What a server says of one field.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FieldError {
    /// The field as a JSON Pointer, if the server names it.
    pub pointer: Option<String>,
    /// A machine code.
    pub code: Option<String>,
    /// The words.
    pub detail: String,
}

impl Problem {
    /// Reads a refusal.
    pub fn read(status: StatusCode, headers: &HeaderMap, body: &Bytes, request_url: &Url) -> Self {
        let mut problem = Self {
            status,
            problem_type: "about:blank".to_owned(),
            title: None,
            detail: None,
            instance: None,
            code: None,
            fields: Vec::new(),
            members: Map::new(),
            media_type: essence(headers),
            raw: body.clone(),
        };
        if let Ok(Value::Object(members)) = serde_json::from_slice(body) {
            problem.members = members;
            problem.read_members(request_url);
        }
        problem
    }

    fn read_members(&mut self, request_url: &Url) {
        let text = |name: &str| {
            self.members
                .get(name)
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        if let Some(reference) = text("type") {
            // A relative reference is resolved (RFC 9457 3.1.1); one that cannot be stays as it is.
            let resolved = request_url.join(&reference).map(String::from);
            self.problem_type = resolved.unwrap_or(reference);
        }
        self.title = text("title");
        self.detail = text("detail")
            .or_else(|| text("message"))
            .or_else(|| text("reason"));
        self.instance = text("instance");
        self.code = text("code")
            .or_else(|| text("errorCode"))
            .or_else(|| text("error"))
            .or_else(|| text("reason"));
        if let Some(Value::Array(errors)) = self.members.get("errors") {
            self.fields = errors.iter().filter_map(field_error).collect();
        }
    }

    /// The status of the reply.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The problem type, absolute; `about:blank` if the server names none.
    pub fn problem_type(&self) -> &str {
        &self.problem_type
    }

    /// The title of the type.
    pub fn title(&self) -> Option<&str> {
        self.title.as_deref()
    }

    /// The words for this one occurrence.
    pub fn detail(&self) -> Option<&str> {
        self.detail.as_deref()
    }

    /// The reference to this one occurrence.
    pub fn instance(&self) -> Option<&str> {
        self.instance.as_deref()
    }

    /// A machine code, where the common shapes of JSON errors have it.
    pub fn code(&self) -> Option<&str> {
        self.code.as_deref()
    }

    /// What is said of single fields.
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// Any other member.
    pub fn extension(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// The media type of the body.
    pub fn media_type(&self) -> Option<&str> {
        self.media_type.as_deref()
    }

    /// The body, as far as it was read.
    pub fn raw(&self) -> &Bytes {
        &self.raw
    }
}

fn field_error(error: &Value) -> Option<FieldError> {
    let text = |name: &str| error.get(name).and_then(Value::as_str).map(str::to_owned);
    let pointer = text("pointer").map(|pointer| pointer.trim_start_matches('#').to_owned());
    let detail = text("detail")
        .or_else(|| text("message"))
        .or_else(|| text("title"));
    Some(FieldError {
        pointer,
        code: text("code"),
        detail: detail.or_else(|| error.as_str().map(str::to_owned))?,
    })
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.status.as_u16())?;
        if let Some(title) = &self.title {
            write!(f, " {title}")?;
        }
        if self.problem_type != "about:blank" {
            write!(f, " ({})", self.problem_type)?;
        } else if let Some(code) = &self.code {
            write!(f, " ({code})")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Problem({self})")
    }
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldError")
            .field("pointer", &self.pointer)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}
