//! Parses points in time as APIs write them.

/// A point in time, as seconds in the proleptic Gregorian calendar and the digits of the fraction.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time<'a> {
    pub(super) kind: TimeKind,
    seconds: i64,
    /// Whether this is a leap second, which follows second 59 and precedes the next minute.
    leap: bool,
    /// The fractional digits without trailing zeros, so that comparing the texts compares the fractions.
    fraction: &'a str,
}

/// The kind of a point in time. Only two of the same kind can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum TimeKind {
    Instant,
    /// A date and time without a zone.
    Local,
    Day,
    Month,
    Clock,
}

impl<'a> Time<'a> {
    pub(super) fn read(text: &'a str) -> Option<Self> {
        iso(text).or_else(|| of_words(text))
    }

    /// Combines this time of day with a day, and with a zone if one is given.
    fn on(self, day: i64, zone: &str) -> Option<Self> {
        let seconds = day * 86_400 + self.seconds;
        let (kind, seconds) = if zone.is_empty() {
            (TimeKind::Local, seconds)
        } else {
            (TimeKind::Instant, seconds - offset(zone)?)
        };
        Some(Self {
            kind,
            seconds,
            ..self
        })
    }
}

pub(super) const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
pub(super) const DAYS: [&str; 7] = [
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];

/// Parses `2024-05-01T10:00:00.5+02:00` and other forms of ISO 8601.
fn iso(text: &str) -> Option<Time<'_>> {
    let whole = |kind, seconds| Time {
        kind,
        seconds,
        leap: false,
        fraction: "",
    };
    if let Some((year, month)) = text.split_once('-')
        && year.len() == 4
        && month.len() == 2
    {
        return Some(whole(
            TimeKind::Month,
            number(year)? * 12 + month_number(month)?,
        ));
    }
    if let Some((time, "")) = clock(text) {
        return Some(Time {
            kind: TimeKind::Clock,
            ..time
        });
    }
    // A `T` or a space ends the date.
    let Some((date, time)) = text.split_once(['T', 't', ' ']) else {
        return Some(whole(TimeKind::Day, iso_day(text)? * 86_400));
    };
    let (time, zone) = clock(time)?;
    time.on(iso_day(date)?, zone)
}

/// Parses `2024-05-01`, `20240501`, `2024-W18-3` or `2024-122`. The year may have 4 to 9 digits.
fn iso_day(text: &str) -> Option<i64> {
    let (sign, unsigned) = match text.as_bytes().first()? {
        b'-' => (-1, &text[1..]),
        b'+' => (1, &text[1..]),
        _ => (1, text),
    };
    let (year, rest) = match unsigned.split_once('-') {
        Some((year, rest)) => (year, rest),
        None => unsigned.split_at_checked(4)?,
    };
    // A longer run of digits is not a year.
    let year = number(year).filter(|_| (4..=9).contains(&year.len()))? * sign;
    if let Some(rest) = rest.strip_prefix('W') {
        let (week, of_week) = rest.split_once('-').or_else(|| rest.split_at_checked(2))?;
        let (week, of_week) = (
            two_digits(week)?,
            number(of_week).filter(|_| of_week.len() == 1)?,
        );
        let is_one = (1..=53).contains(&week) && (1..=7).contains(&of_week);
        // Week 1 is the week of 4 January. Counted from 1 March of year 0, day 0 is a Wednesday.
        let fourth = day(year, 1, 4)?;
        let monday = fourth - (fourth + 1).rem_euclid(7);
        return is_one.then_some(monday + (week - 1) * 7 + of_week - 1);
    }
    if rest.len() == 3 {
        let of_year = number(rest).filter(|of_year| (1..=366).contains(of_year))?;
        return Some(day(year, 1, 1)? + of_year - 1);
    }
    let (month, of_month) = rest.split_once('-').or_else(|| rest.split_at_checked(2))?;
    day(year, month_number(month)?, two_digits(of_month)?)
}

