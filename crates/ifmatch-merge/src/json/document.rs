//! [`Document`]: a validated JSON text, and how it is read, edited and compared.

use std::cmp::Ordering;
use std::fmt;
use std::ops::Range;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::JsonError;
use super::tape::{Node, Tape};
use super::tree::{self, Tree, View, WALKED_DEPTH};
use super::{decode, edit, encode, pointer, write};

/// A validated JSON text that is kept unchanged. It is immutable and cheap to clone.
///
/// Two documents are equal when they represent the same value. Numbers are compared exactly by value
/// (`1 == 1.0 == 1e0`, at any size), the order of keys does not matter, and a boolean never equals a number.
/// [`same_text`](Self::same_text) compares the texts. `Debug` shows only the length, because documents end up in
/// logs. `Display` writes the text.
///
/// A string may contain half of a surrogate pair (`"\ud83d"`), which programs produce when they cut a text in two.
/// JSON's grammar allows it, but no Rust string can hold it. The document keeps it unchanged, and it equals only
/// the same half. A type that reads such a string gets an error ([`decode`](Self::decode)). Types that do not read
/// it are not affected, and neither are writes.
///
/// When a value that contains a document is serialized by [`encode`](Self::encode), the document keeps its text.
/// Other serializers receive it value by value: the order of keys is kept, numbers beyond 64 bits are rounded to
/// `f64`, and half of a surrogate pair becomes U+FFFD. Use [`as_str`](Self::as_str) if you need the exact text.
///
/// # Default
///
/// | limit | value |
/// |---|---|
/// | nesting of arrays and objects | [`DEFAULT_DEPTH`](Self::DEFAULT_DEPTH): 128 |
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
///
/// let document = Document::parse(br#"{"id": 12345678901234567890123, "price": 1.10}"#)?;
/// assert_eq!(document, Document::parse(br#"{"price":1.1,"id":12345678901234567890123.0}"#)?);
/// assert_eq!(document.pointer("/price").unwrap().as_str(), "1.10");
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
#[derive(Clone)]
pub struct Document {
    text: Arc<str>,
    /// The range of the document in `text`, which may be the text of a larger document.
    range: Range<usize>,
}

impl Document {
    /// The default limit for the nesting of arrays and objects.
    pub const DEFAULT_DEPTH: usize = 128;

    /// The highest nesting limit that [`parse_with_depth`](Self::parse_with_depth) accepts.
    pub const MAX_DEPTH: usize = WALKED_DEPTH;

    /// Parses a text strictly by RFC 8259. A leading byte order mark is skipped.
    ///
    /// # Errors
    ///
    /// Returns an error if the text is not UTF-8, is not JSON, is cut off, is followed by something else, contains
    /// a key twice in one object, or is nested deeper than [`DEFAULT_DEPTH`](Self::DEFAULT_DEPTH).
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// assert!(Document::parse(b"[1, 2").unwrap_err().is_syntax());
    /// assert_eq!(Document::parse(b"\xef\xbb\xbf{}")?.as_str(), "{}");
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn parse(bytes: &[u8]) -> Result<Self, JsonError> {
        Self::parse_with_depth(bytes, Self::DEFAULT_DEPTH)
    }

