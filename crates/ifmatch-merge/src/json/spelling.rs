//! Orders texts that contain times or numbers by their value.

use std::cmp::Ordering;

use super::number::Number;
use super::time::{DAYS, MONTHS, Time};

/// What a text represents, as far as its order is concerned.
enum Spelled<'a> {
    Time(Time<'a>),
    Number(&'a str),
    /// The text looks like a time or a number but cannot be parsed, so its bytes do not determine an order.
    Unclear,
    Word,
}

/// Compares two texts: by time if both are times of one kind, by value if both are numbers, and by bytes if both
/// are words. Returns `None` for anything else.
///
/// Supported times are those of RFC 3339 and ISO 8601 (any offset, any number of fractional digits, week dates and
/// ordinal dates, lower-case letters, a space in place of the `T`, leap seconds), and the dates of mail (RFC 5322)
/// and of HTTP (RFC 9110 section 5.6.7). Days, months, times of day and times without a zone are compared only
/// with their own kind.
pub(super) fn order(a: &str, b: &str) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    match (spelled(a), spelled(b)) {
        (Spelled::Time(a), Spelled::Time(b)) => (a.kind == b.kind).then(|| a.cmp(&b)),
        (Spelled::Number(a), Spelled::Number(b)) => Number::Text(a).order(Number::Text(b)),
        // The leading digits of `9-a` and `10-a` are counts, so only words with equally many leading
        // digits are compared.
        (Spelled::Word, Spelled::Word) => (counted(a) == counted(b)).then(|| a.cmp(b)),
        _ => None,
    }
}

