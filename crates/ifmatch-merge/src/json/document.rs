//! [`Document`].

use std::cmp::Ordering;
use std::fmt;
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

/// A JSON text that was checked once and is kept as it is: immutable and cheap to clone.
///
/// Two documents are equal when they say the same: numbers are compared by value and exactly
/// (`1 == 1.0 == 1e0`, at any size), the order of keys does not count, a boolean is never a number.
/// [`same_text`](Self::same_text) compares the texts. `Debug` shows the length only, because documents
/// end up in logs; `Display` writes the text.
///
/// A string may hold half of a surrogate pair (`"\ud83d"`), as programs write it that cut texts in two.
/// JSON's grammar allows that, and no Rust string can hold it. The document keeps it as it is, and it is
/// equal to the same half only. A type that reads such a string gets an error
/// ([`decode`](Self::decode)); types that do not read it are not affected, and neither are writes.
///
/// As a part of a value that is serialized, a document keeps its text with [`encode`](Self::encode). Other
/// serializers get it value by value: the order of keys is kept, numbers beyond 64 bits are rounded to
/// `f64`, and half a surrogate pair becomes U+FFFD. Use [`as_str`](Self::as_str) where that is not enough.
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
}

impl Document {
    /// How deep arrays and objects may be nested, unless told otherwise.
    pub const DEFAULT_DEPTH: usize = 128;

    /// The deepest nesting that [`parse_with_depth`](Self::parse_with_depth) can be told to accept.
    pub const MAX_DEPTH: usize = WALKED_DEPTH;

    /// Reads a text, strictly by RFC 8259. A byte order mark in front is skipped.
    ///
    /// # Errors
    ///
    /// The text is not UTF-8, not JSON, torn, followed by something else, names a key twice in one
    /// object, or is nested deeper than [`DEFAULT_DEPTH`](Self::DEFAULT_DEPTH).
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

    /// Reads a text as [`parse`](Self::parse) does, with another limit for the nesting.
    ///
    /// Limits above [`MAX_DEPTH`](Self::MAX_DEPTH) count as that.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse).
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
        Ok(Self { text: text.into() })
    }

    /// Writes a Rust value as a document. Documents within the value keep their text.
    ///
    /// # Errors
    ///
    /// The value cannot be written as JSON: a map whose keys are no strings, or its own error.
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

    /// As [`encode`](Self::encode); the same document again if that is how it is spelt already.
    #[doc(hidden)]
    pub fn encode_again<T: Serialize + ?Sized>(&self, value: &T) -> Result<Self, JsonError> {
        // A little room, so that a value that grew a little is not moved.
        let about = self.text.len() + 64;
        let text = encode::text(value, about).map_err(|e| decode::error(&e, None))?;
        if *text == *self.text {
            return Ok(self.clone());
        }
        Self::of_type(text)
    }

    /// What a type has written. It can write a key twice (`flatten`) or nest too deep; readers would trip
    /// over it.
    fn of_type(text: String) -> Result<Self, JsonError> {
        Tape::parse(&text, Self::DEFAULT_DEPTH)?;
        Ok(Self { text: text.into() })
    }

    /// Reads the document as a Rust value.
    ///
    /// Numbers that no `f64` holds (`1e400`) reach the type as the largest one of their sign, so that
    /// such a number never makes a document unreadable; the document itself keeps the text. Members whose
    /// names hold half of a surrogate pair are left out, because no type can name them.
    ///
    /// # Errors
    ///
    /// The document does not fit the type, or the type reads a string with half of a surrogate pair. The message names the place and what was expected there, never
    /// the value found.
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

    /// The document of a `serde_json` value.
    pub fn from_value(value: &Value) -> Self {
        let mut text = String::new();
        write::value(value, &mut text);
        Self::from_trusted(text)
    }

    /// The document as a `serde_json` value, which may round numbers and sorts keys. Half of a surrogate
    /// pair becomes U+FFFD.
    pub fn to_value(&self) -> Value {
        self.with_root(|root| root.to_value())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The text as bytes, without a copy.
    pub fn to_bytes(&self) -> Bytes {
        struct Owner(Arc<str>);
        impl AsRef<[u8]> for Owner {
            fn as_ref(&self) -> &[u8] {
                self.0.as_bytes()
            }
        }
        Bytes::from_owner(Owner(Arc::clone(&self.text)))
    }

    /// The length of the text in bytes.
    #[expect(clippy::len_without_is_empty, reason = "no JSON text is empty")]
    pub fn len(&self) -> usize {
        self.text.len()
    }

    /// The value at a JSON Pointer (RFC 6901), if there is one.
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

    /// The order of two numbers or texts, as the rule `Max` takes it; nothing for anything else.
    #[doc(hidden)]
    pub fn order(&self, other: &Document) -> Option<Ordering> {
        self.with_root(|a| other.with_root(|b| tree::order(a, b)))
    }

    /// A text or a number as an id.
    #[doc(hidden)]
    pub fn as_id(&self) -> Option<String> {
        self.with_root(|root| match root.view() {
            View::String(id) => Some(id.to_owned()),
            View::Number(_) => Some(root.raw().to_owned()),
            _ => None,
        })
    }

    /// The elements of the array at a JSON Pointer, in one pass over the text.
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

    /// The document with another value at a JSON Pointer; the rest keeps its text.
    ///
    /// A member that is missing is added, and so are missing objects on the way to it. In an array the
    /// index may be that of an element, or the length or `-` to append.
    ///
    /// # Errors
    ///
    /// The pointer is malformed, or leads through a scalar or a missing element.
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

    /// The document without the value at a JSON Pointer; the same document when nothing is there, or when
    /// the pointer is that of the whole.
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

    /// Whether the texts are the same, byte by byte.
    pub fn same_text(&self, other: &Document) -> bool {
        self.text == other.text
    }

    /// A document of a text that is known to be JSON.
    #[doc(hidden)]
    pub fn from_trusted(text: impl Into<Arc<str>>) -> Self {
        Self { text: text.into() }
    }

    /// The parsed text, for as long as the closure runs.
    pub(crate) fn with_root<R>(&self, use_it: impl FnOnce(Node<'_>) -> R) -> R {
        use_it(Tape::from_trusted(&self.text).root())
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        if self.text == other.text {
            return true;
        }
        let (a, b) = (
            Tape::from_trusted(&self.text),
            Tape::from_trusted(&other.text),
        );
        tree::same(a.root(), b.root())
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
        f.write_str(&self.text)
    }
}

impl FromStr for Document {
    type Err = JsonError;

    fn from_str(text: &str) -> Result<Self, JsonError> {
        Self::parse(text.as_bytes())
    }
}
