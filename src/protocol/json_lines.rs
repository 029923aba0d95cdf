//! Lines of JSON that arrive in chunks, as the feeds of `CouchDB`, etcd and Kubernetes send them.
//!
//! [`JsonLines`] decodes them. It reads no clock and no socket, and keeps no more than one line.

use std::fmt;

pub use super::lines::TooLong;
use super::lines::{Ends, Lines};
use crate::json::{Document, JsonError};

/// Decodes lines of JSON from chunks.
///
/// Each line that is not blank is a document, and ends with LF. Blank lines are heartbeats: that a chunk arrived is the
/// sign of life. A last line without an end is dropped, because it may be half a line. The documents are the same however
/// the bytes are split into chunks.
///
/// # Default
///
/// | limit | default |
/// |---|---|
/// | [`max_line`](Self::max_line) | 1 MiB |
/// | [`max_depth`](Self::max_depth) | [`Document::DEFAULT_DEPTH`] |
///
/// # Example
///
/// ```
/// use ifmatch::json_lines::{JsonLines, JsonLinesError};
///
/// let mut lines = JsonLines::new();
/// let mut seen = Vec::new();
/// for chunk in ["{\"seq\":", "1}\n\n{\"seq\":2}\n{\"se"] {
///     let mut rest = chunk.as_bytes();
///     while let Some(document) = lines.decode(&mut rest)? {
///         seen.push(document.as_str().to_owned());
///     }
/// }
/// assert_eq!(seen, [r#"{"seq":1}"#, r#"{"seq":2}"#]);
/// # Ok::<(), JsonLinesError>(())
/// ```
#[derive(Clone)]
pub struct JsonLines {
    lines: Lines,
    depth: usize,
    failed: Option<TooLong>,
}

/// A line could not be decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonLinesError {
    /// The line is too long. Every further call returns the same error.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The line is no JSON. The next call decodes the line after it.
    #[error("a line of the stream is not JSON")]
    Json(#[from] JsonError),
}

impl JsonLines {
    /// Creates a decoder for one response.
    pub fn new() -> Self {
        Self {
            lines: Lines::new(Ends::Lf),
            depth: Document::DEFAULT_DEPTH,
            failed: None,
        }
    }

    /// Sets the longest line, in bytes (default 1 MiB).
    pub fn max_line(mut self, bytes: usize) -> Self {
        self.lines.set_limit(bytes);
        self
    }

    /// Sets the maximum nesting of a document, in levels (default [`Document::DEFAULT_DEPTH`]).
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.depth = levels;
        self
    }

    /// Decodes the next document, and removes its bytes from the input. Returns `None` once the input is used up.
    ///
    /// # Errors
    ///
    /// Returns an error if a line is longer than its limit, or no JSON.
    pub fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Document>, JsonLinesError> {
        if let Some(failed) = self.failed {
            return Err(failed.into());
        }
        loop {
            match self.lines.next(input) {
                Ok(Some(line)) if is_blank(line) => {}
                Ok(Some(line)) => {
                    let document = Document::parse_with_depth(line, self.depth)?;
                    return Ok(Some(document));
                }
                Ok(None) => return Ok(None),
                Err(failed) => {
                    self.failed = Some(failed);
                    return Err(failed.into());
                }
            }
        }
    }
}

impl Default for JsonLines {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for JsonLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The part of a line is data of the user.
        f.debug_struct("JsonLines")
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}

/// Whether a line has nothing but the white space of JSON (RFC 8259 2).
fn is_blank(line: &[u8]) -> bool {
    line.iter().all(|byte| matches!(byte, b' ' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The documents as text, the number of lines that are no JSON, and the error at the end.
    fn decoded<'c>(
        lines: &mut JsonLines,
        chunks: impl IntoIterator<Item = &'c [u8]>,
    ) -> (Vec<String>, usize, Option<TooLong>) {
        let (mut seen, mut wrong) = (Vec::new(), 0);
        for mut rest in chunks {
            loop {
                match lines.decode(&mut rest) {
                    Ok(Some(document)) => seen.push(document.as_str().to_owned()),
                    Ok(None) => break,
                    Err(JsonLinesError::Json(_)) => wrong += 1,
                    Err(JsonLinesError::TooLong(error)) => return (seen, wrong, Some(error)),
                }
            }
            assert!(rest.is_empty());
        }
        (seen, wrong, None)
    }

    #[test]
    fn each_whole_line_is_a_document_and_blank_ones_are_none() {
        for (text, expected, wrong) in [
            ("{\"a\":1}\n[2]\r\n3\n", &["{\"a\":1}", "[2]\r", "3"][..], 0),
            ("\n\r\n \t\n{}\n", &["{}"], 0),
            ("{}", &[], 0),
            ("{}\n{\"half\":", &["{}"], 0),
            ("no\n{}\n{\"a\":1\n\n[]\n", &["{}", "[]"], 2),
            ("{}{}\n", &[], 1),
            ("{\"a\":\r1}\n", &["{\"a\":\r1}"], 0),
        ] {
            let expected: Vec<_> = expected.iter().map(|text| String::from(*text)).collect();
            let found = decoded(&mut JsonLines::new(), [text.as_bytes()]);
            assert_eq!(found, (expected, wrong, None), "{text:?}");
        }
    }

    #[test]
    fn a_line_has_a_limit_in_length_and_depth() {
        let mut lines = JsonLines::new().max_line(4).max_depth(2);
        let found = decoded(&mut lines, [&b"[[]]\n[[[\n1234\n[1,2]\n1\n"[..]]);
        let expected = ["[[]]", "1234"].map(str::to_owned).to_vec();
        assert_eq!(found, (expected, 1, Some(TooLong::Line(4))));
        assert!(matches!(
            lines.decode(&mut &b"1\n"[..]),
            Err(JsonLinesError::TooLong(_))
        ));
    }

    #[test]
    fn no_data_is_shown() {
        let mut lines = JsonLines::new();
        let _ = lines.decode(&mut &b"{\"key\":\"secret"[..]);
        assert!(!format!("{lines:?}").contains("secret"));
    }

    proptest! {
        #[test]
        fn the_documents_are_the_same_however_the_bytes_are_split(
            pieces in prop::collection::vec(
                prop::sample::select(vec!["\n", "\r", "{}", "[1", "]", " ", "\"a\"", "1", "\u{e9}"]), 0..40,
            ),
            size in 1_usize..9,
            limit in 0_usize..20,
        ) {
            let text = pieces.concat();
            let lines = || JsonLines::new().max_line(limit);
            let whole = decoded(&mut lines(), [text.as_bytes()]);
            prop_assert_eq!(decoded(&mut lines(), text.as_bytes().chunks(size)), whole);
        }
    }
}
