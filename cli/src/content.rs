//! The content of a document, with its own text, and how it is shown.

use ifmatch::Document;
use ifmatch::json::JsonError;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

/// The content of a document. Numbers and the order of members stay as they are written.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Content(Box<RawValue>);

impl Content {
    /// Returns the document.
    pub(crate) fn document(&self) -> Result<Document, JsonError> {
        Document::parse(self.0.get().as_bytes())
    }

    /// Returns the content of a document.
    pub(crate) fn of(document: &Document) -> Result<Self, JsonError> {
        document.decode()
    }
}

/// Whether a document is shown as JSON or as a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Json,
    Text,
}

impl Shape {
    /// Returns what a person sees of a document.
    pub(crate) fn show(self, document: &Document) -> String {
        match self {
            Self::Json => pretty(document.as_str()),
            Self::Text => document.decode().unwrap_or_default(),
        }
    }

    /// Returns the document that a person has written.
    pub(crate) fn read(self, text: &str) -> Result<Document, JsonError> {
        match self {
            Self::Json => Document::parse(text.as_bytes()),
            Self::Text => Document::encode(text),
        }
    }

    /// Returns what is wrong with a text that has so many lines above it, and in which line.
    pub(crate) fn problem(text: &str, above: usize, error: &JsonError) -> String {
        let before = error.offset().and_then(|offset| text.get(..offset));
        let line = before.map(|before| before.matches('\n').count() + 1 + above);
        line.map_or_else(|| error.to_string(), |line| format!("line {line}: {error}"))
    }

    /// Returns the end of the names of files.
    pub(crate) fn suffix(self) -> &'static str {
        match self {
            Self::Json => ".json",
            Self::Text => ".txt",
        }
    }
}

/// Returns valid JSON with one member or element in each line, without a change to any value.
fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut in_string, mut is_escaped) = (0_usize, false, false);
    let mut characters = json.chars().peekable();
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            in_string = is_escaped || character != '"';
            is_escaped = character == '\\' && !is_escaped;
            continue;
        }
        match character {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                out.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = characters.next_if(|it| matches!(it, '}' | ']')) {
                    out.push(end);
                } else {
                    depth += 1;
                    line(&mut out, depth);
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(character);
                line(&mut out, depth);
            }
            ':' => out.push_str(": "),
            _ => {
                in_string = character == '"';
                out.push(character);
            }
        }
    }
    out.push('\n');
    out
}

/// Returns valid JSON on one line, without a change to any value.
pub(crate) fn compact(json: &str) -> String {
    let (mut in_string, mut is_escaped) = (false, false);
    let kept = json.chars().filter(|character| {
        if in_string {
            in_string = is_escaped || *character != '"';
            is_escaped = *character == '\\' && !is_escaped;
            return true;
        }
        in_string = *character == '"';
        !character.is_ascii_whitespace()
    });
    kept.collect()
}

fn line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a failing test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_shown_line_by_line_with_the_text_of_its_values() {
        let json = r#"{"b":1.50,"a":[ ],"c":{"d":[1e2,"x, {\"y\": [\\"]},"e":{}}"#;
        let shown = "{\n  \"b\": 1.50,\n  \"a\": [],\n  \"c\": {\n    \"d\": [\n      1e2,\n      \
                     \"x, {\\\"y\\\": [\\\\\"\n    ]\n  },\n  \"e\": {}\n}\n";
        assert_eq!(pretty(json), shown);
        assert_eq!(pretty(&pretty(json)), shown);
        assert_eq!(compact(shown), json.replace("[ ]", "[]"));
    }

    #[test]
    fn content_keeps_the_text_of_numbers_and_the_order_of_members() {
        let json = r#"{"b": 1.50, "a": 12345678901234567890123}"#;
        let content = Content::of(&json.parse().unwrap()).unwrap();
        assert_eq!(content.document().unwrap().as_str(), json);
        assert_eq!(Document::encode(&content).unwrap().as_str(), json);
    }

    #[test]
    fn a_text_is_shown_without_quotes() {
        let document = Shape::Text.read("a \"b\"\n").unwrap();
        assert_eq!(Shape::Text.show(&document), "a \"b\"\n");
    }
}
