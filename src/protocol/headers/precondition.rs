//! Preconditions of a write, as data.

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::entity_tag::EntityTag;
use super::last_modified::LastModified;
use super::validator::Validator;

/// The headers that make a request conditional (RFC 9110 13.1).
pub(crate) const CONDITIONS: [HeaderName; 5] = [
    IF_MATCH,
    IF_UNMODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_RANGE,
];

/// The precondition that a write carries (RFC 9110 13.1).
///
/// # Example
///
/// ```
/// use http::HeaderMap;
/// use ifmatch::header_fields::{Precondition, Validator};
///
/// let version: Validator = "\"7\"".parse()?;
/// let mut headers = HeaderMap::new();
/// Precondition::for_validator(&version).apply(&mut headers);
/// assert_eq!(headers["if-match"], "\"7\"");
/// # Ok::<(), ifmatch::header_fields::InvalidValidator>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Precondition {
    /// The representation still has this tag.
    ///
    /// The tag is sent unchanged. A server that follows the standard lets a weak tag match nothing (RFC 9110
    /// 13.1.1). The versioning decides whether a weak tag is sent at all.
    IfMatch(EntityTag),
    /// The resource has not changed since this date. For resources without tags (RFC 9110 13.1.4).
    IfUnmodifiedSince(LastModified),
    /// Nothing exists yet. This is the precondition of a creation.
    IfNoneMatchAny,
    /// The version is still this one, which is not in a standard header. The versioning places it in the
    /// request.
    Version(String),
    /// No precondition.
    None,
}

impl Precondition {
    /// Creates the precondition that this is still the version.
    pub fn for_validator(validator: &Validator) -> Self {
        match validator {
            Validator::Tag(tag) => Self::IfMatch(tag.clone()),
            Validator::LastModified(date) => Self::IfUnmodifiedSince(date.clone()),
            Validator::Version(version) => Self::Version(version.clone()),
        }
    }

    /// Whether there is a precondition at all.
    pub fn is_conditional(&self) -> bool {
        *self != Self::None
    }

    /// Sets this precondition in the headers, and removes all others.
    ///
    /// No other precondition may remain from an earlier round. The server would check only the first in its
    /// order (RFC 9110 13.2.2). [`Version`](Self::Version) and [`None`](Self::None) add nothing.
    pub fn apply(&self, headers: &mut HeaderMap) {
        for name in CONDITIONS {
            headers.remove(name);
        }
        let (name, value) = match self {
            Self::IfMatch(tag) => (IF_MATCH, tag.to_header_value()),
            Self::IfUnmodifiedSince(date) => (IF_UNMODIFIED_SINCE, date.to_header_value()),
            Self::IfNoneMatchAny => (IF_NONE_MATCH, HeaderValue::from_static("*")),
            Self::Version(_) | Self::None => return,
        };
        headers.insert(name, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn applied(precondition: &Precondition) -> Vec<(String, String)> {
        let mut headers = HeaderMap::new();
        headers.insert(
            IF_MATCH,
            HeaderValue::from_static("\"of an earlier round\""),
        );
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("*"));
        precondition.apply(&mut headers);
        let text = |(name, value): (&http::HeaderName, &HeaderValue)| {
            (name.to_string(), value.to_str().unwrap().to_owned())
        };
        headers.iter().map(text).collect()
    }

    #[test]
    fn a_write_carries_exactly_one_condition() {
        for (validator, name, value) in [
            ("\"7\"", "if-match", "\"7\""),
            ("W/\"7\"", "if-match", "W/\"7\""),
            ("etag:7", "if-match", "7"),
            (
                "Sun, 06 Nov 1994 08:49:37 GMT",
                "if-unmodified-since",
                "Sun, 06 Nov 1994 08:49:37 GMT",
            ),
        ] {
            let precondition = Precondition::for_validator(&validator.parse().unwrap());
            assert!(precondition.is_conditional());
            assert_eq!(applied(&precondition), [(name.into(), value.into())]);
        }
        let create = [("if-none-match".to_owned(), "*".to_owned())];
        assert_eq!(applied(&Precondition::IfNoneMatchAny), create);
    }

    #[test]
    fn a_version_of_the_body_is_a_condition_without_a_header() {
        let version = Precondition::for_validator(&"version:7".parse().unwrap());
        assert_eq!(version, Precondition::Version("7".to_owned()));
        assert!(version.is_conditional() && !Precondition::None.is_conditional());
        assert!(applied(&version).is_empty() && applied(&Precondition::None).is_empty());
    }

    proptest! {
        #[test]
        fn a_tag_goes_out_byte_for_byte_and_alone(bytes: Vec<u8>, quoted: String) {
            let quoted = format!("\"{quoted}\"").into_bytes();
            for tag in [bytes, quoted].iter().filter_map(|bytes| EntityTag::from_bytes(bytes)) {
                let mut headers = HeaderMap::new();
                headers.insert(IF_UNMODIFIED_SINCE, HeaderValue::from_static("x"));
                Precondition::IfMatch(tag.clone()).apply(&mut headers);
                prop_assert_eq!(headers.len(), 1);
                prop_assert_eq!(headers[IF_MATCH].as_bytes(), tag.as_bytes());
            }
        }
    }
}
