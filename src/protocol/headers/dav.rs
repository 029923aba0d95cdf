//! The header fields of `WebDAV` locks: the token of a lock, and for how long it is granted (RFC 4918 10).

use std::fmt;
use std::time::Duration;

use http::HeaderValue;

/// The longest lock token that is accepted, in bytes.
const LONGEST_TOKEN: usize = 1_024;
/// What precedes the number of seconds in a timeout.
const SECOND: &str = "Second-";

/// The token of a lock, which lets its sender write to what is locked (RFC 4918 6.5). Its debug form hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct LockToken {
    uri: String,
    coded: HeaderValue,
    condition: HeaderValue,
}

impl LockToken {
    /// Reads a token. Returns `None` if it cannot be a URI, or is longer than 1024 bytes.
    ///
    /// With other characters, it could end the condition that it is put into.
    pub(crate) fn new(uri: &str) -> Option<Self> {
        let is_part = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>');
        if uri.is_empty() || uri.len() > LONGEST_TOKEN || !uri.bytes().all(is_part) {
            return None;
        }
        Some(Self {
            uri: uri.to_owned(),
            coded: secret(&format!("<{uri}>"))?,
            condition: secret(&format!("(<{uri}>)"))?,
        })
    }

    /// Reads the field `Lock-Token` of a response (RFC 4918 10.5).
    pub(crate) fn from_header(value: &HeaderValue) -> Option<Self> {
        let coded = value.to_str().ok()?.trim();
        Self::new(coded.strip_prefix('<')?.strip_suffix('>')?)
    }

    /// Returns the token itself.
    pub(crate) fn as_str(&self) -> &str {
        &self.uri
    }

    /// Returns the field `Lock-Token` of a request (RFC 4918 10.5).
    pub(crate) fn coded(&self) -> HeaderValue {
        self.coded.clone()
    }

    /// Returns the field `If`, which submits the token, and holds only while the lock exists (RFC 4918 10.4).
    pub(crate) fn condition(&self) -> HeaderValue {
        self.condition.clone()
    }
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

impl fmt::Debug for LockToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockToken").finish_non_exhaustive()
    }
}

/// For how long a lock is granted (RFC 4918 10.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LockTimeout {
    Infinite,
    After(Duration),
}

impl LockTimeout {
    /// Reads a timeout that a server has granted. A number beyond the limit of RFC 4918 10.7 counts as that limit.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("Infinite") {
            return Some(Self::Infinite);
        }
        let (name, number) = text.split_at_checked(SECOND.len())?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        if !name.eq_ignore_ascii_case(SECOND) || !is_number {
            return None;
        }
        let seconds = number.parse().unwrap_or(u32::MAX);
        Some(Self::After(Duration::from_secs(seconds.into())))
    }

    /// Returns the field `Timeout` that asks for a time. It is rounded up to whole seconds.
    pub(crate) fn asking_for(time: Duration) -> HeaderValue {
        let rounded = time.as_secs() + u64::from(time.subsec_nanos() > 0);
        let seconds = rounded.clamp(1, u32::MAX.into());
        let value = HeaderValue::from_str(&format!("{SECOND}{seconds}"));
        value.unwrap_or(HeaderValue::from_static("Infinite"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TOKEN: &str = "urn:uuid:584198f7-6f5c-440f-bc41-bf5255d425d6";

    #[test]
    fn a_token_is_read_from_a_response_and_sent_in_two_fields() {
        let value = HeaderValue::from_str(&format!(" <{TOKEN}> ")).unwrap();
        let token = LockToken::from_header(&value).unwrap();
        assert_eq!(token.as_str(), TOKEN);
        assert_eq!(token.coded(), format!("<{TOKEN}>"));
        assert_eq!(token.condition(), format!("(<{TOKEN}>)"));
    }

    #[test]
    fn a_token_is_not_shown() {
        let token = LockToken::new(TOKEN).unwrap();
        let shown = format!("{token:?} {:?} {:?}", token.coded(), token.condition());
        assert!(!shown.contains("584198f7"), "{shown}");
    }

    #[test]
    fn what_would_end_the_condition_is_no_token() {
        let long = "a".repeat(LONGEST_TOKEN + 1);
        for text in ["", "a>) (<b", "a b", "a\nb", "a\u{7f}", "é", "<a", &long] {
            assert_eq!(LockToken::new(text), None, "{text:?}");
        }
        for text in ["", "urn:a", "<urn:a", "urn:a>", "<>", "<a>, <b>"] {
            let value = HeaderValue::from_str(text).unwrap();
            assert_eq!(LockToken::from_header(&value), None, "{text:?}");
        }
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds_or_infinite() {
        let after = |seconds| Some(LockTimeout::After(Duration::from_secs(seconds)));
        for (text, expected) in [
            ("Second-15", after(15)),
            (" second-0\n", after(0)),
            ("Second-4294967295", after(u32::MAX.into())),
            ("Second-99999999999999999999", after(u32::MAX.into())),
            ("infinite", Some(LockTimeout::Infinite)),
            ("Second-", None),
            ("Second--1", None),
            ("Second-+1", None),
            ("Second-1.5", None),
            ("Infinite, Second-4100000000", None),
            ("Secondé-1", None),
            ("15", None),
            ("", None),
        ] {
            assert_eq!(LockTimeout::parse(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_time_is_asked_for_in_whole_seconds() {
        for (millis, expected) in [
            (0, "Second-1"),
            (100, "Second-1"),
            (15_000, "Second-15"),
            (15_001, "Second-16"),
            (u64::MAX, "Second-4294967295"),
        ] {
            let value = LockTimeout::asking_for(Duration::from_millis(millis));
            assert_eq!(value, expected);
        }
    }

    proptest! {
        #[test]
        fn any_text_is_a_timeout_or_none(text: String) {
            let _ = LockTimeout::parse(&text);
        }

        #[test]
        fn any_token_stays_within_its_brackets(text in "[ -~]{0,40}") {
            if let Some(token) = LockToken::new(&text) {
                let condition = token.condition();
                let inner = condition.to_str().unwrap().strip_prefix("(<").unwrap();
                prop_assert_eq!(inner.find('>'), Some(text.len()));
            }
        }
    }
}
