//! The remaining quota that a server reports.

use std::time::{Duration, SystemTime};

use http::header::DATE;
use http::{HeaderMap, HeaderValue};

use super::retry_after::LONGEST_WAIT;

/// The remainder of a quota, and the time until it is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Quota {
    /// The number of requests that may still be sent.
    pub(crate) left: u64,
    /// The time until the quota is renewed.
    pub(crate) reset: Duration,
}

/// The longest field that is read, in bytes.
const LONGEST_FIELD: usize = 1024;
/// The range of numbers that are seconds since 1970. No wait is that long.
const SECONDS: std::ops::Range<u64> = 1_000_000_000..100_000_000_000;
/// Milliseconds since 1970.
const MILLISECONDS: std::ops::Range<u64> = 1_000_000_000_000..100_000_000_000_000;
/// A year in seconds, the longest time to wait in these fields.
const YEAR: u64 = 366 * 24 * 60 * 60;

/// Returns the quota in a response that is nearest to its end.
///
/// `RateLimit` and `RateLimit-Policy` are read as in draft-ietf-httpapi-ratelimit-headers-10, where both are
/// structured fields (RFC 9651): `RateLimit: "burst";r=3;t=7`. If `t` is missing, the window `w` of the
/// policy with that name is used. A quota in units other than requests counts only when it is used up. Two
/// earlier forms are read as well. One is `RateLimit-Remaining` with `RateLimit-Reset`. The other is
/// `X-RateLimit-Remaining` with `X-RateLimit-Reset-After` or `X-RateLimit-Reset`, also spelled `X-Rate-Limit-…`. A
/// reset is a number of seconds to wait, or the time since 1970, which cannot be confused. It may have a decimal
/// point. Malformed fields count as absent.
pub(crate) fn rate_limit(headers: &HeaderMap, now: SystemTime) -> Option<Quota> {
    structured(headers).or_else(|| {
        let now = clock(headers).unwrap_or(now);
        let mut pairs = PAIRS.iter();
        pairs.find_map(|(left, reset)| pair(headers, left, reset, now))
    })
}

/// The fields of earlier forms: what is left, and when it is renewed.
const PAIRS: [(&str, &str); 4] = [
    ("ratelimit-remaining", "ratelimit-reset"),
    ("x-ratelimit-remaining", "x-ratelimit-reset-after"),
    ("x-ratelimit-remaining", "x-ratelimit-reset"),
    ("x-rate-limit-remaining", "x-rate-limit-reset"),
];

fn structured(headers: &HeaderMap) -> Option<Quota> {
    if !headers.contains_key("ratelimit") {
        return None;
    }
    let policies = items(headers, "ratelimit-policy").unwrap_or_default();
    let quotas = items(headers, "ratelimit")?;
    let quotas = quotas.iter().filter_map(|item| {
        let policy = policies.iter().find(|policy| policy.name == item.name);
        let of_policy = |key| policy.and_then(|policy| policy.parameter(key));
        let left = number(item.parameter("r")?)?;
        let reset = item.parameter("t").or_else(|| of_policy("w"));
        let unit = of_policy("qu").map_or("requests", |unit| unit.trim_matches('"'));
        (left == 0 || unit == "requests").then_some(Quota {
            left,
            reset: seconds(number(reset?)?),
        })
    });
    quotas.min_by_key(|quota| (quota.left, std::cmp::Reverse(quota.reset)))
}

fn pair(headers: &HeaderMap, left: &str, reset: &str, now: SystemTime) -> Option<Quota> {
    let only = |name| {
        let mut values = headers.get_all(name).iter();
        let value = values.next().filter(|_| values.next().is_none())?;
        Some(value.to_str().ok()?.trim())
    };
    // A part of a second is a whole one to wait.
    let reset = only(reset)?;
    let (whole, part) = reset.split_once('.').unwrap_or((reset, "0"));
    let part = u64::from(number(part.get(..9).unwrap_or(part))? > 0);
    Some(Quota {
        left: number(only(left)?)?,
        reset: seconds_or_time(number(whole)? + part, now)?,
    })
}

