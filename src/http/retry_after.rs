//! How long a server asks to wait.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

/// The longest wait that is told apart from "for ever": 2³¹ seconds, 68 years (the bound that
/// RFC 9111 1.2.2 sets for a number of seconds that is too large).
///
/// Short enough to be added to any clock. How long to wait in earnest is decided higher up.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1 << 31);

/// The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110 10.2.3).
///
/// A date is taken relative to the server's own clock, its `Date` field, so that skew between the
/// clocks does not matter; without one, relative to `now`. A date in the past is no wait. What is
/// neither form counts as absent, and of several fields the longest wait counts. Never more than
/// [`LONGEST_WAIT`].
///
/// # Example
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::{header::RETRY_AFTER, HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(RETRY_AFTER, HeaderValue::from_static("120"));
/// assert_eq!(ifmatch::http::retry_after(&headers, SystemTime::now()), Some(Duration::from_secs(120)));
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let reference = headers.get(DATE).and_then(date).unwrap_or(now);
    headers
        .get_all(RETRY_AFTER)
        .iter()
        .filter_map(|value| wait(value, reference))
        .max()
}

fn wait(value: &HeaderValue, reference: SystemTime) -> Option<Duration> {
    let digits = value.as_bytes().trim_ascii();
    if !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) {
        let seconds = digits.iter().fold(0_u64, |seconds, digit| {
            let digit = u64::from(digit - b'0');
            seconds.saturating_mul(10).saturating_add(digit)
        });
        return Some(Duration::from_secs(seconds).min(LONGEST_WAIT));
    }
    let wait = date(value)?.duration_since(reference).unwrap_or_default();
    Some(wait.min(LONGEST_WAIT))
}

fn date(value: &HeaderValue) -> Option<SystemTime> {
    httpdate::parse_http_date(value.to_str().ok()?.trim()).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(retry_after_text: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after_text));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        // Sun, 06 Nov 1994 08:49:37 GMT
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now)
    }

    #[test]
    fn both_forms_are_read() {
        for (text, seconds) in [
            ("7", 7),
            ("0", 0),
            ("007", 7),
            ("Sun, 06 Nov 1994 08:49:47 GMT", 10),
            ("Sunday, 06-Nov-94 08:49:47 GMT", 10),
            ("Sun Nov  6 08:49:47 1994", 10),
        ] {
            assert_eq!(
                read(text, None),
                Some(Duration::from_secs(seconds)),
                "{text}"
            );
        }
    }

    #[test]
    fn a_date_is_relative_to_the_servers_own_clock() {
        let then = "Sun, 06 Nov 1994 07:00:05 GMT";
        let server = Some("Sun, 06 Nov 1994 07:00:00 GMT");
        assert_eq!(read(then, server), Some(Duration::from_secs(5)));
        assert_eq!(read(then, Some("no date")), Some(Duration::ZERO));
        assert_eq!(read("5", server), Some(Duration::from_secs(5)));
    }

    #[test]
    fn the_past_is_no_wait_and_nonsense_is_none() {
        let past = "Sun, 06 Nov 1994 08:00:00 GMT";
        assert_eq!(read(past, None), Some(Duration::ZERO));
        for text in ["", "-1", "1.5", "soon", "7s", "+7", "7 7", "1,2"] {
            assert_eq!(read(text, None), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn a_wait_beyond_any_clock_is_cut() {
        for text in [
            "99999999999999999999999999",
            "18446744073709551615",
            "Fri, 31 Dec 9999 23:59:59 GMT",
        ] {
            assert_eq!(read(text, None), Some(LONGEST_WAIT), "{text}");
        }
    }

    #[test]
    fn of_several_fields_the_longest_wait_counts() {
        let mut headers = HeaderMap::new();
        for text in ["3", "soon", "9", "5"] {
            headers.append(RETRY_AFTER, HeaderValue::from_static(text));
        }
        let wait = retry_after(&headers, SystemTime::UNIX_EPOCH);
        assert_eq!(wait, Some(Duration::from_secs(9)));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_bounded_wait_or_none(value: Vec<u8>, date: Vec<u8>, now: u32) {
            let mut headers = HeaderMap::new();
            for (name, bytes) in [(RETRY_AFTER, value), (DATE, date)] {
                if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                    headers.insert(name, value);
                }
            }
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(now.into());
            prop_assert!(retry_after(&headers, now).is_none_or(|wait| wait <= LONGEST_WAIT));
        }
    }
}
