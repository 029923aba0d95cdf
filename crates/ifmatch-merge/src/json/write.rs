//! Writes values as JSON text.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde_json::Value;

use super::scan::HALF;

/// Writes a string in quotes, with as few escapes as RFC 8259 section 7 allows.
pub(crate) fn string(content: &str, out: &mut String) {
    out.push('"');
    let mut rest = content;
    while let Some(at) = rest
        .bytes()
        .position(|b| b == b'"' || b == b'\\' || b < 0x20)
    {
        out.push_str(&rest[..at]);
        match rest.as_bytes()[at] {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            8 => out.push_str("\\b"),
            12 => out.push_str("\\f"),
            // Writing into a `String` cannot fail.
            control => drop(write!(out, "\\u{control:04x}")),
        }
        rest = &rest[at + 1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// Writes a key in quotes, like [`string`], with halves of surrogate pairs as `\u` escapes.
pub(crate) fn key(name: &str, out: &mut String) {
    let start = out.len();
    string(name, out);
    if name.contains(HALF) {
        let written = halves(&out[start..], |digits| format!("\\u{digits}"));
        out.truncate(start);
        out.push_str(&written);
    }
}

/// Returns the content with U+FFFD in place of each half of a surrogate pair.
pub(crate) fn without_halves(content: &str) -> Cow<'_, str> {
    if content.contains(HALF) {
        Cow::Owned(halves(content, |_| char::REPLACEMENT_CHARACTER.to_string()))
    } else {
        Cow::Borrowed(content)
    }
}

/// Returns the text with each half of a surrogate pair (marked by [`HALF`]) replaced.
fn halves(text: &str, by: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split(HALF);
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let digits = piece.get(..4).filter(|digits| {
            u16::from_str_radix(digits, 16).is_ok_and(|unit| (0xd800..0xe000).contains(&unit))
        });
        if let Some(digits) = digits {
            out.push_str(&by(digits));
            out.push_str(&piece[4..]);
        } else {
            out.push(HALF);
            out.push_str(piece);
        }
    }
    out
}

/// Writes a whole value, without spaces.
pub(crate) fn value(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
        Value::Number(n) => drop(write!(out, "{n}")),
        Value::String(s) => string(s, out),
        Value::Array(elements) => {
            out.push('[');
            for (i, element) in elements.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                self::value(element, out);
            }
            out.push(']');
        }
        Value::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                string(key, out);
                out.push(':');
                self::value(member, out);
            }
            out.push('}');
        }
    }
}
