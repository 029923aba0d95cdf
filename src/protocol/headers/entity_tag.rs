//! Entity tags, kept unchanged.

use std::fmt;

use http::HeaderValue;

/// An entity tag exactly as the server sent it, byte for byte (RFC 9110 8.8.3).
///
/// A tag is opaque. It is compared and sent back, but never split or ordered. A tag that breaks the grammar,
/// for example one without quotes, is kept as well, because the server may expect it back in exactly that
/// form. Clones share the bytes.
///
/// # Default
///
/// A tag has at most [`MAX_LEN`](Self::MAX_LEN) bytes: 8 KiB.
///
/// # Example
///
/// ```
/// use ifmatch::header_fields::EntityTag;
///
/// let weak = EntityTag::from_bytes(b"W/\"1\"").ok_or("no tag")?;
/// let strong = EntityTag::from_bytes(b"\"1\"").ok_or("no tag")?;
/// assert!(weak.weak_eq(&strong) && !weak.strong_eq(&strong));
/// # Ok::<(), &str>(())
/// ```
// Stored as a header value, so that cloning is cheap and sending cannot fail.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityTag(HeaderValue);

/// The mark of a weak tag. It is case-sensitive in the grammar (RFC 9110 8.8.3).
const WEAK: &[u8] = b"W/";
/// What Apache's `mod_deflate` puts before the closing quote of a tag.
const GZIP_SUFFIX: &[u8] = b"-gzip\"";

impl EntityTag {
    /// The longest tag that is kept, in bytes.
    pub const MAX_LEN: usize = 8 * 1024;

    /// Creates a tag from its bytes, including the quotes and `W/`.
    ///
    /// Returns `None` for a value that cannot be sent back as *one* tag. Such a value is empty, has bytes
    /// that are not allowed in a header or more than [`MAX_LEN`](Self::MAX_LEN) bytes, is `*`, or has a comma
    /// outside a quoted tag. The last two mean "any version" and "any of these" in `If-Match` (RFC 9110
    /// 13.1.1), so a write would lose its protection. Spaces around a value are not part of it (RFC 9110
    /// 5.5).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::header_fields::EntityTag;
    ///
    /// assert!(EntityTag::from_bytes(b"\"a,b\"").is_some());
    /// assert!(EntityTag::from_bytes(b"unquoted").is_some());
    /// assert!(EntityTag::from_bytes(b"*").is_none());
    /// assert!(EntityTag::from_bytes(b"\"a\", \"b\"").is_none());
    /// ```
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let bytes = trim(bytes);
        if bytes.is_empty() || bytes.len() > Self::MAX_LEN {
            return None;
        }
        let tag = Self(HeaderValue::from_bytes(bytes).ok()?);
        (tag.is_well_formed() || !(bytes == b"*" || bytes.contains(&b','))).then_some(tag)
    }

    /// Creates a tag from a header value, under the conditions of [`from_bytes`](Self::from_bytes).
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        Self::from_bytes(value.as_bytes())
    }

    /// Returns the bytes, including the quotes and `W/`.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the tag as a header value with the same bytes.
    pub fn to_header_value(&self) -> HeaderValue {
        self.0.clone()
    }

    /// Whether the tag follows the grammar: it is quoted, with or without `W/` before the quotes.
    pub fn is_well_formed(&self) -> bool {
        is_opaque_tag(self.unmarked())
    }

    /// Whether the tag is weak: `W/` and a quoted string. `w/"x"` is malformed, not weak.
    pub fn is_weak(&self) -> bool {
        self.as_bytes().starts_with(WEAK) && self.is_well_formed()
    }

    /// Whether the tag is strong: a quoted string and nothing before it.
    ///
    /// A malformed tag is neither strong nor weak.
    pub fn is_strong(&self) -> bool {
        is_opaque_tag(self.as_bytes())
    }

    /// Whether both tags are strong and equal (strong comparison, RFC 9110 8.8.3.2).
    ///
    /// `If-Match` uses this comparison, so the result shows whether a server that follows the standard would
    /// accept a write. Use `==` to compare the bytes of two tags.
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.is_strong() && self == other
    }

    /// Whether the tags are equal, apart from their `W/` (weak comparison, RFC 9110 8.8.3.2).
    ///
    /// Malformed tags are compared by their bytes.
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque_part() == other.opaque_part()
    }

    /// Returns the tag without its `W/`, but with its quotes. A malformed tag is returned unchanged.
    pub fn opaque_part(&self) -> &[u8] {
        if self.is_weak() {
            self.unmarked()
        } else {
            self.as_bytes()
        }
    }

    /// Returns the tag without the `-gzip` that a compressing proxy added before its closing quote, or `None`
    /// if it has no `-gzip`.
    ///
    /// Apache's `mod_deflate` sends `"x-gzip"` for a resource with the tag `"x"`, and then refuses
    /// `If-Match: "x-gzip"`. Use this only for servers that are known to do so. Otherwise the suffix is part
    /// of an opaque tag.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::header_fields::EntityTag;
    ///
    /// let tag = EntityTag::from_bytes(b"\"73b-gzip\"").ok_or("no tag")?;
    /// assert_eq!(tag.without_gzip_suffix(), EntityTag::from_bytes(b"\"73b\""));
    /// # Ok::<(), &str>(())
    /// ```
    pub fn without_gzip_suffix(&self) -> Option<Self> {
        if !self.is_well_formed() {
            return None;
        }
        let rest = self.as_bytes().strip_suffix(GZIP_SUFFIX)?;
        Self::from_bytes(&[rest, b"\""].concat())
    }

    fn unmarked(&self) -> &[u8] {
        let bytes = self.as_bytes();
        bytes.strip_prefix(WEAK).unwrap_or(bytes)
    }
}

