//! How long a server asks to wait.

use std::time::{Duration, SystemTime};

use http::HeaderMap;
use http::header::{DATE, RETRY_AFTER};

/// A number of seconds beyond which more makes no difference: a hundred years.
const LONGEST: u64 = 100 * 366 * 24 * 60 * 60;

/// The wait that `Retry-After` asks for, in seconds or as a date (RFC 9110 10.2.3).
///
/// A date is taken relative to the server's own clock, its `Date` field, so that skew does not matter;
/// without one, relative to `now`. A date in the past is no wait; what is neither form is `None`.
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
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a u64 has mean "never", not "now".
        let seconds = text.parse().unwrap_or(LONGEST).min(LONGEST);
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let date = headers.get(DATE).and_then(|date| date.to_str().ok());
    let reference = date
        .and_then(|date| httpdate::parse_http_date(date).ok())
        .unwrap_or(now);
    Some(
        then.duration_since(reference)
            .unwrap_or_default()
            .min(Duration::from_secs(LONGEST)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn wait(retry_after_text: &'static str, date: Option<&'static str>) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static(retry_after_text));
        if let Some(date) = date {
            headers.insert(DATE, HeaderValue::from_static(date));
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        retry_after(&headers, now)
    }

    #[test]
    fn both_forms_are_read() {
        assert_eq!(wait("7", None), Some(Duration::from_secs(7)));
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:49:47 GMT", None),
            Some(Duration::from_secs(10))
        );
        assert_eq!(
            wait("Sunday, 06-Nov-94 08:49:47 GMT", None),
            Some(Duration::from_secs(10))
        );
    }

    #[test]
    fn a_date_is_relative_to_the_servers_own_clock() {
        let date = Some("Sun, 06 Nov 1994 07:00:00 GMT");
        assert_eq!(
            wait("Sun, 06 Nov 1994 07:00:05 GMT", date),
            Some(Duration::from_secs(5))
        );
    }

    #[test]
    fn the_past_is_no_wait_and_nonsense_is_none() {
        assert_eq!(
            wait("Sun, 06 Nov 1994 08:00:00 GMT", None),
            Some(Duration::ZERO)
        );
        for text in ["", "-1", "1.5", "soon", "7s", "+7"] {
            assert_eq!(wait(text, None), None, "{text:?}");
        }
    }

    #[test]
    fn numbers_beyond_any_clock_do_not_overflow() {
        assert_eq!(
            wait("99999999999999999999999999", None),
            Some(Duration::from_secs(LONGEST))
        );
    }
}
