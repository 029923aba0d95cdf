//! Points in time as APIs spell them, compared exactly.

use std::cmp::Ordering;

/// A point in time: seconds of the proleptic Gregorian calendar, and the digits of the fraction.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Time<'a> {
    seconds: i64,
    /// A leap second is behind the 59th and before the next minute.
    leap: bool,
    /// Without zeros at the end, so that the order of the texts is that of the fractions.
    fraction: &'a str,
}

/// The order of two texts: by time where both are times, by their bytes where neither is one.
///
/// Times are those of RFC 3339 (any offset, any number of fractional digits, lower-case letters, a space
/// for the `T`, leap seconds) and the fixed form of HTTP dates (RFC 9110 5.6.7). `None`: one of the texts
/// is a time and the other is not.
pub(super) fn order(a: &str, b: &str) -> Option<Ordering> {
    match (time(a), time(b)) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        (None, None) => Some(a.cmp(b)),
        _ => None,
    }
}

fn time(text: &str) -> Option<Time<'_>> {
    if !text.is_ascii() {
        return None;
    }
    rfc3339(text).or_else(|| http_date(text))
}

/// `2024-05-01T10:00:00.5+02:00`
fn rfc3339(text: &str) -> Option<Time<'_>> {
    let day = day(
        text.get(..4)?,
        month_number(text.get(5..7)?)?,
        text.get(8..10)?,
    )?;
    let marks = [(4, "-"), (7, "-")];
    let is_marked = marks
        .iter()
        .all(|(at, mark)| text.get(*at..=*at) == Some(*mark));
    if !is_marked || !matches!(text.as_bytes().get(10)?, b'T' | b't' | b' ') {
        return None;
    }
    let (second, leap) = second_of_day(text.get(11..19)?)?;
    let rest = text.get(19..)?;
    let (fraction, zone) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit())?;
            (
                Some(&rest[..end]).filter(|digits| !digits.is_empty())?,
                &rest[end..],
            )
        }
        None => ("", rest),
    };
    Some(Time {
        seconds: day * 86_400 + second - offset(zone)?,
        leap,
        fraction: fraction.trim_end_matches('0'),
    })
}

/// `Wed, 01 May 2024 10:00:00 GMT`
fn http_date(text: &str) -> Option<Time<'_>> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const DAYS: [&str; 7] = [
        "Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, ",
    ];
    let is_named = text.len() == 29 && DAYS.contains(&text.get(..5)?) && text.ends_with(" GMT");
    let is_spaced = [7, 11, 16]
        .iter()
        .all(|at| text.as_bytes().get(*at) == Some(&b' '));
    if !is_named || !is_spaced {
        return None;
    }
    let month = MONTHS.find(text.get(8..11)?).filter(|at| at % 3 == 0)?;
    let month = i64::try_from(month / 3 + 1).ok()?;
    let (second, leap) = second_of_day(text.get(17..25)?)?;
    Some(Time {
        seconds: day(text.get(12..16)?, month, text.get(5..7)?)? * 86_400 + second,
        leap,
        fraction: "",
    })
}

fn number(digits: &str) -> Option<i64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn month_number(digits: &str) -> Option<i64> {
    number(digits).filter(|month| (1..=12).contains(month))
}

/// The days from 1 March of year 0, after which each leap day is the last of its year.
fn day(year: &str, month: i64, day: &str) -> Option<i64> {
    let (year, day) = (number(year)?, number(day)?);
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        2 => 28 + i64::from(is_leap),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let (from_march, year) = if month > 2 {
        (month - 3, year)
    } else {
        (month + 9, year - 1)
    };
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = year * 365 + leap_days + (from_march * 153 + 2) / 5 + day;
    (1..=length).contains(&day).then_some(days)
}

/// `10:00:00` as the second of the day; the leap second 60 as the one before it, and so marked.
fn second_of_day(text: &str) -> Option<(i64, bool)> {
    let (hour, minute) = hour_and_minute(text.get(..5)?)?;
    let second = number(text.get(5..)?.strip_prefix(':')?).filter(|second| *second <= 60)?;
    Some((hour * 3600 + minute * 60 + second.min(59), second == 60))
}

fn hour_and_minute(text: &str) -> Option<(i64, i64)> {
    let (hour, minute) = text
        .split_once(':')
        .filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
    let (hour, minute) = (number(hour)?, number(minute)?);
    (hour < 24 && minute < 60).then_some((hour, minute))
}

/// Seconds by which a zone is ahead.
fn offset(zone: &str) -> Option<i64> {
    if matches!(zone, "Z" | "z") {
        return Some(0);
    }
    let (sign, text) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hour, minute) = hour_and_minute(text)?;
    Some(sign * (hour * 3600 + minute * 60))
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
    fn a_time_and_another_text_have_no_order_and_two_other_texts_that_of_their_bytes() {
        for other in [
            "",
            "tomorrow",
            "2024-05-01",
            "2024-05-01T10:00:00",
            "2024-05-01T10:00:00.Z",
            "2024-05-01T10:00:00,5Z",
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
            assert_eq!(order("~", other), Some(Ordering::Greater), "{other}");
        }
    }
}
