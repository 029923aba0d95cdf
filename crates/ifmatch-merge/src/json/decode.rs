//! Decodes documents into Rust types. Errors name the place but do not reveal the content.

use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::document::Document;
use super::error::JsonError;
use super::node_kind::NodeKind;
use super::pointer;
use super::tape::Node;

pub(super) fn decode<T: DeserializeOwned>(document: &Document) -> Result<T, JsonError> {
    let first = match serde_json::from_str(document.as_str()) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    // The text is valid JSON, so a syntax error concerns a number that no `f64` can hold, half of a surrogate
    // pair, or the nesting depth.
    if first.classify() != Category::Syntax {
        return Err(error(&first, place(document, &first)));
    }
    let readable = document.with_root(readable);
    let second = match serde_json::from_str(readable.as_str()) {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    if second.classify() != Category::Syntax {
        return Err(error(&second, place(&readable, &second)));
    }
    // The document is nested deeper than `serde_json` parses. Deserializing from a `Value` has no such limit, but
    // rounds integers beyond 64 bits.
    let torn = document.with_root(is_torn);
    if second.to_string().starts_with("recursion limit") && !torn {
        return T::deserialize(document.to_value()).map_err(|e| error(&e, None));
    }
    if !torn {
        // The type cannot read one of the keys.
        return Err(error(&second, place(&readable, &second)));
    }
    let detail = "half of a surrogate pair, expected Unicode text";
    Err(JsonError::type_mismatch(
        detail.to_owned(),
        place(&readable, &second),
    ))
}

/// Returns a copy of the document that types can read. Numbers that no `f64` can hold become the largest `f64` of
/// their sign, and members whose names are not valid Unicode are left out.
fn readable(root: Node<'_>) -> Document {
    let mut text = String::with_capacity(root.range().len());
    write_readable(root, &mut text);
    Document::from_trusted(text)
}

fn write_readable(node: Node<'_>, out: &mut String) {
    match node.kind() {
        NodeKind::Number if node.raw().parse::<serde_json::Number>().is_err() => {
            out.push_str(&node.number().held().to_string());
        }
        NodeKind::Array => {
            out.push('[');
            for (at, element) in node.children_of_array().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_readable(element, out);
            }
            out.push(']');
        }
        NodeKind::Object => {
            out.push('{');
            let members = node.children_of_object();
            for (key, member) in members.filter(|(key, _)| key.kind() != NodeKind::Torn) {
                if !out.ends_with('{') {
                    out.push(',');
                }
                out.push_str(key.raw());
                out.push(':');
                write_readable(member, out);
            }
            out.push('}');
        }
        _ => out.push_str(node.raw()),
    }
}

fn is_torn(node: Node<'_>) -> bool {
    let is_torn_member =
        |(key, member): (Node<'_>, Node<'_>)| key.kind() == NodeKind::Torn || is_torn(member);
    node.kind() == NodeKind::Torn
        || node.children_of_array().any(is_torn)
        || node.children_of_object().any(is_torn_member)
}

/// Rewrites the error, because `serde_json` quotes the value that it found.
pub(super) fn error(error: &serde_json::Error, place: Option<String>) -> JsonError {
    let message = error.to_string();
    let harmless = ["missing field ", "unknown field ", "duplicate field "];
    let detail = if harmless.iter().any(|start| message.starts_with(start)) {
        without_position(&message).to_owned()
    } else if let Some((found, expected)) = message.rsplit_once(", expected ") {
        let problem = found.split([':', '`']).next().unwrap_or_default().trim();
        let known = [
            "invalid type",
            "invalid value",
            "invalid length",
            "unknown variant",
        ]
        .contains(&problem);
        format!(
            "{}, expected {}",
            if known { problem } else { "value refused" },
            without_position(expected)
        )
    } else {
        "the type refused the value".to_owned()
    };
    JsonError::type_mismatch(detail, place)
}

fn without_position(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(front, _)| front)
}

/// Returns the pointer of the innermost value at the position of the error.
fn place(document: &Document, error: &serde_json::Error) -> Option<String> {
    let text = document.as_str();
    let line_start = match error.line() {
        0 | 1 => 0,
        line => text
            .match_indices('\n')
            .nth(line - 2)
            .map(|(at, _)| at + 1)?,
    };
    let offset = (line_start + error.column()).saturating_sub(1);
    document.with_root(|root| {
        let mut pointer = String::new();
        let mut node = root;
        while let Some((token, child)) = child_at(node, offset) {
            pointer::push(&mut pointer, &token);
            node = child;
        }
        Some(pointer)
    })
}

fn child_at(node: Node<'_>, offset: usize) -> Option<(String, Node<'_>)> {
    match node.kind() {
        NodeKind::Array => {
            let mut children = node.children_of_array().enumerate();
            children
                .find(|(_, c)| c.range().contains(&offset))
                .map(|(i, c)| (i.to_string(), c))
        }
        NodeKind::Object => {
            let mut children = node.children_of_object();
            children
                .find(|(_, c)| c.range().contains(&offset))
                .map(|(k, c)| (k.content().to_owned(), c))
        }
        _ => None,
    }
}
