//! Errors in JSON texts, with their position.

use std::fmt;

use crate::line::one_line;

/// Maximum length of a key or pointer in a message, in characters.
const LONGEST: usize = 256;

/// A JSON text that cannot be used, with the position of the problem.
///
/// The message is one line. It names the problem and, if known, the byte offset and the pointer. It never quotes
/// the document, except for the keys that make up a pointer.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
///
/// let error = Document::parse(br#"{"id":1,"id":2}"#).unwrap_err();
/// assert!(error.is_duplicate_key());
/// assert_eq!(error.to_string(), "the key at /id appears twice (byte 8)");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonError {
    kind: JsonErrorKind,
    offset: Option<usize>,
    pointer: Option<String>,
    detail: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum JsonErrorKind {
    Encoding,
    Syntax,
    DuplicateKey,
    TooDeep,
    TooLong,
    Type,
    Pointer,
}

impl JsonError {
    pub(crate) fn encoding(offset: usize) -> Self {
        Self::new(JsonErrorKind::Encoding).at(offset)
    }

    pub(crate) fn syntax(offset: usize, detail: &str) -> Self {
        let mut error = Self::new(JsonErrorKind::Syntax).at(offset);
        error.detail = Some(detail.to_owned());
        error
    }

    pub(crate) fn duplicate_key(offset: usize, pointer: String) -> Self {
        let mut error = Self::new(JsonErrorKind::DuplicateKey).at(offset);
        error.pointer = Some(pointer);
        error
    }

    pub(crate) fn too_deep(offset: usize, limit: usize) -> Self {
        let mut error = Self::new(JsonErrorKind::TooDeep).at(offset);
        error.detail = Some(limit.to_string());
        error
    }

    pub(crate) fn too_long() -> Self {
        Self::new(JsonErrorKind::TooLong)
    }

    pub(crate) fn type_mismatch(detail: String, pointer: Option<String>) -> Self {
        let mut error = Self::new(JsonErrorKind::Type);
        error.detail = Some(detail);
        error.pointer = pointer;
        error
    }

    pub(crate) fn bad_pointer(pointer: &str, detail: &str) -> Self {
        let mut error = Self::new(JsonErrorKind::Pointer);
        error.pointer = Some(pointer.to_owned());
        error.detail = Some(detail.to_owned());
        error
    }

    /// Returns the member that the type expects and that the object at the pointer lacks.
    pub(crate) fn missing_field(&self) -> Option<&str> {
        let named = self.detail.as_deref()?.strip_prefix("missing field `")?;
        named.split('`').next()
    }

    fn new(kind: JsonErrorKind) -> Self {
        Self {
            kind,
            offset: None,
            pointer: None,
            detail: None,
        }
    }

    fn at(mut self, offset: usize) -> Self {
        self.offset = Some(offset);
        self
    }

    /// Whether the bytes are not valid UTF-8 (RFC 8259 section 8.1).
    pub fn is_encoding(&self) -> bool {
        self.kind == JsonErrorKind::Encoding
    }

    /// Whether the text violates the grammar: it is cut off, followed by something else, or not JSON at all.
    pub fn is_syntax(&self) -> bool {
        self.kind == JsonErrorKind::Syntax
    }

    /// Whether an object contains a key twice. Parsers disagree about which one counts, so such a text is
    /// rejected.
    pub fn is_duplicate_key(&self) -> bool {
        self.kind == JsonErrorKind::DuplicateKey
    }

    /// Whether arrays and objects are nested deeper than the limit.
    pub fn is_too_deep(&self) -> bool {
        self.kind == JsonErrorKind::TooDeep
    }

    /// Whether the text is longer than 4 GiB.
    pub fn is_too_long(&self) -> bool {
        self.kind == JsonErrorKind::TooLong
    }

    /// Whether the document does not fit the Rust type.
    pub fn is_type_mismatch(&self) -> bool {
        self.kind == JsonErrorKind::Type
    }

    /// Whether a JSON Pointer is malformed or leads to a place that cannot be set.
    pub fn is_bad_pointer(&self) -> bool {
        self.kind == JsonErrorKind::Pointer
    }

    /// Returns the byte offset of the problem, not counting a leading byte order mark.
    pub fn offset(&self) -> Option<usize> {
        self.offset
    }

    /// Returns the JSON Pointer of the problem, if known.
    pub fn pointer(&self) -> Option<&str> {
        self.pointer.as_deref()
    }
}

impl fmt::Display for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Keys are untrusted text.
        let shown = |text: &Option<String>| one_line(text.as_deref().unwrap_or_default(), LONGEST);
        let (detail, pointer) = (shown(&self.detail), shown(&self.pointer));
        match self.kind {
            JsonErrorKind::Encoding => f.write_str("the text is not valid Unicode")?,
            JsonErrorKind::Syntax => write!(f, "not valid JSON: {detail}")?,
            JsonErrorKind::DuplicateKey => write!(f, "the key at {pointer} appears twice")?,
            JsonErrorKind::TooDeep => write!(f, "nested deeper than {detail} levels")?,
            JsonErrorKind::TooLong => f.write_str("the text is longer than 4 GiB")?,
            JsonErrorKind::Type => {
                write!(f, "the document does not fit the type: {detail}")?;
                if !pointer.is_empty() {
                    write!(f, " at {pointer}")?;
                }
            }
            JsonErrorKind::Pointer => {
                write!(f, "the pointer {pointer:?} cannot be used: {detail}")?;
            }
        }
        match self.offset {
            Some(offset) => write!(f, " (byte {offset})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JsonError {}