fn seconds(number: u64) -> Duration {
    Duration::from_secs(number).min(LONGEST_WAIT)
}

fn seconds_or_time(number: u64, now: SystemTime) -> Option<Duration> {
    let since_1970 = if number <= YEAR {
        return Some(seconds(number));
    } else if SECONDS.contains(&number) {
        Duration::from_secs(number)
    } else if MILLISECONDS.contains(&number) {
        Duration::from_millis(number)
    } else {
        return None;
    };
    let wait = (SystemTime::UNIX_EPOCH + since_1970).duration_since(now);
    Some(wait.unwrap_or_default().min(LONGEST_WAIT))
}

fn clock(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?.trim()).ok()
}

/// Reads a number of at most 15 digits (RFC 9651 3.3.1).
fn number(text: &str) -> Option<u64> {
    let digits = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// An item of a structured list, with its parameters as they are written.
struct ListItem<'a> {
    name: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
}

impl<'a> ListItem<'a> {
    /// The last parameter with that name counts (RFC 9651 3.1.2).
    fn parameter(&self, key: &str) -> Option<&'a str> {
        let mut from_the_last = self.parameters.iter().rev();
        from_the_last
            .find(|(name, _)| *name == key)
            .map(|(_, value)| *value)
    }
}

/// The items of all fields with that name, or `None` if something in them is malformed.
fn items<'a>(headers: &'a HeaderMap, name: &str) -> Option<Vec<ListItem<'a>>> {
    let mut items = Vec::new();
    for value in headers.get_all(name) {
        for item in parts(text(value)?, ',') {
            let mut parts = parts(item?, ';').into_iter();
            let name = parts.next()??;
            let parameters = parts.map(|parameter| {
                let (key, value) = parameter?.split_once('=').unwrap_or((parameter?, "?1"));
                (!key.is_empty() && !value.is_empty()).then_some((key, value))
            });
            items.push(ListItem {
                name: Some(name).filter(|name| !name.is_empty())?,
                parameters: parameters.collect::<Option<_>>()?,
            });
        }
    }
    Some(items)
}

fn text(value: &HeaderValue) -> Option<&str> {
    value
        .to_str()
        .ok()
        .filter(|text| text.len() <= LONGEST_FIELD)
}

