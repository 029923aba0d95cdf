//! Counts and times in messages.

use std::time::Duration;

/// Returns a number with its noun, such as `1 round` or `2 rounds`.
pub(crate) fn counted(number: u32, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Returns a time with its unit, such as `5.8 s`.
pub(crate) fn time(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        format!("{} ms", time.as_millis())
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

/// The usual reason why a call gives up.
pub(crate) const RETRY_LIMIT: &str = "the retry limit was reached";

/// Returns how often something was tried before the call gave up, for how long, and any unusual reason.
pub(crate) fn given_up(tries: u32, elapsed: Duration, why: &str) -> String {
    let (tries, time) = (counted(tries, "try", "tries"), time(elapsed));
    match why {
        RETRY_LIMIT => format!("given up after {tries} in {time}"),
        why => format!("given up after {tries} in {time}: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many_and_times_have_a_unit() {
        assert_eq!(counted(1, "round", "rounds"), "1 round");
        assert_eq!(counted(0, "round", "rounds"), "0 rounds");
        let times = [0, 999, 1_000, 5_849].map(|millis| time(Duration::from_millis(millis)));
        assert_eq!(times, ["0 ms", "999 ms", "1.0 s", "5.8 s"]);
        let took = Duration::from_millis(5_800);
        assert_eq!(
            given_up(11, took, RETRY_LIMIT),
            "given up after 11 tries in 5.8 s"
        );
        assert_eq!(
            given_up(1, took, "the budget is spent"),
            "given up after 1 try in 5.8 s: the budget is spent"
        );
    }
}
