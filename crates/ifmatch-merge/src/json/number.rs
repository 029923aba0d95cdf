//! Numbers as JSON writes them: decimal texts of any size, compared exactly, without floats.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::digest::Digest;

/// A number of a document or of a `serde_json::Value`.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Number<'t> {
    /// The text from a document, which is valid by construction.
    Text(&'t str),
    /// A number held by `serde_json`.
    Held(&'t serde_json::Number),
}

/// `0.d₁d₂… × 10^exponent`, where d₁ and the last digit are not zero. Zero has no digits.
struct Decimal<'t> {
    negative: bool,
    /// Two texts that follow each other: the digits before and behind the point.
    digits: [&'t str; 2],
    exponent: i64,
}

impl Decimal<'_> {
    fn is_zero(&self) -> bool {
        self.digits == ["", ""]
    }

    fn length(&self) -> usize {
        self.digits[0].len() + self.digits[1].len()
    }

    fn bytes(&self) -> impl Iterator<Item = u8> {
        self.digits[0].bytes().chain(self.digits[1].bytes())
    }
}

impl<'t> Number<'t> {
    /// Returns the decimal text.
    pub(crate) fn text(self) -> Cow<'t, str> {
        match self {
            Number::Text(text) => Cow::Borrowed(text),
            Number::Held(number) => Cow::Owned(number.to_string()),
        }
    }

    /// Whether both numbers have the same value. `1`, `1.0` and `1e0` are the same number.
    pub(crate) fn same(self, other: Number<'_>) -> bool {
        match (self, other) {
            (Number::Text(a), Number::Text(b)) if a == b => return true,
            (Number::Text(a), Number::Text(b)) if is_usual(a) && is_usual(b) => return false,
            (Number::Held(a), Number::Held(b)) => {
                if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
                    return a == b;
                }
                if a == b {
                    return true;
                }
            }
            _ => {}
        }
        self.order(other) == Some(Ordering::Equal)
    }

    /// Compares the values. Returns `None` if an exponent exceeds the supported range and the texts differ.
    pub(crate) fn order(self, other: Number<'_>) -> Option<Ordering> {
        let (a, b) = (self.text(), other.text());
        if a == b {
            return Some(Ordering::Equal);
        }
        let (a, b) = (decimal(&a)?, decimal(&b)?);
        let rank = |d: &Decimal<'_>| match (d.is_zero(), d.negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || {
            a.exponent
                .cmp(&b.exponent)
                .then_with(|| a.bytes().cmp(b.bytes()))
        };
        Some(match (rank(&a), rank(&b)) {
            (1, 1) => size(),
            (-1, -1) => size().reverse(),
            (x, y) => x.cmp(&y),
        })
    }

    /// Feeds the value of the number into the digest, so that equal numbers give equal digests.
    pub(crate) fn feed(self, digest: &mut Digest) {
        let whole = match self {
            Number::Held(number) => number.as_i64(),
            Number::Text(_) => self.plain().and_then(|whole| whole.try_into().ok()),
        };
        if let Some(whole) = whole {
            return feed_whole(whole, digest);
        }
        let text = self.text();
        match decimal(&text) {
            Some(d) => {
                digest.word(u64::from(d.negative && !d.is_zero()));
                digest.word(d.exponent.cast_unsigned());
                digest.joined(d.digits.map(str::as_bytes));
            }
            None => digest.bytes(text.as_bytes()),
        }
    }

    /// Returns one text for all spellings of a number: plain digits for whole numbers, digits and exponent for
    /// others.
    pub(crate) fn canonical(self) -> Cow<'t, str> {
        /// No whole number of so many digits is written with an exponent.
        const PLAIN: usize = 20;
        let text = self.text();
        if text.len() <= PLAIN && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return text;
        }
        let Some(d) = decimal(&text) else {
            return text;
        };
        let sign = if d.negative { "-" } else { "" };
        let length = i64::try_from(d.length()).unwrap_or(i64::MAX);
        let [whole, fraction] = d.digits;
        match d.exponent.checked_sub(length) {
            _ if d.is_zero() => Cow::Borrowed("0"),
            Some(zeros @ 0..=20) => {
                let zeros = usize::try_from(zeros).unwrap_or(0);
                format!("{sign}{whole}{fraction}{}", "0".repeat(zeros)).into()
            }
            _ => format!("{sign}0.{whole}{fraction}e{}", d.exponent).into(),
        }
    }

    /// Returns `self + (a - base)`, computed exactly, as a decimal text. Returns `None` if the result exceeds what
    /// a JSON reader can be expected to hold exactly: integers from `i64::MIN` to `u64::MAX`, fractions of up to
    /// 30 digits.
    pub(crate) fn plus_change(self, a: Number<'_>, base: Option<Number<'_>>) -> Option<String> {
        let parts = [
            self.scaled()?,
            a.scaled()?,
            base.map_or(Some((0, 0)), Number::scaled)?,
        ];
        let scale = parts.iter().map(|p| p.1).min()?;
        let mut aligned = [0_i128; 3];
        for (slot, (mantissa, exponent)) in aligned.iter_mut().zip(parts) {
            let shift = u32::try_from(exponent.checked_sub(scale)?).ok()?;
            *slot = mantissa.checked_mul(10_i128.checked_pow(shift)?)?;
        }
        let sum = aligned[0]
            .checked_add(aligned[1])?
            .checked_sub(aligned[2])?;
        spell(sum, scale)
    }

    /// Returns the number as mantissa and power of ten.
    fn scaled(self) -> Option<(i128, i64)> {
        let text = self.text();
        let d = decimal(&text)?;
        if d.is_zero() {
            return Some((0, 0));
        }
        let mantissa: i128 = d.digits.concat().parse().ok()?;
        let exponent = d.exponent.checked_sub(i64::try_from(d.length()).ok()?)?;
        Some((
            if d.negative { -mantissa } else { mantissa },
            exponent.clamp(-40, 40),
        ))
        .filter(|_| exponent.abs() <= 40)
    }

    /// Returns the number as an `i128`, if it is a whole number that fits.
    pub(crate) fn whole(self) -> Option<i128> {
        let (mantissa, exponent) = self.scaled()?;
        mantissa.checked_mul(10_i128.checked_pow(u32::try_from(exponent).ok()?)?)
    }

    /// Returns the number as `serde_json` holds it. A number that no `f64` can hold becomes the largest `f64` of
    /// its sign.
    pub(crate) fn held(self) -> serde_json::Number {
        let text = match self {
            Number::Held(number) => return number.clone(),
            Number::Text(text) => text,
        };
        if let Some(whole) = self.plain() {
            return whole.into();
        }
        if let Ok(number) = text.parse::<serde_json::Number>() {
            return number;
        }
        let largest = if text.starts_with('-') {
            f64::MIN
        } else {
            f64::MAX
        };
        serde_json::Number::from_f64(largest).unwrap_or_else(|| 0.into())
    }

    /// Whether [`held`](Self::held) keeps the text.
    pub(crate) fn is_held_as_text(self) -> bool {
        self.plain().is_some() || self.text() == self.held().to_string()
    }

    /// Returns the value of a text of digits, if it fits. `serde_json` writes it in the same way.
    pub(crate) fn plain(self) -> Option<u64> {
        match self {
            Number::Text(text) => text.parse().ok(),
            Number::Held(_) => None,
        }
    }
}

