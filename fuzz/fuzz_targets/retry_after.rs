//! Any bytes in `Retry-After` and `Date`.
//!
//! Input: the `Date` of the response, then values of `Retry-After`, one per line.
#![no_main]

use std::time::{Duration, SystemTime};

use http::header::{DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue};
use ifmatch::header_fields::{LONGEST_WAIT, retry_after};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let mut headers = HeaderMap::new();
    for (at, line) in bytes.split(|byte| *byte == b'\n').take(8).enumerate() {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(if at == 0 { DATE } else { RETRY_AFTER }, value);
        }
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let wait = retry_after(&headers, now);
    assert!(wait.is_none_or(|wait| wait <= LONGEST_WAIT));
    assert!(wait.is_none() || headers.contains_key(RETRY_AFTER));
    // A whole number of seconds is a wait of just so many, whatever else stands there.
    for value in headers.get_all(RETRY_AFTER) {
        let seconds = value
            .to_str()
            .ok()
            .and_then(|text| text.parse::<u32>().ok());
        if let Some(seconds) = seconds
            && !value.as_bytes().starts_with(b"+")
        {
            let told = Duration::from_secs(seconds.into()).min(LONGEST_WAIT);
            assert!(wait.is_some_and(|wait| wait >= told));
        }
    }
});
