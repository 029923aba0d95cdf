//! The date of the last change as a validator.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use http::header::LAST_MODIFIED;
use http::{HeaderMap, HeaderValue};

/// The time of the last change, as the server wrote it (RFC 9110 8.8.2).
///
/// The text is kept and sent back unchanged, because some servers compare it as text. Dates are in whole
/// seconds, so two writes within one second have the same date. See [`is_strong_at`](Self::is_strong_at).
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ifmatch::header_fields::LastModified;
///
/// let date: LastModified = "Sun, 06 Nov 1994 08:49:37 GMT".parse()?;
/// assert!(!date.is_strong_at(Some(date.time())));
/// assert!(date.is_strong_at(Some(date.time() + Duration::from_secs(1))));
/// # Ok::<(), ifmatch::header_fields::InvalidValidator>(())
/// ```
// Stored as a header value, so that sending cannot fail.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct LastModified {
    text: HeaderValue,
    time: SystemTime,
}

/// The age from which a date names only one version (RFC 9110 8.8.2.2).
const SETTLED_AFTER: Duration = Duration::from_secs(1);

impl LastModified {
    /// Reads the field `Last-Modified`. Returns `None` if it is missing or is not an HTTP date in one of the
    /// three forms (RFC 9110 5.6.7).
    pub fn from_header(headers: &HeaderMap) -> Option<Self> {
        Self::from_value(headers.get(LAST_MODIFIED)?)
    }

    fn from_value(value: &HeaderValue) -> Option<Self> {
        let time = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
        let text = value.clone();
        Some(Self { text, time })
    }

    /// Returns the date as the server wrote it.
    pub fn as_str(&self) -> &str {
        // A date was parsed from it, so it is visible ASCII.
        self.text.to_str().unwrap_or_default()
    }

    /// Returns the point in time.
    pub fn time(&self) -> SystemTime {
        self.time
    }

    /// Returns the date as a header value with the same bytes.
    pub fn to_header_value(&self) -> HeaderValue {
        self.text.clone()
    }

    /// Whether the date names only one version, if the response with it was created at `date`.
    ///
    /// A date is implicitly weak. It is strong if the response's `Date` is at least one second later, because
    /// any further change then has another date (RFC 9110 8.8.2.2). Both must come from the same clock, so
    /// pass the response's own `Date`. With `None`, an unknown time, the date is never strong.
    pub fn is_strong_at(&self, date: Option<SystemTime>) -> bool {
        date.and_then(|date| date.duration_since(self.time).ok())
            .is_some_and(|age| age >= SETTLED_AFTER)
    }
}

/// The error for a text that names no version: neither an entity tag, a date nor a `version:`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the text is not a validator")]
pub struct InvalidValidator;

impl FromStr for LastModified {
    type Err = InvalidValidator;

    /// Parses an HTTP date.
    ///
    /// # Errors
    ///
    /// Returns [`InvalidValidator`] if the text is not in one of the three forms (RFC 9110 5.6.7).
    fn from_str(text: &str) -> Result<Self, InvalidValidator> {
        let value = HeaderValue::from_str(text).map_err(|_| InvalidValidator)?;
        Self::from_value(&value).ok_or(InvalidValidator)
    }
}

impl fmt::Display for LastModified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for LastModified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LastModified({self})")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn all_three_forms_are_read_and_kept() {
        let forms = [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ];
        for text in forms {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(text));
            let date = LastModified::from_header(&headers).unwrap();
            assert_eq!(
                date.time(),
                SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777)
            );
            assert_eq!(date.to_header_value(), text);
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "0",
            "yesterday",
            "Mon, 31 Feb 1994 08:49:37 GMT",
            "1994-11-06",
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(LAST_MODIFIED, HeaderValue::from_static(text));
            assert_eq!(LastModified::from_header(&headers), None, "{text}");
        }
        assert_eq!(LastModified::from_header(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_is_strong_once_it_is_a_second_old() {
        let date: LastModified = "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap();
        assert!(!date.is_strong_at(Some(date.time())));
        assert!(!date.is_strong_at(Some(date.time() - Duration::from_secs(9))));
        assert!(date.is_strong_at(Some(date.time() + Duration::from_secs(1))));
        assert!(!date.is_strong_at(None));
    }

    proptest! {
        #[test]
        fn any_text_is_a_date_or_none(text: String) {
            if let Ok(date) = text.parse::<LastModified>() {
                prop_assert_eq!(date.as_str(), text);
            }
        }
    }
}