/// Feeds the same data as the decimal text of the whole number would.
fn feed_whole(number: i64, digest: &mut Digest) {
    let mut rest = number.unsigned_abs();
    let exponent = rest.checked_ilog10().map_or(0, |power| power + 1);
    while rest != 0 && rest.is_multiple_of(10) {
        rest /= 10;
    }
    let mut digits = [0_u8; 20];
    let mut first = digits.len();
    while rest != 0 {
        first -= 1;
        digits[first] = b"0123456789"[(rest % 10) as usize];
        rest /= 10;
    }
    digest.word(u64::from(number < 0));
    digest.word(u64::from(exponent));
    digest.bytes(&digits[first..]);
}

fn spell(mantissa: i128, exponent: i64) -> Option<String> {
    let (mut mantissa, mut exponent) = (mantissa, exponent);
    while exponent < 0 && mantissa % 10 == 0 {
        mantissa /= 10;
        exponent += 1;
    }
    if exponent >= 0 {
        let whole = mantissa.checked_mul(10_i128.checked_pow(u32::try_from(exponent).ok()?)?)?;
        let fits = (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole);
        return fits.then(|| whole.to_string());
    }
    let places = usize::try_from(-exponent).ok()?;
    let digits = format!("{:0>width$}", mantissa.unsigned_abs(), width = places + 1);
    let (whole, fraction) = digits.split_at(digits.len() - places);
    let sign = if mantissa < 0 { "-" } else { "" };
    (digits.len() <= 30).then(|| format!("{sign}{whole}.{fraction}"))
}