/// Whether the bytes are an `opaque-tag` of the grammar, which has no escaping.
fn is_opaque_tag(bytes: &[u8]) -> bool {
    let inner = bytes
        .strip_prefix(b"\"")
        .and_then(|rest| rest.strip_suffix(b"\""));
    inner.is_some_and(|inner| {
        inner
            .iter()
            .all(|byte| matches!(byte, 0x21 | 0x23..=0x7E | 0x80..))
    })
}

/// Removes the spaces and tabs around a field value (RFC 9110 5.5).
fn trim(bytes: &[u8]) -> &[u8] {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let Some(start) = bytes.iter().position(|byte| !space(byte)) else {
        return &[];
    };
    let end = bytes.iter().rposition(|byte| !space(byte)).unwrap_or(start);
    bytes.get(start..=end).unwrap_or(&[])
}

/// The tag as text. Bytes that are not UTF-8 are replaced.
impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.as_bytes()))
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityTag({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::from_bytes(text.as_bytes()).unwrap()
    }

    #[test]
    fn comparison_follows_the_table_of_the_standard() {
        // RFC 9110 8.8.3.2, table 3.
        for (a, b, strong, weak) in [
            ("W/\"1\"", "W/\"1\"", false, true),
            ("W/\"1\"", "W/\"2\"", false, false),
            ("W/\"1\"", "\"1\"", false, true),
            ("\"1\"", "\"1\"", true, true),
        ] {
            let (a, b) = (tag(a), tag(b));
            assert_eq!((a.strong_eq(&b), a.weak_eq(&b)), (strong, weak), "{a} {b}");
        }
    }

    #[test]
    fn the_grammar_sorts_tags_into_strong_weak_and_malformed() {
        for (text, strong, weak) in [
            ("\"\"", true, false),
            ("\"a\\b\"", true, false),
            ("\"a,b\"", true, false),
            ("W/\"\"", false, true),
            ("W/\"datetime'2026-11-21T04%3A39%3A57Z'\"", false, true),
            ("w/\"x\"", false, false),
            ("W/x", false, false),
            ("W/", false, false),
            ("\"", false, false),
            ("\"a b\"", false, false),
            ("\"a\"b\"", false, false),
            ("12", false, false),
        ] {
            let tag = tag(text);
            assert_eq!((tag.is_strong(), tag.is_weak()), (strong, weak), "{text}");
            assert_eq!(tag.is_well_formed(), strong || weak, "{text}");
        }
    }

    #[test]
    fn tags_come_back_byte_for_byte() {
        for bytes in [
            &b"\"\""[..],
            b"unquoted",
            b"w/\"x\"",
            b"\"\xff\xfe\"",
            b"\"a\\b\"",
            b"W/x",
        ] {
            let tag = EntityTag::from_bytes(bytes).unwrap();
            assert_eq!(tag.to_header_value().as_bytes(), bytes);
        }
    }

    #[test]
    fn what_cannot_go_back_as_one_tag_is_none() {
        let long = [b'x'; EntityTag::MAX_LEN + 1];
        for bytes in [
            &b""[..],
            b" \t",
            b"\"a\r\nX: y\"",
            b"\0",
            b"*",
            b" * ",
            b"a,*",
            b"\"a\", \"b\"",
            b"W/\"a\",\"b\"",
            &long,
        ] {
            assert_eq!(EntityTag::from_bytes(bytes), None);
        }
        assert!(EntityTag::from_bytes(&long[1..]).is_some());
    }

    #[test]
    fn the_suffix_of_a_compressing_proxy_comes_off() {
        let without = |text: &str| tag(text).without_gzip_suffix().map(|tag| tag.to_string());
        assert_eq!(without("\"x-gzip\"").as_deref(), Some("\"x\""));
        assert_eq!(without("W/\"x-gzip\"").as_deref(), Some("W/\"x\""));
        assert_eq!(without("\"-gzip\"").as_deref(), Some("\"\""));
        assert_eq!(without("\"x\""), None);
        assert_eq!(without("x-gzip"), None);
        assert_eq!(without("-gzip\""), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_tag_or_none_and_never_a_panic(bytes: Vec<u8>) {
            if let Some(tag) = EntityTag::from_bytes(&bytes) {
                prop_assert_eq!(EntityTag::from_bytes(tag.as_bytes()), Some(tag.clone()));
                prop_assert!(!(tag.is_strong() && tag.is_weak()));
                prop_assert!(tag.weak_eq(&tag));
                prop_assert_eq!(tag.strong_eq(&tag), tag.is_strong());
                let _ = (tag.without_gzip_suffix(), tag.to_string(), format!("{tag:?}"));
            }
        }
    }
}
