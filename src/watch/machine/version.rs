//! Versions of resources, as far as two of them can be put in order.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::protocol::Validator;

/// The version of one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Version {
    /// The number in it, if the versions of the API count up.
    pub(crate) count: Option<u64>,
    /// A digest of the validator, if there is one. It lives in memory only, so it needs no stable algorithm.
    pub(crate) tag: Option<u64>,
    /// A digest of the text of the state, if it is known.
    pub(crate) text: Option<u64>,
}

/// How a version relates to an earlier one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Same,
    Newer,
    Older,
    /// They differ, and nothing tells which one is newer.
    Unknown,
}

impl Version {
    /// Returns the version of a state. `counts_up` states whether the versions of the API count up.
    pub(crate) fn of(validator: Option<&Validator>, text: Option<&str>, counts_up: bool) -> Self {
        let validator = validator.map(Validator::to_string);
        let validator = validator.as_deref();
        Self {
            count: validator.filter(|_| counts_up).and_then(number_in),
            tag: validator.map(digest),
            text: text.map(digest),
        }
    }

    pub(crate) fn order(self, earlier: Self) -> Order {
        let is_same = match self.tag.zip(earlier.tag) {
            Some((now, before)) => now == before,
            None => self.text.is_some() && self.text == earlier.text,
        };
        match self.count.zip(earlier.count) {
            _ if is_same => Order::Same,
            Some((now, before)) if now > before => Order::Newer,
            Some((now, before)) if now < before => Order::Older,
            _ => Order::Unknown,
        }
    }
}

/// Returns the number at the start of a version: of `"7"`, `W/"7"`, `version:7` and `version:7-c0ffee` it is 7.
fn number_in(text: &str) -> Option<u64> {
    let text = text.strip_prefix("version:").unwrap_or(text);
    let text = text.strip_prefix("etag:").unwrap_or(text);
    let text = text.strip_prefix("W/").unwrap_or(text);
    let text = text.strip_prefix('"').unwrap_or(text);
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let ends = matches!(text.as_bytes().get(digits), None | Some(b'"' | b'-'));
    text.get(..digits)
        .filter(|_| ends)
        .and_then(|number| number.parse().ok())
}

fn digest(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(text: &str) -> Version {
        Version::of(Some(&text.parse().unwrap()), None, true)
    }

    #[test]
    fn versions_that_count_are_put_in_order() {
        assert_eq!(of("\"10\"").order(of("\"9\"")), Order::Newer);
        assert_eq!(of("W/\"9\"").order(of("W/\"10\"")), Order::Older);
        assert_eq!(of("version:3-a").order(of("version:3-a")), Order::Same);
        assert_eq!(of("version:12").order(of("version:3")), Order::Newer);
    }

    #[test]
    fn two_branches_of_one_generation_have_no_order() {
        assert_eq!(of("version:3-a").order(of("version:3-b")), Order::Unknown);
    }

    #[test]
    fn versions_that_do_not_count_are_only_told_apart() {
        let opaque = |text: &str| Version::of(Some(&text.parse().unwrap()), None, false);
        assert_eq!(opaque("\"10\"").order(opaque("\"9\"")), Order::Unknown);
        assert_eq!(of("\"v10\"").order(of("\"v9\"")), Order::Unknown);
        assert_eq!(of("\"1.5\"").order(of("\"1\"")), Order::Unknown);
    }

    #[test]
    fn a_state_without_a_validator_is_told_by_its_text() {
        let tagged = Version::of(Some(&"\"a\"".parse().unwrap()), Some("{}"), true);
        let bare = |text| Version::of(None, Some(text), true);
        assert_eq!(tagged.order(bare("{}")), Order::Same);
        assert_eq!(bare("[]").order(tagged), Order::Unknown);
    }
}