fn decimal(text: &str) -> Option<Decimal<'_>> {
    let (negative, rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (mantissa, power) = match rest.split_once(['e', 'E']) {
        Some((mantissa, power)) => (mantissa, Some(power)),
        None => (rest, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let fraction = fraction.trim_end_matches('0');
    let whole = whole.trim_start_matches('0');
    let (digits, point) = if fraction.is_empty() {
        (
            [whole.trim_end_matches('0'), ""],
            i64::try_from(whole.len()).ok()?,
        )
    } else if whole.is_empty() {
        let digits = fraction.trim_start_matches('0');
        (
            [digits, ""],
            -i64::try_from(fraction.len() - digits.len()).ok()?,
        )
    } else {
        ([whole, fraction], i64::try_from(whole.len()).ok()?)
    };
    if digits == ["", ""] {
        return Some(Decimal {
            negative: false,
            digits,
            exponent: 0,
        });
    }
    let power = power.map_or(Some(0), |p| p.parse::<i64>().ok())?;
    Some(Decimal {
        negative,
        digits,
        exponent: point.checked_add(power)?,
    })
}

/// Whether no other usual text stands for the same number. It has no exponent, no sign before a zero, and no zero at
/// the end of a fraction.
fn is_usual(text: &str) -> bool {
    let (mut has_point, mut is_zero) = (false, true);
    for byte in text.bytes() {
        match byte {
            b'e' | b'E' => return false,
            b'.' => has_point = true,
            b'1'..=b'9' => is_zero = false,
            _ => {}
        }
    }
    !(has_point && text.ends_with('0') || is_zero && text.starts_with('-'))
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]
    use super::*;

    fn same(a: &str, b: &str) -> bool {
        let hash = |t| {
            let mut digest = Digest::default();
            Number::Text(t).feed(&mut digest);
            digest.finish()
        };
        let same = Number::Text(a).same(Number::Text(b));
        assert!(
            !same || hash(a) == hash(b),
            "equal numbers have equal digests: {a} {b}"
        );
        same
    }

    #[test]
    fn spellings_of_one_number_are_equal() {
        for (a, b) in [
            ("1", "1.0"),
            ("1", "1e0"),
            ("100", "1E+2"),
            ("0.1", "1e-1"),
            ("-0", "0"),
            ("0e5", "0.00"),
            ("1e400", "10e399"),
            ("12345678901234567890123", "12345678901234567890123.0"),
            ("0.0120", "12e-3"),
        ] {
            assert!(same(a, b), "{a} {b}");
        }
    }

    #[test]
    fn neighbours_that_one_float_would_swallow_differ() {
        assert!(!same("18446744073709551616", "18446744073709551617"));
        assert!(!same("1e400", "1e401"));
        assert!(!same("0.1", "0.1000000000000000000001"));
        assert!(!same("1", "-1"));
        assert!(!same("1e99999999999999999999", "1e99999999999999999998"));
    }

    #[test]
    fn order_is_numeric() {
        let order = |a, b| Number::Text(a).order(Number::Text(b)).unwrap();
        assert_eq!(order("2", "10"), Ordering::Less);
        assert_eq!(order("-2", "-10"), Ordering::Greater);
        assert_eq!(order("-1", "0"), Ordering::Less);
        assert_eq!(order("0.5", "1e-1"), Ordering::Greater);
    }

    #[test]
    fn both_changes_are_added_exactly() {
        let add = |l, r, b| Number::Text(l).plus_change(Number::Text(r), Some(Number::Text(b)));
        assert_eq!(add("5", "7", "4").as_deref(), Some("8"));
        assert_eq!(add("0.3", "0.2", "0.1").as_deref(), Some("0.4"));
        assert_eq!(add("1", "-0.5", "2").as_deref(), Some("-1.5"));
        assert_eq!(add("18446744073709551615", "1", "0"), None);
        assert_eq!(add("1e300", "1", "0"), None);
    }
}