/// Returns the number of leading digits.
fn counted(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

fn spelled(text: &str) -> Spelled<'_> {
    if !text.is_ascii() {
        return Spelled::Word;
    }
    if is_number(text) {
        return Spelled::Number(text.strip_prefix('+').unwrap_or(text));
    }
    match Time::read(text) {
        Some(time) => Spelled::Time(time),
        None if is_unclear(text) => Spelled::Unclear,
        None => Spelled::Word,
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_some = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    is_some(whole) && is_some(fraction)
}

/// Whether the text contains digits, and either the name of a month or day, or no words other than the letters
/// of ISO 8601 and zone names.
fn is_unclear(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = lower
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty());
    let has_name = |word: &str| {
        word.len() > 2
            && MONTHS
                .iter()
                .chain(&DAYS)
                .any(|name| name.starts_with(word))
    };
    text.bytes().any(|byte| byte.is_ascii_digit())
        && (words
            .clone()
            .all(|word| matches!(word, "t" | "z" | "w" | "utc" | "gmt"))
            || words.clone().any(has_name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_ordered_whatever_their_spelling() {
        let rising = [
            "0000-02-28T00:00:00Z",
            "2016-12-31T23:59:60Z",
            "2024-02-29T23:59:59Z",
            "2024-05-01T10:00:00+02:00",
            "2024-05-01T09:00:00Z",
            "Wed, 01 May 2024 10:00:00 GMT",
            "2024-05-01T10:00:00.12Z",
            "2024-05-01t10:00:00.125z",
            "2024-05-01 10:00:00.9999999999999999999999-00:00",
            "2024-05-01T04:30:01-05:30",
            "9999-12-31T23:59:59Z",
        ];
        for (at, earlier) in rising.iter().enumerate() {
            for later in &rising[at + 1..] {
                assert_eq!(
                    order(earlier, later),
                    Some(Ordering::Less),
                    "{earlier} {later}"
                );
                assert_eq!(
                    order(later, earlier),
                    Some(Ordering::Greater),
                    "{later} {earlier}"
                );
            }
        }
    }

    #[test]
    fn one_time_in_two_spellings_is_one_time() {
        for (a, b) in [
            ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00+00:00"),
            ("2024-05-01T10:00:00Z", "2024-05-01t12:00:00.000+02:00"),
            ("2024-05-01T10:00:00.50Z", "2024-05-01T10:00:00.5z"),
            ("2024-12-31T23:30:00-01:00", "2025-01-01T00:30:00Z"),
            ("2016-12-31T23:59:60Z", "2017-01-01T00:59:60+01:00"),
            ("Wed, 01 May 2024 10:00:00 GMT", "2024-05-01T10:00:00Z"),
        ] {
            assert_eq!(order(a, b), Some(Ordering::Equal), "{a} {b}");
        }
        let leap = order("2016-12-31T23:59:59.9Z", "2016-12-31T23:59:60Z");
        assert_eq!(leap, Some(Ordering::Less));
        let after = order("2016-12-31T23:59:60.9Z", "2017-01-01T00:00:00Z");
        assert_eq!(after, Some(Ordering::Less));
    }

    #[test]
    fn a_time_and_another_text_have_no_order() {
        for other in [
            "",
            "tomorrow",
            "2024-05-01",
            "2024-05",
            "10:00:00",
            "2024-05-01T10:00:00",
            "2024-05-01T10:00:00.Z",
            "2024-05-01T10:00:00.5.5Z",
            "2024-W54-1T10:00:00Z",
            "2024-367",
            "1714550400",
            "2024-05-01T24:00:00Z",
            "2024-05-01T10:00:61Z",
            "2023-02-29T10:00:00Z",
            "2024-13-01T10:00:00Z",
            "2024-00-01T10:00:00Z",
            "2024-04-31T10:00:00Z",
            "+024-05-01T10:00:00Z",
            "2024-05-01T10:00:00+2:00",
            "2024-05-01T10:00:00Z ",
            "Wed, 01 anF 2024 10:00:00 GMT",
            "2024-05-01T1\u{e9}:00:00Z",
        ] {
            assert_eq!(order(other, "2024-05-01T10:00:00Z"), None, "{other}");
        }
    }

    #[test]
    fn times_of_one_kind_and_numbers_are_ordered_by_what_they_say() {
        for (less, more) in [
            // In many of these pairs, the order of the bytes is the opposite.
            ("2024-05-01T11:00:00+0200", "2024-05-01T10:00:00+0000"),
            ("2024-05-01T10:00Z", "2024-05-01T09:30-01:00"),
            ("20240501T110000+02", "20240501T100000Z"),
            ("2024-05-01T10:00:00Z", "2024-05-01T10:00:00,5Z"),
            ("2024-05-01 11:00:00 +0200", "2024-05-01 10:00:00 UTC"),
            (
                "2024-05-01T11:00:00+02:00[Europe/Berlin]",
                "2024-05-01T10:00:00Z",
            ),
            ("9999-12-31T23:59:59Z", "+10000-01-01T00:00:00Z"),
            ("-0001-01-01T00:00:00Z", "-0000-01-01T00:00:00Z"),
            ("2024-05-01T10:00:00", "2024-05-01 10:00:00.5"),
            ("2024-05-01T10:00:00Z", "2024-W18-3T10:00:01Z"),
            ("2024-W01-1", "2024-002"),
            ("2024-12-31", "2025-W01-3"),
            ("2024-04-30", "2024-122"),
            ("09:30", "10:00"),
            (
                "Thu, 02 May 2024 10:00:00 GMT",
                "Fri, 3 May 2024 09:00:00 +0000",
            ),
            (
                "Wed, 01 May 2024 12:00:00 +0200",
                "Wed, 01 May 2024 11:00:00 +0000",
            ),
            ("Wed May  1 10:00:00 2024", "Thu May  2 10:00:00 2024"),
            ("999999999", "1714550400"),
            ("-5", "+4.5"),
            ("0.5", "00.50001"),
            ("v10", "v9"),
        ] {
            assert_eq!(order(less, more), Some(Ordering::Less), "{less} {more}");
            assert_eq!(order(more, less), Some(Ordering::Greater), "{more} {less}");
        }
        for (a, b) in [
            ("2024-05-01T10:00:00Z", "2024-W18-3T12:00:00+02"),
            ("2024-05-01", "2024-122"),
            ("1.50", "01.5"),
            ("Wed, 01 May 2024 10:00:00 +0000", "2024-05-01T10:00:00.0Z"),
        ] {
            assert_eq!(order(a, b), Some(Ordering::Equal), "{a} {b}");
        }
    }

    #[test]
    fn texts_whose_bytes_do_not_tell_their_order_have_none() {
        for (a, b) in [
            ("05/01/2024", "04/02/2025"),
            ("1.10.0", "1.9.0"),
            ("9-abc", "10-abc"),
            ("May 1, 2024", "April 2, 2025"),
            (
                "Sunday, 06-Nov-94 08:49:37 GMT",
                "Friday, 11-Nov-94 08:49:37 GMT",
            ),
            ("2024-05-01T10:00:00+2:00", "2024-05-01T09:00:00+1:00"),
            ("2024-05-01T10:00:00", "2024-05-01"),
            ("2024-05-01", "20240501T"),
            ("9:30", "10:00"),
            ("5", "five"),
        ] {
            assert_eq!(order(a, b), None, "{a} {b}");
            assert_eq!(order(a, a), Some(Ordering::Equal), "{a}");
        }
    }
}
