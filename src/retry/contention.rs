//! How widely one write spreads its tries after races that it lost.
//!
//! A try is a read and a write, and it succeeds if nobody commits in the round trip between them. So
//! each commit keeps the resource *busy* for one round trip, and the rest of the time it is *idle*. With
//! one try per idle round trip from all writers together, half of the time is busy, and each commit
//! costs four requests and two round trips: as long as if the edits were made one after the other. More
//! tries are faster and cost more (`t` tries per idle round trip: `2 + 2t` requests in `1 + 1/t` round
//! trips). What each writer has to find out is how many others there are. A version that is a number
//! tells: how far it moved while we waited is the number of commits, and busy time over idle time is by
//! how much the tries of all are too many or too few.
//!
//! Nothing but the length of a wait depends on this reading of a version, which is otherwise opaque (RFC
//! 9110 8.8.3).

use std::time::Duration;

use crate::http::Validator;

/// The first window, in round trips: enough for a dozen writers, and still short for three.
const FIRST: f64 = 16.0;
/// How much wider or narrower one wait can make the next window.
const STEP: f64 = 4.0;
/// The part of the time left that no window exceeds: who has waited long tries more often than who has
/// just come, and nobody sleeps through the end of its time.
const PART_OF_TIME_LEFT: f64 = 0.25;
/// What is added to the round trips that were seen busy and idle, so that few of them say little.
const PRIOR: f64 = 1.0;
/// Numbers from here on are clocks, or count more than one resource.
const NO_COUNT: u64 = 1_000_000_000;
/// More commits per round trip than this were not made by writers like us: not a count either.
const MOST_COMMITS: f64 = 2.0;
/// No round trip is taken to be shorter, for it divides.
const SHORTEST_TRIP: Duration = Duration::from_micros(10);

/// What is known when a race was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lost {
    /// The number in the version that was refused, if there is one.
    pub(crate) count: Option<u64>,
    /// The time since the write began.
    pub(crate) elapsed: Duration,
    /// The time that the write has left.
    pub(crate) left: Duration,
    /// The measured round trip.
    pub(crate) round_trip: Duration,
}

/// The races of one write.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contention {
    races: u32,
    /// The window of the last wait, in round trips, before any cap.
    window: f64,
    /// The race before.
    before: Option<Lost>,
}

impl Contention {
    /// The wait after one more lost race. `first` is the first window if the user set one, and `jitter`
    /// is evenly drawn from nothing to one.
    ///
    /// After the first wait, which spreads over the whole window, waits take from half of the window to
    /// all of it: that leaves fewer stragglers behind.
    pub(super) fn wait(
        &mut self,
        lost: Lost,
        first: Option<Duration>,
        cap: Duration,
        jitter: f64,
    ) -> Duration {
        let trip = lost.round_trip.max(SHORTEST_TRIP);
        let first = first.map_or(FIRST, |first| first.div_duration_f64(trip));
        self.races += 1;
        self.window = match self.commits_since(lost) {
            Some((commits, over)) => {
                // The refusal tells of one commit more than the version does.
                let busy = commits + 1.0 + PRIOR;
                let idle = (over - commits).max(0.0) + PRIOR;
                self.window * (busy / idle).clamp(1.0 / STEP, STEP)
            }
            None => first * f64::from(self.races),
        };
        self.before = Some(lost);
        let longest = cap.min(lost.left.mul_f64(PART_OF_TIME_LEFT)).as_secs_f64();
        let window = (self.window * trip.as_secs_f64()).min(longest);
        let part = if self.races == 1 {
            jitter
        } else {
            0.5 + 0.5 * jitter
        };
        Duration::try_from_secs_f64(window * part).unwrap_or(cap)
    }

    /// How many commits the others made since the last race that was lost, and how many round trips that
    /// was ago.
    fn commits_since(&self, lost: Lost) -> Option<(f64, f64)> {
        let before = self.before?;
        let moved = lost.count?.checked_sub(before.count?)?;
        let commits = f64::from(u32::try_from(moved).ok()?);
        let over = lost.elapsed.saturating_sub(before.elapsed);
        let over = over.div_duration_f64(lost.round_trip.max(SHORTEST_TRIP));
        (moved > 0 && commits <= MOST_COMMITS * (over + 1.0)).then_some((commits, over))
    }
}

