//! Scans the tokens of RFC 8259.

use std::fmt::Write as _;

use super::error::JsonError;
use super::node_kind::NodeKind;

pub(super) struct Scanner<'a> {
    bytes: &'a [u8],
    pub(super) at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            bytes: text.as_bytes(),
            at: 0,
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(super) fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    pub(super) fn error(&self, detail: &str) -> JsonError {
        JsonError::syntax(self.at, detail)
    }

    pub(super) fn end(&self) -> Result<(), JsonError> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.error("unexpected text after the value")),
        }
    }

    /// Scans one scalar value, or a key.
    pub(super) fn scalar(&mut self) -> Result<NodeKind, JsonError> {
        match self.peek() {
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word(b"true", NodeKind::True),
            Some(b'f') => self.word(b"false", NodeKind::False),
            Some(b'n') => self.word(b"null", NodeKind::Null),
            Some(_) => Err(self.error("expected a value")),
            None => Err(self.error("the text ends too early")),
        }
    }

    fn word(&mut self, word: &[u8], kind: NodeKind) -> Result<NodeKind, JsonError> {
        if !self.bytes[self.at..].starts_with(word) {
            return Err(self.error("expected a value"));
        }
        self.at += word.len();
        Ok(kind)
    }

    fn string(&mut self) -> Result<NodeKind, JsonError> {
        let start = self.at;
        let mut kind = NodeKind::Plain;
        self.at += 1;
        loop {
            // Skip to the next quote, backslash or control character.
            let Some(skip) = plain(&self.bytes[self.at..]) else {
                return Err(JsonError::syntax(start, "the string is not terminated"));
            };
            self.at += skip;
            match self.bytes[self.at] {
                b'"' => {
                    self.at += 1;
                    return Ok(kind);
                }
                b'\\' => {
                    kind = NodeKind::Escaped;
                    // The escape itself is checked when the string is unescaped.
                    if self.at + 1 >= self.bytes.len() {
                        return Err(JsonError::syntax(start, "the string is not terminated"));
                    }
                    self.at += 2;
                }
                _ => return Err(self.error("unescaped control character")),
            }
        }
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if self.at == start {
            Err(self.error("expected a digit"))
        } else {
            Ok(())
        }
    }

    fn number(&mut self) -> Result<NodeKind, JsonError> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.peek() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.peek() {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(NodeKind::Number)
    }
}

/// Appends the content of the string token `text[start..end]`. Returns whether it contains halves of surrogate pairs.
///
/// JSON's grammar allows such a half, but no Rust string can hold it. It is represented by [`HALF`] and its four
/// digits, so that contents are equal if the strings are.
pub(super) fn unescape(
    text: &str,
    start: usize,
    end: usize,
    out: &mut String,
) -> Result<bool, JsonError> {
    let mut has_half = false;
    let last = end - 1;
    let mut at = start + 1;
    while at < last {
        let rest = &text.as_bytes()[at..last];
        let plain = at + rest.iter().take_while(|byte| **byte != b'\\').count();
        out.push_str(&text[at..plain]);
        at = plain;
        if at == last {
            break;
        }
        let escape = text.as_bytes()[at + 1];
        let simple = match escape {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let (unit, length) = unicode(&text.as_bytes()[..last], at)?;
                if let Some(c) = char::from_u32(unit) {
                    out.push(c);
                } else {
                    has_half = true;
                    // Writing into a `String` cannot fail.
                    let _ = write!(out, "{HALF}{unit:04x}");
                }
                at += length;
                continue;
            }
            _ => return Err(JsonError::syntax(at, "unknown escape")),
        };
        out.push(simple);
        at += 2;
    }
    Ok(has_half)
}

/// The marker in front of the digits of half of a surrogate pair. It is a code point that is not a character.
pub(super) const HALF: char = '\u{ffff}';

/// Returns the code point and length of a `\u` escape, of two escapes that form a surrogate pair, or of half of a
/// pair.
fn unicode(bytes: &[u8], at: usize) -> Result<(u32, usize), JsonError> {
    let unit = |at: usize| -> Option<u32> {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits
            .iter()
            .try_fold(0, |n, &d| Some(n * 16 + char::from(d).to_digit(16)?))
    };
    let first =
        unit(at).ok_or_else(|| JsonError::syntax(at, "expected four hexadecimal digits"))?;
    Ok(match unit(at + 6) {
        Some(second @ 0xdc00..=0xdfff) if (0xd800..0xdc00).contains(&first) => {
            (0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00), 12)
        }
        _ => (first, 6),
    })
}

/// Returns the number of bytes before the next special byte of a string, or `None` if there is none.
///
/// Compares eight bytes at a time, because documents consist mostly of strings and each write reads its document
/// several times.
fn plain(bytes: &[u8]) -> Option<usize> {
    let special = |byte: u8| byte == b'"' || byte == b'\\' || byte < 0x20;
    let mut words = bytes.chunks_exact(8);
    let mut at = 0;
    for word in &mut words {
        let mut eight = [0; 8];
        eight.copy_from_slice(word);
        let found = specials(u64::from_le_bytes(eight));
        if found != 0 {
            // The lowest mark is correct. A borrow can only set wrong marks above it.
            return Some(at + found.trailing_zeros() as usize / 8);
        }
        at += 8;
    }
    let rest = words.remainder();
    rest.iter()
        .position(|byte| special(*byte))
        .map(|skip| at + skip)
}

/// Marks, in the top bit of each byte, the quotes, backslashes and control characters.
fn specials(word: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const TOPS: u64 = 0x8080_8080_8080_8080;
    let zero = |word: u64| word.wrapping_sub(ONES) & !word & TOPS;
    let quote = zero(word ^ (ONES * u64::from(b'"')));
    let backslash = zero(word ^ (ONES * u64::from(b'\\')));
    let control = word.wrapping_sub(ONES * 0x20) & !word & TOPS;
    quote | backslash | control
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_found_or_passed_at_every_place() {
        for byte in 0..=u8::MAX {
            for at in 0..20 {
                let mut bytes = vec![b'x'; 20];
                bytes[at] = byte;
                let special = byte == b'"' || byte == b'\\' || byte < 0x20;
                assert_eq!(plain(&bytes), special.then_some(at), "{byte:#x} at {at}");
            }
        }
    }
}