/// Splits a text at the separators outside strings. A final `None` stands for an unterminated string.
fn parts(text: &str, separator: char) -> Vec<Option<&str>> {
    let (mut quoted, mut escaped) = (false, false);
    let mut parts: Vec<_> = text
        .split(|c| {
            let here = c == separator && !quoted;
            quoted ^= c == '"' && !escaped;
            escaped = quoted && c == '\\' && !escaped;
            here
        })
        .map(|part| Some(part.trim()))
        .collect();
    if quoted {
        parts.push(None);
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_700_000_000);

    fn read(fields: &[(&'static str, &'static str)]) -> Option<(u64, u64)> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        let quota = rate_limit(&headers, SystemTime::UNIX_EPOCH + NOW)?;
        Some((quota.left, quota.reset.as_secs()))
    }

    #[test]
    fn the_quota_that_ends_first_counts() {
        for (field, quota) in [
            ("\"default\";r=50;t=30", (50, 30)),
            ("default;r=50;t=30", (50, 30)),
            ("\"min\";r=20;t=23, \"hour\";r=3;t=2402", (3, 2402)),
            ("\"a\";r=0;t=2,\"b\";r=0;t=5", (0, 5)),
            ("\"a,b;r=9\\\";\"; r=1; t=2; x", (1, 2)),
            ("\"a\";r=5;t=9;r=4", (4, 9)),
        ] {
            assert_eq!(read(&[("ratelimit", field)]), Some(quota), "{field}");
        }
        let split = [
            ("ratelimit", "\"a\";r=5;t=1"),
            ("ratelimit", "\"b\";r=2;t=3"),
        ];
        assert_eq!(read(&split), Some((2, 3)));
    }

    #[test]
    fn what_the_quota_leaves_open_its_policy_tells() {
        let policy = (
            "ratelimit-policy",
            "\"day\";q=9;w=86400, \"burst\";q=10;w=60",
        );
        assert_eq!(
            read(&[("ratelimit", "\"burst\";r=0"), policy]),
            Some((0, 60))
        );
        assert_eq!(read(&[("ratelimit", "\"other\";r=0"), policy]), None);
        assert_eq!(read(&[policy]), None);
        let bytes = ("ratelimit-policy", "\"a\";q=9;qu=\"content-bytes\"");
        assert_eq!(read(&[("ratelimit", "\"a\";r=7;t=3"), bytes]), None);
        assert_eq!(read(&[("ratelimit", "\"a\";r=0;t=3"), bytes]), Some((0, 3)));
    }

    #[test]
    fn earlier_forms_count_where_they_say_one_thing_only() {
        let plain = |reset| read(&[("ratelimit-remaining", "3"), ("ratelimit-reset", reset)]);
        assert_eq!(plain("7"), Some((3, 7)));
        // GitLab.
        assert_eq!(plain("1700000009"), Some((3, 9)));
        assert_eq!(plain("Tue, 14 Nov 2023 22:13:20 GMT"), None);
        let old = |reset| read(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", reset)]);
        assert_eq!(old("7"), Some((0, 7)));
        assert_eq!(old("1700000009"), Some((0, 9)));
        assert_eq!(old("1700000009000"), Some((0, 9)));
        assert_eq!(old("1600000000"), Some((0, 0)));
        assert_eq!(old("100000000"), None);
        assert_eq!(old("2023-11-14T22:13:20Z"), None);
        assert_eq!(read(&[("x-ratelimit-remaining", "0")]), None);
        // Discord.
        let discord = [
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1700000001.100"),
            ("x-ratelimit-reset-after", "1.1"),
        ];
        assert_eq!(read(&discord), Some((0, 2)));
        assert_eq!(old("1700000008.5"), Some((0, 9)));
        for malformed in ["1.", ".5", "1.x", "1.2.3"] {
            assert_eq!(old(malformed), None, "{malformed}");
        }
        // Okta.
        let okta = [
            ("x-rate-limit-remaining", "0"),
            ("x-rate-limit-reset", "1700000009"),
        ];
        assert_eq!(read(&okta), Some((0, 9)));
        let twice = [
            ("ratelimit-remaining", "3"),
            ("ratelimit-remaining", "4"),
            ("ratelimit-reset", "1"),
        ];
        assert_eq!(read(&twice), None);
    }

    #[test]
    fn what_is_malformed_counts_as_absent() {
        for field in [
            "",
            ";",
            "\"a",
            "\"a\";r",
            "\"a\";r=",
            "\"a\";r=-1;t=1",
            "\"a\";r=1.5;t=1",
            "\"a\";r=1;t=soon",
            "\"a\";r=0;t=1;=",
            "\"a\";r=0;t=1,",
            "limit=10, remaining=0, reset=5",
            "\"a\";r=0;t=9999999999999999",
        ] {
            assert_eq!(read(&[("ratelimit", field)]), None, "{field}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(field in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(value) = HeaderValue::from_bytes(&field) {
                for name in ["ratelimit", "x-ratelimit-reset"] {
                    let mut headers = HeaderMap::new();
                    headers.insert("x-ratelimit-remaining", HeaderValue::from_static("0"));
                    headers.insert(name, value.clone());
                    let quota = rate_limit(&headers, SystemTime::UNIX_EPOCH);
                    prop_assert!(quota.is_none_or(|quota| quota.reset <= LONGEST_WAIT));
                }
            }
        }
    }
}
