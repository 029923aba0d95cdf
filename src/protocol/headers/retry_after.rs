//! How long a server asks the client to wait.

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};

/// The longest wait that is represented, 2³¹ seconds or 68 years. RFC 9111 1.2.2 sets this bound for a number
/// of seconds that is too large.
///
/// It is short enough to be added to any clock. The actual waits are limited by the retry settings.
pub const LONGEST_WAIT: Duration = Duration::from_secs(1 << 31);

/// Reads the wait that a response asks for.
///
/// It is in `Retry-After`, in seconds or as a date (RFC 9110 10.2.3), or in milliseconds in `retry-after-ms` or
/// `x-ms-retry-after-ms`, which Azure and others use.
///
/// A date is compared with the `Date` field of the response, so that skew between the clocks does not matter.
/// Without a `Date` it is compared with `now`. A date in the past is a wait of zero. Seconds with a decimal
/// point (`2.0`), which some services send, are read as well. A value in any other form counts as absent. If
/// there are several fields, the longest wait counts. The result is at most [`LONGEST_WAIT`].
///
/// # Example
///
/// ```
/// use std::time::{Duration, SystemTime};
/// use http::{header::RETRY_AFTER, HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert(RETRY_AFTER, HeaderValue::from_static("120"));
/// assert_eq!(ifmatch::header_fields::retry_after(&headers, SystemTime::now()), Some(Duration::from_secs(120)));
/// headers.insert("retry-after-ms", HeaderValue::from_static("120500"));
/// assert_eq!(ifmatch::header_fields::retry_after(&headers, SystemTime::now()), Some(Duration::from_millis(120_500)));
/// ```
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let reference = headers.get(DATE).and_then(date).unwrap_or(now);
    let fields = headers.get_all(RETRY_AFTER).iter();
    let standard = fields.filter_map(|value| wait(value, reference)).max();
    let fields = MILLISECONDS.iter().flat_map(|name| headers.get_all(*name));
    let precise = fields.filter_map(|value| decimal(value, 1000)).max();
    standard.max(precise)
}

/// Fields with a wait in milliseconds.
const MILLISECONDS: [&str; 2] = ["retry-after-ms", "x-ms-retry-after-ms"];

fn wait(value: &HeaderValue, reference: SystemTime) -> Option<Duration> {
    if let Some(wait) = decimal(value, 1) {
        return Some(wait);
    }
    let wait = date(value)?.duration_since(reference).unwrap_or_default();
    Some(wait.min(LONGEST_WAIT))
}

/// Reads a number of seconds or parts of a second: digits, optionally followed by a point and more digits.
fn decimal(value: &HeaderValue, parts: u64) -> Option<Duration> {
    let text = value.to_str().ok()?.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    let number = |text: &str| {
        text.bytes().fold(0_u64, |number, digit| {
            let digit = u64::from(digit - b'0');
            number.saturating_mul(10).saturating_add(digit)
        })
    };
    // The resolution is one nanosecond.
    let nanos = number(&format!("{fraction:0<9.9}"));
    let whole = u128::from(number(whole)) * 1_000_000_000;
    let nanos = (whole + u128::from(nanos)) / u128::from(parts);
    let nanos = nanos.min(LONGEST_WAIT.as_nanos());
    u64::try_from(nanos).ok().map(Duration::from_nanos)
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
        for text in [
            "", "-1", "soon", "7s", "+7", "7 7", "1,2", "1.", ".5", "1.2.3", "1e3", "1.-2",
        ] {
            assert_eq!(read(text, None), None, "{text:?}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), SystemTime::now()), None);
    }

    #[test]
    fn seconds_with_a_point_and_milliseconds_are_read() {
        for (name, text, millis) in [
            (RETRY_AFTER.as_str(), "2.0", 2_000),
            (RETRY_AFTER.as_str(), "0.25", 250),
            ("retry-after-ms", "4500", 4_500),
            ("x-ms-retry-after-ms", "1", 1),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_static(text));
            let wait = retry_after(&headers, SystemTime::UNIX_EPOCH);
            assert_eq!(wait, Some(Duration::from_millis(millis)), "{name}: {text}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        headers.insert("retry-after-ms", HeaderValue::from_static("900"));
        let wait = retry_after(&headers, SystemTime::UNIX_EPOCH);
        assert_eq!(wait, Some(Duration::from_secs(1)), "the longest counts");
    }

    #[test]
    fn a_wait_beyond_any_clock_is_cut() {
        for text in [
            "99999999999999999999999999",
            "18446744073709551615",
            "99999999999999999999999999.5",
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