    /// Parses a text like [`parse`](Self::parse), with another limit for the nesting.
    ///
    /// A limit above [`MAX_DEPTH`](Self::MAX_DEPTH) is lowered to it.
    ///
    /// # Errors
    ///
    /// The same as for [`parse`](Self::parse).
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// assert!(Document::parse_with_depth(b"[[]]", 1).unwrap_err().is_too_deep());
    /// ```
    pub fn parse_with_depth(bytes: &[u8], depth: usize) -> Result<Self, JsonError> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let text = std::str::from_utf8(bytes).map_err(|e| JsonError::encoding(e.valid_up_to()))?;
        Tape::parse(text, depth.min(Self::MAX_DEPTH))?;
        Ok(Self::from_trusted(text))
    }

    /// Encodes a Rust value as a document. Documents within the value keep their text.
    ///
    /// # Errors
    ///
    /// Returns an error if the value cannot be written as JSON, such as a map whose keys are not strings, or if
    /// its `Serialize` implementation fails.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// assert_eq!(Document::encode(&vec![1, 2])?.as_str(), "[1,2]");
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn encode<T: Serialize + ?Sized>(value: &T) -> Result<Self, JsonError> {
        let text = encode::text(value, 128).map_err(|e| decode::error(&e, None))?;
        Self::of_type(text)
    }

    /// Encodes a value like [`encode`](Self::encode). Returns the same document if the text does not change.
    #[doc(hidden)]
    pub fn encode_again<T: Serialize + ?Sized>(&self, value: &T) -> Result<Self, JsonError> {
        // Some spare room, so that a value that grew slightly does not reallocate.
        let about = self.len() + 64;
        let text = encode::text(value, about).map_err(|e| decode::error(&e, None))?;
        if text == self.as_str() {
            return Ok(self.clone());
        }
        Self::of_type(text)
    }

    /// Validates the text that a type wrote. A type can write a key twice (`flatten`) or nest too deeply, which no
    /// reader accepts.
    fn of_type(text: String) -> Result<Self, JsonError> {
        Tape::parse(&text, Self::DEFAULT_DEPTH)?;
        Ok(Self::from_trusted(text))
    }

    /// Decodes the document into a Rust value.
    ///
    /// Numbers that no `f64` can hold (`1e400`) reach the type as the largest `f64` of their sign, so such a
    /// number never makes a document unreadable. The document itself keeps the text. Members whose names contain
    /// half of a surrogate pair are left out, because no type can name them.
    ///
    /// # Errors
    ///
    /// Returns an error if the document does not fit the type, or if the type reads a string with half of a
    /// surrogate pair. The message names the place and what was expected there, never the value found.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// let document = Document::parse(b"[1, 1e400]")?;
    /// assert_eq!(document.decode::<Vec<f64>>()?, [1.0, f64::MAX]);
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn decode<T: DeserializeOwned>(&self) -> Result<T, JsonError> {
        decode::decode(self)
    }

    /// Creates a document from a `serde_json` value.
    pub fn from_value(value: &Value) -> Self {
        let mut text = String::new();
        write::value(value, &mut text);
        Self::from_trusted(text)
    }

    /// Converts the document to a `serde_json` value, which may round numbers and sorts keys. Half of a surrogate
    /// pair becomes U+FFFD.
    pub fn to_value(&self) -> Value {
        self.with_root(|root| root.to_value())
    }

    /// Returns the text.
    pub fn as_str(&self) -> &str {
        &self.text[self.range.clone()]
    }

    /// Returns the text as bytes, without a copy.
    pub fn to_bytes(&self) -> Bytes {
        struct Owner(Document);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                self.0.as_str().as_bytes()
            }
        }
        Bytes::from_owner(Owner(self.clone()))
    }

    /// Returns the length of the text in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no JSON text is empty")]
    pub fn len(&self) -> usize {
        self.range.len()
    }

    /// Returns the value at a JSON Pointer (RFC 6901), if there is one.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// let document = Document::parse(br#"{"a": [{"b/c": 1.0}]}"#)?;
    /// assert_eq!(document.pointer("/a/0/b~1c").unwrap().as_str(), "1.0");
    /// assert!(document.pointer("/a/1").is_none());
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn pointer(&self, pointer: &str) -> Option<Self> {
        let tokens = pointer::tokens(pointer)?;
        self.with_root(|root| {
            Some(Self::from_trusted(
                edit::find(root, &tokens)?.raw().to_owned(),
            ))
        })
    }

    /// Compares two numbers or two texts as the rule `Max` does. Returns `None` for anything else.
    #[doc(hidden)]
    pub fn order(&self, other: &Document) -> Option<Ordering> {
        self.with_root(|a| other.with_root(|b| tree::order(a, b)))
    }

    /// Returns a text or a number as an ID.
    #[doc(hidden)]
    pub fn as_id(&self) -> Option<String> {
        self.with_root(|root| match root.view() {
            View::String(id) => Some(id.to_owned()),
            View::Number(_) => Some(root.raw().to_owned()),
            _ => None,
        })
    }

    /// Returns the elements of the array at a JSON Pointer, in one pass over the text.
    #[doc(hidden)]
    pub fn elements_at(&self, pointer: &str) -> Option<Vec<Self>> {
        let tokens = pointer::tokens(pointer)?;
        self.with_root(|root| {
            let array = edit::find(root, &tokens)?;
            let is_array = matches!(array.view(), View::Array);
            let elements = || array.elements().into_iter();
            is_array.then(|| elements().map(|it| Self::from_trusted(it.raw())).collect())
        })
    }

    /// Returns the members of the object at a JSON Pointer with their names, in one pass over the text.
    #[doc(hidden)]
    pub fn members_at(&self, pointer: &str) -> Option<Vec<(String, Self)>> {
        let tokens = pointer::tokens(pointer)?;
        self.with_root(|root| {
            let object = edit::find(root, &tokens)?;
            let is_object = matches!(object.view(), View::Object);
            let members = object.each_member();
            let members =
                members.map(|(key, value)| (key.name.to_owned(), Self::from_trusted(value.raw())));
            is_object.then(|| members.collect())
        })
    }

    /// Returns the document with the value at a JSON Pointer replaced. The rest keeps its text.
    ///
    /// A missing member is added, together with missing objects on the path to it. In an array, the index must be
    /// that of an element, or the length or `-` to append.
    ///
    /// # Errors
    ///
    /// Returns an error if the pointer is malformed, or leads through a scalar or a missing element.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// let document = Document::parse(br#"{"price": 1.10}"#)?;
    /// let document = document.with("/meta/by", &Document::parse(br#""me""#)?)?;
    /// assert_eq!(document.as_str(), r#"{"price": 1.10,"meta":{"by":"me"}}"#);
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn with(&self, pointer: &str, value: &Document) -> Result<Self, JsonError> {
        let tokens = pointer::tokens(pointer)
            .ok_or_else(|| JsonError::bad_pointer(pointer, "it is malformed"))?;
        self.with_root(|root| edit::set(root, &tokens, value.as_str().trim()))
            .map(Self::from_trusted)
            .ok_or_else(|| {
                JsonError::bad_pointer(pointer, "it leads through a scalar or a missing element")
            })
    }

    /// Returns the document without the value at a JSON Pointer. Returns the same document if there is no such
    /// value, or if the pointer denotes the whole document.
    ///
    /// # Example
    ///
    /// ```
    /// # use ifmatch_merge as ifmatch;
    /// use ifmatch::json::Document;
    ///
    /// let document = Document::parse(br#"{"a": 1, "b": 2.0}"#)?;
    /// assert_eq!(document.without("/a").as_str(), r#"{"b": 2.0}"#);
    /// # Ok::<(), ifmatch::json::JsonError>(())
    /// ```
    pub fn without(&self, pointer: &str) -> Self {
        let removed = pointer::tokens(pointer)
            .and_then(|tokens| self.with_root(|root| edit::remove(root, &tokens)));
        removed.map_or_else(|| self.clone(), Self::from_trusted)
    }

    /// Whether the texts are identical, byte by byte.
    pub fn same_text(&self, other: &Document) -> bool {
        self.as_str() == other.as_str()
    }

    /// Creates a document from a text that is known to be valid JSON.
    #[doc(hidden)]
    pub fn from_trusted(text: impl Into<Arc<str>>) -> Self {
        let text = text.into();
        let range = 0..text.len();
        Self { text, range }
    }

    /// Returns a value of this document as a document that shares the text, which stays in memory as long as the
    /// value.
    pub(crate) fn part(&self, value: Node<'_>) -> Self {
        let Range { start, end } = value.range();
        Self {
            text: Arc::clone(&self.text),
            range: self.range.start + start..self.range.start + end,
        }
    }

    /// Parses the text and passes its root to the closure.
    pub(crate) fn with_root<R>(&self, use_it: impl FnOnce(Node<'_>) -> R) -> R {
        use_it(Tape::from_trusted(self.as_str()).root())
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.same_text(other) || self.with_root(|a| other.with_root(|b| tree::same(a, b)))
    }
}

impl Eq for Document {}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({} bytes)", self.len())
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Document {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Self::parse(text.as_bytes())
    }
}
