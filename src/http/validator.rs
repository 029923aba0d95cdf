//! What names a version of a representation.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::LAST_MODIFIED;
use http::{HeaderMap, HeaderValue};

/// An entity tag exactly as the server sent it, byte for byte (RFC 9110 8.8.3).
///
/// Tags are opaque: they are compared and sent back, never taken apart. One that breaks the grammar
/// (unquoted, say) is kept as well, because the server that sent it may want it back.
///
/// # Example
///
/// ```
/// use ifmatch::http::EntityTag;
///
/// let weak = EntityTag::from_bytes(b"W/\"1\"").ok_or("no tag")?;
/// let strong = EntityTag::from_bytes(b"\"1\"").ok_or("no tag")?;
/// assert!(weak.weak_eq(&strong) && !weak.strong_eq(&strong));
/// # Ok::<(), &str>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct EntityTag(Bytes);

impl EntityTag {
    /// The longest tag that is kept, in bytes.
    pub const MAX_LEN: usize = 8 * 1024;

    /// A tag from its bytes; `None` if it is empty, too long, or holds bytes that no header can carry.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let fits = !bytes.is_empty() && bytes.len() <= Self::MAX_LEN;
        let carried = HeaderValue::from_bytes(bytes).is_ok();
        (fits && carried).then(|| Self(Bytes::copy_from_slice(bytes)))
    }

    /// A tag from a header value.
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        Self::from_bytes(value.as_bytes())
    }

    /// The bytes, quotes and `W/` included.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The tag as a header value.
    pub fn to_header_value(&self) -> HeaderValue {
        // Checked on the way in; an empty value matches no version, so it can do no harm.
        HeaderValue::from_maybe_shared(self.0.clone()).unwrap_or(HeaderValue::from_static(""))
    }

    /// Whether it is marked weak. The mark is case-sensitive: `w/"x"` is none.
    pub fn is_weak(&self) -> bool {
        self.0.starts_with(b"W/")
    }

    /// Whether it is not marked weak.
    pub fn is_strong(&self) -> bool {
        !self.is_weak()
    }

    /// Whether it keeps to the grammar.
    pub fn is_well_formed(&self) -> bool {
        let opaque = self.opaque();
        let inner = opaque
            .strip_prefix(b"\"")
            .and_then(|rest| rest.strip_suffix(b"\""));
        inner.is_some_and(|inner| {
            inner
                .iter()
                .all(|&byte| byte == 0x21 || (0x23..=0x7E).contains(&byte) || byte >= 0x80)
        })
    }

    fn opaque(&self) -> &[u8] {
        self.0.strip_prefix(b"W/").unwrap_or(&self.0)
    }

    /// Strong comparison (RFC 9110 8.8.3.2): both strong, and the same.
    pub fn strong_eq(&self, other: &Self) -> bool {
        self.is_strong() && self == other
    }

    /// Weak comparison (RFC 9110 8.8.3.2): the same, whatever the marks.
    pub fn weak_eq(&self, other: &Self) -> bool {
        self.opaque() == other.opaque()
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.0))
    }
}

impl fmt::Debug for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntityTag({self})")
    }
}

/// The time of the last change, as the server wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LastModified {
    text: String,
    time: SystemTime,
}

impl LastModified {
    /// From the header of that name; `None` if it is missing or no date.
    pub fn from_header(headers: &HeaderMap) -> Option<Self> {
        headers.get(LAST_MODIFIED)?.to_str().ok()?.parse().ok()
    }

    /// Whether it names one version only: it was read at least a second after the change, so that a
    /// later change would have a later date (RFC 9110 8.8.2.2).
    pub fn is_strong_at(&self, read_at: Option<SystemTime>) -> bool {
        let age = read_at.and_then(|read_at| read_at.duration_since(self.time).ok());
        age.is_some_and(|age| age >= Duration::from_secs(1))
    }

    /// The date as a header value.
    pub fn to_header_value(&self) -> HeaderValue {
        // A date was read from it, so it is visible ASCII.
        HeaderValue::from_str(&self.text).unwrap_or(HeaderValue::from_static(""))
    }
}

/// The text is no HTTP date, or no validator.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("not a validator")]
pub struct NotAValidator;

impl FromStr for LastModified {
    type Err = NotAValidator;

    fn from_str(text: &str) -> Result<Self, NotAValidator> {
        let time = httpdate::parse_http_date(text).map_err(|_| NotAValidator)?;
        let text = text.to_owned();
        Ok(Self { text, time })
    }
}

/// What names one version of a resource.
///
/// As text it can be kept in a web form or a file and read back: a date as it is, a version from a
/// body, a query or a header of its own behind `version:`, and anything else is an entity tag.
///
/// # Example
///
/// ```
/// use ifmatch::http::Validator;
///
/// for text in ["\"abc\"", "version:7-c0ffee", "Sun, 06 Nov 1994 08:49:37 GMT"] {
///     let validator: Validator = text.parse()?;
///     assert_eq!(validator.to_string(), text);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Validator {
    /// An entity tag.
    Tag(EntityTag),
    /// The time of the last change.
    LastModified(LastModified),
    /// A version that travels elsewhere: in the body, the query, a header of its own.
    Version(String),
}

const VERSION: &str = "version:";

impl From<EntityTag> for Validator {
    fn from(tag: EntityTag) -> Self {
        Self::Tag(tag)
    }
}

impl fmt::Display for Validator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::LastModified(date) => f.write_str(&date.text),
            Self::Version(version) => write!(f, "{VERSION}{version}"),
        }
    }
}

impl FromStr for Validator {
    type Err = NotAValidator;

    fn from_str(text: &str) -> Result<Self, NotAValidator> {
        if let Some(version) = text.strip_prefix(VERSION) {
            return Ok(Self::Version(version.to_owned()));
        }
        if let Ok(date) = text.parse() {
            return Ok(Self::LastModified(date));
        }
        EntityTag::from_bytes(text.as_bytes())
            .map(Self::Tag)
            .ok_or(NotAValidator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> EntityTag {
        EntityTag::from_bytes(text.as_bytes()).unwrap_or_else(|| panic!("{text:?}"))
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
            assert_eq!(
                (tag(a).strong_eq(&tag(b)), tag(a).weak_eq(&tag(b))),
                (strong, weak),
                "{a} {b}"
            );
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
            let tag = EntityTag::from_bytes(bytes).map(|tag| tag.to_header_value());
            assert_eq!(tag.as_ref().map(HeaderValue::as_bytes), Some(bytes));
        }
        assert!(
            tag("\"\"").is_well_formed()
                && !tag("x").is_well_formed()
                && !tag("w/\"x\"").is_well_formed()
        );
        assert!(tag("w/\"x\"").is_strong());
    }

    #[test]
    fn what_no_header_can_carry_is_no_tag() {
        let long = vec![b'x'; EntityTag::MAX_LEN + 1];
        for bytes in [&b""[..], b"\"a\r\nX: y\"", b"\0", &long] {
            assert!(EntityTag::from_bytes(bytes).is_none());
        }
    }

    #[test]
    fn a_date_is_strong_once_it_is_a_second_old() -> Result<(), NotAValidator> {
        let date: LastModified = "Sun, 06 Nov 1994 08:49:37 GMT".parse()?;
        let at = |seconds: u64| {
            Some(SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777 + seconds))
        };
        assert!(!date.is_strong_at(at(0)) && date.is_strong_at(at(1)) && !date.is_strong_at(None));
        Ok(())
    }
}