/// Parses `Wed, 01 May 2024 10:00:00 GMT`, as in HTTP and in mail, and `Wed May  1 10:00:00 2024`.
fn of_words(text: &str) -> Option<Time<'_>> {
    let names = |names: &[&str], word: &str| {
        let is = |name: &&str| word.len() == 3 && name.starts_with(&word.to_ascii_lowercase());
        names.iter().position(is)
    };
    let mut words: Vec<&str> = text.split_ascii_whitespace().collect();
    let first = words.first()?;
    if let Some(name) = first.strip_suffix(',') {
        names(&DAYS, name)?;
        words.remove(0);
    }
    let (year, month, of_month, time, zone) = match words[..] {
        [name, month, of_month, time, year] if names(&DAYS, name).is_some() => {
            (year, month, of_month, time, "")
        }
        [of_month, month, year, time, zone] => (year, month, of_month, time, zone),
        _ => return None,
    };
    let month = i64::try_from(names(&MONTHS, month)? + 1).ok()?;
    let (year, of_month) = (
        number(year).filter(|_| year.len() == 4)?,
        number(of_month).filter(|_| of_month.len() <= 2)?,
    );
    let (time, "") = clock(time)? else {
        return None;
    };
    time.on(day(year, month, of_month)?, zone)
}

fn number(digits: &str) -> Option<i64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| is_number)
}

fn two_digits(digits: &str) -> Option<i64> {
    number(digits).filter(|_| digits.len() == 2)
}

fn month_number(digits: &str) -> Option<i64> {
    two_digits(digits).filter(|month| (1..=12).contains(month))
}

/// Returns the days since 1 March of year 0. In years that begin in March, a leap day is the last day of the year.
fn day(year: i64, month: i64, day: i64) -> Option<i64> {
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

/// Parses `10:00:00.5` or `100000.5`, and returns the rest of the text. Leap second 60 is stored as second 59 with
/// the `leap` flag.
fn clock(text: &str) -> Option<(Time<'_>, &str)> {
    let is_part = |c: char| c.is_ascii_digit() || c == ':';
    let (time, rest) = text.split_at(text.find(|c| !is_part(c)).unwrap_or(text.len()));
    let parts: Vec<&str> = if time.contains(':') {
        time.split(':').collect()
    } else {
        (0..time.len())
            .step_by(2)
            .map(|at| time.get(at..at + 2).unwrap_or(""))
            .collect()
    };
    let (hour, minute, second) = match parts[..] {
        [hour, minute] => (hour, minute, "00"),
        [hour, minute, second] => (hour, minute, second),
        _ => return None,
    };
    let hour = two_digits(hour).filter(|hour| *hour < 24)?;
    let minute = two_digits(minute).filter(|minute| *minute < 60)?;
    let second = two_digits(second).filter(|second| *second <= 60)?;
    let (fraction, rest) = match rest.strip_prefix(['.', ',']) {
        Some(rest) if parts.len() == 3 => {
            let end = rest
                .find(|c: char| !c.is_ascii_digit())
                .unwrap_or(rest.len());
            (
                Some(&rest[..end]).filter(|digits| !digits.is_empty())?,
                &rest[end..],
            )
        }
        Some(_) => return None,
        None => ("", rest),
    };
    let time = Time {
        kind: TimeKind::Clock,
        seconds: hour * 3600 + minute * 60 + second.min(59),
        leap: second == 60,
        fraction: fraction.trim_end_matches('0'),
    };
    Some((time, rest))
}

/// Returns the number of seconds by which a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let zone = zone.strip_prefix(' ').unwrap_or(zone);
    // The name of a zone may follow its offset (RFC 9557).
    let zone = zone
        .split_once('[')
        .filter(|(_, name)| name.ends_with(']'))
        .map_or(zone, |(zone, _)| zone);
    if matches!(zone, "Z" | "z" | "UTC" | "UT" | "GMT") {
        return Some(0);
    }
    let (sign, text) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let (hour, minute) = match text.len() {
        2 => (text, "00"),
        4 => text.split_at(2),
        5 => text.split_once(':')?,
        _ => return None,
    };
    let hour = two_digits(hour).filter(|hour| *hour < 24)?;
    let minute = two_digits(minute).filter(|minute| *minute < 60)?;
    Some(sign * (hour * 3600 + minute * 60))
}
