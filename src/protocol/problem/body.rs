//! Recognises the format of a body.

use std::borrow::Cow;

use serde_json::Value;

use super::{json, text, xml};
use crate::protocol::headers::{is_html, is_json, is_xml};

/// The content of a body, in any format.
#[derive(Debug, Default)]
pub(super) struct ProblemBody {
    /// The members of JSON or XML. `Null` for a body without structure.
    pub(super) document: Value,
    /// The title of an HTML page.
    pub(super) title: Option<String>,
    /// The first line of a plain text.
    pub(super) detail: Option<String>,
    /// Whether something was left out.
    pub(super) incomplete: bool,
    /// Whether the values in the document are exactly those of the server. This needs an object in JSON and
    /// UTF-8. XML has only texts, and in a list at the top no member can be found again.
    pub(super) whole_values: bool,
}

impl ProblemBody {
    pub(super) fn of_document((document, incomplete): (Value, bool)) -> Self {
        Self {
            document,
            incomplete,
            ..Self::default()
        }
    }
}

/// Reads a body by its content, because servers label JSON as `text/plain`, XHTML as `text/xml`, and error
/// pages as the type that was requested. The media type decides only if the content does not.
pub(super) fn read(raw: &[u8], media_type: Option<&str>) -> ProblemBody {
    let is = |kind: fn(&str) -> bool| media_type.is_some_and(kind);
    let body = String::from_utf8_lossy(raw);
    let is_utf8 = matches!(body, Cow::Borrowed(_));
    let body = body.trim_start_matches('\u{FEFF}').trim_start();
    match body.as_bytes().first() {
        None => ProblemBody::default(),
        Some(b'{' | b'[') => {
            let mut read = ProblemBody::of_document(json::read(body));
            read.whole_values = read.document.is_object() && is_utf8;
            let nothing = match &read.document {
                Value::Object(members) => members.is_empty(),
                Value::Array(elements) => elements.is_empty(),
                _ => true,
            };
            if nothing && read.incomplete && !is(is_json) {
                return of_text(body);
            }
            read
        }
        Some(b'"') if is(is_json) => match serde_json::from_str::<String>(body) {
            Ok(line) => of_text(&line),
            Err(_) => ProblemBody::default(),
        },
        Some(b'<') if text::looks_like_html(body) => of_html(body),
        Some(b'<') if is(is_xml) || !is(is_html) => ProblemBody::of_document(xml::read(body)),
        Some(b'<') => of_html(body),
        Some(_) => of_text(body),
    }
}

fn of_html(body: &str) -> ProblemBody {
    ProblemBody {
        title: text::html_title(body),
        ..ProblemBody::default()
    }
}

fn of_text(body: &str) -> ProblemBody {
    ProblemBody {
        detail: text::first_line(body),
        ..ProblemBody::default()
    }
}