/// The number in a version, if it may count the commits to one resource: `"7"`, `W/"7"`, `7`, and
/// `7-c0ffee` (the revisions of `CouchDB`).
pub(crate) fn count(version: &Validator) -> Option<u64> {
    let bytes = match version {
        Validator::Tag(tag) => tag.opaque_part(),
        Validator::Version(text) => text.as_bytes(),
        Validator::LastModified(_) => return None,
    };
    let text = std::str::from_utf8(bytes).ok()?.trim_matches('"');
    let digits = text.split_once('-').map_or(text, |(digits, _)| digits);
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse().ok().filter(|number| *number < NO_COUNT)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRIP: Duration = Duration::from_millis(20);
    const CAP: Duration = Duration::from_secs(5);

    fn lost(count: Option<u64>, trips: u32) -> Lost {
        Lost {
            count,
            elapsed: TRIP * trips,
            left: Duration::from_secs(30).saturating_sub(TRIP * trips),
            round_trip: TRIP,
        }
    }

    /// The largest waits after races lost so.
    fn windows(races: &[Lost]) -> Vec<u128> {
        let mut contention = Contention::default();
        let waits = races
            .iter()
            .map(|race| contention.wait(*race, None, CAP, 1.0));
        waits.map(|wait| wait.as_micros() / 20_000).collect()
    }

    #[test]
    fn the_window_grows_where_others_commit_all_the_time_and_shrinks_where_they_do_not() {
        assert_eq!(
            windows(&[lost(Some(7), 0), lost(Some(17), 10)]),
            [16, 16 * 4]
        );
        assert_eq!(windows(&[lost(Some(7), 0), lost(Some(8), 22)]), [16, 4]);
        assert_eq!(windows(&[lost(Some(7), 0), lost(Some(16), 20)]), [16, 14]);
    }

    #[test]
    fn versions_that_count_nothing_widen_the_window_with_each_race() {
        assert_eq!(
            windows(&[lost(None, 0), lost(None, 10), lost(None, 30)]),
            [16, 32, 48]
        );
        // Backwards, or too fast for any writer.
        assert_eq!(windows(&[lost(Some(7), 0), lost(Some(3), 10)]), [16, 32]);
        assert_eq!(windows(&[lost(Some(7), 0), lost(Some(900), 10)]), [16, 32]);
    }

    #[test]
    fn an_old_write_waits_a_shorter_time_than_a_young_one() {
        let mut races = [lost(None, 0), lost(None, 1480)];
        assert_eq!(windows(&races), [16, 5]);
        races[1].left = Duration::ZERO;
        assert_eq!(windows(&races), [16, 0]);
    }

    #[test]
    fn no_wait_exceeds_the_cap_or_panics() {
        let mut contention = Contention::default();
        for round_trip in [Duration::ZERO, Duration::MAX, TRIP] {
            for count in [None, Some(0), Some(NO_COUNT)] {
                let lost = Lost {
                    count,
                    elapsed: Duration::MAX,
                    left: Duration::MAX,
                    round_trip,
                };
                let wait = contention.wait(lost, Some(Duration::MAX), CAP, 1.0);
                assert!(wait <= CAP, "{wait:?}");
            }
        }
    }

    #[test]
    fn numbers_are_read_from_counting_versions_only() {
        for (text, number) in [
            ("\"7\"", Some(7)),
            ("W/\"7\"", Some(7)),
            ("version:7", Some(7)),
            ("version:7-c0ffee", Some(7)),
            ("\"c0ffee\"", None),
            ("\"\"", None),
            ("\"-7\"", None),
            ("\"1700000000123\"", None),
            ("\"99999999999999999999999\"", None),
            ("Sun, 06 Nov 1994 08:49:37 GMT", None),
        ] {
            let version = text.parse::<Validator>();
            let found = version.map(|version| count(&version));
            assert_eq!(found.ok(), Some(number), "{text}");
        }
    }
}
