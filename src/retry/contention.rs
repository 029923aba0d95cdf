//! How widely one write spreads its tries after races that it lost.
//!
//! A try is a read and a write, and it succeeds if no other client commits in the round trip between them. So
//! each commit keeps the resource *busy* for one round trip, and the rest of the time it is *idle*. With
//! one try per idle round trip from all writers together, half of the time is busy, and each commit
//! costs four requests and two round trips: as long as if the edits were made one after the other. More
//! tries are faster and cost more (`t` tries per idle round trip: `2 + 2t` requests in `1 + 1/t` round
//! trips). What each writer has to find out is how many others there are. A version that is a number
//! tells: how far it moved while we waited is the number of commits, and busy time over idle time is by
//! how much the tries of all are too many or too few.
//!
//! A single writer that never pauses also keeps the resource busy all the time, and no wait changes that:
//! it commits once per round trip, so every try of ours meets a commit, unless its request happens to take
//! longer than ours. Only the number of tries helps. A crowd, on the other hand, thins out as its writers
//! wait. So the window is widened first, as for a crowd; where the resource stays busy for two wide waits in
//! a row, waiting is useless, and a burst of quick tries follows. Where versions tell nothing, the two look the
//! same for long, and the bursts come after many waits.
//!
//! Nothing but the length of a wait depends on this reading of a version, which is otherwise opaque (RFC
//! 9110 8.8.3).

use std::time::Duration;

use crate::protocol::Validator;

/// The first window, in round trips, where versions count: enough for a dozen writers, and short for six.
const FIRST: f64 = 12.0;
/// The first window where versions tell nothing, and by how much each further one is wider.
const FIRST_UNTOLD: f64 = 16.0;
/// How much wider, and how much narrower, one wait can make the next window.
const WIDER: f64 = 4.5;
const NARROWER: f64 = 0.05;
/// By how much more than busy over idle time the window is widened: some of the others come back.
const MORE_IF_BUSY: f64 = 2.0;
const MORE_IF_IDLE: f64 = 1.5;
/// The part of a window that is waited at least. After the first wait, which spreads over the whole window,
/// waits that take most of it leave fewer stragglers behind, and a silence in which a crowd shows.
const LEAST: f64 = 0.65;
const LEAST_UNTOLD: f64 = 0.5;
/// The same for windows that are narrower than so many round trips: there, few others are left.
const LEAST_IF_NARROW: f64 = 0.2;
const NARROW: f64 = 28.0;
/// The part of the time left that no window exceeds: who has waited long tries more often than who has
/// just come, and nobody sleeps through the end of its time.
const PART_OF_TIME_LEFT: f64 = 0.25;
/// What is added to the round trips that were seen busy and idle, so that few of them say little.
const PRIOR: f64 = 0.8;
/// A resource that is busy for more than this part of the time is busy all the time: the measured round trip is
/// a little too short. With 0.90, a thousand writers take each other for one that never pauses.
const SATURATED: f64 = 0.93;
/// Over fewer round trips nothing can be said of that.
const LONG_ENOUGH: f64 = 25.0;
/// How many waits in a row have to find it so. In a dense crowd a tenth of the writers sees it once.
const SATURATED_WAITS: u32 = 2;
/// The tries of the first burst, and the window before each, in round trips. One try of forty succeeds where
/// round trips vary by a tenth.
const BURST: u32 = 40;
const BURST_WINDOW: f64 = 1.0;
/// How much wider the window is after a burst that did not help: if it was a crowd, it shows then.
const WIDER_AFTER_BURST: f64 = 2.0;
/// Where versions tell nothing: the waits before the first burst, and its tries.
const WAITS_UNTOLD: u32 = 8;
const BURST_UNTOLD: u32 = 4;
/// No burst has more tries.
const LARGEST_BURST: u32 = 256;
/// Numbers from here on are clocks, or count more than one resource.
const NO_COUNT: u64 = 1_000_000_000;
/// More commits per round trip than this were not made by writers like us: not a count either.
const MOST_COMMITS: f64 = 2.0;
/// No round trip is taken to be shorter, for it divides.
const SHORTEST_TRIP: Duration = Duration::from_micros(10);

/// What is known when a race was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostRace {
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
    /// Waits so far, but for those within bursts.
    waits: u32,
    /// The window of the last wait, in round trips, before any cap; those within bursts do not count.
    window: f64,
    /// The race before.
    before: Option<LostRace>,
    /// Waits in a row that found the resource busy all the time.
    saturated: u32,
    /// Bursts so far.
    bursts: u32,
    /// Quick tries that are left of the burst.
    quick: u32,
    /// The last wait was one within a burst.
    in_burst: bool,
}

/// The next wait, in round trips: between these two.
struct Window {
    least: f64,
    most: f64,
}

impl Contention {
    /// The wait after one more lost race. `first` is the first window if the user set one, and `jitter`
    /// is evenly drawn from nothing to one.
    pub(super) fn wait(
        &mut self,
        lost: LostRace,
        first: Option<Duration>,
        cap: Duration,
        jitter: f64,
    ) -> Duration {
        let trip = lost.round_trip.max(SHORTEST_TRIP);
        let first = first.map(|first| first.div_duration_f64(trip));
        let Window { least, most } = self.next(lost, first);
        self.before = Some(lost);
        let longest = cap.min(lost.left.mul_f64(PART_OF_TIME_LEFT)).as_secs_f64();
        let window = (most * trip.as_secs_f64()).min(longest);
        Duration::try_from_secs_f64(window * (least + (1.0 - least) * jitter)).unwrap_or(cap)
    }

    /// The next window; `least` is a part of it.
    fn next(&mut self, lost: LostRace, first: Option<f64>) -> Window {
        if self.quick > 0 {
            return self.quick_try();
        }
        let after_burst = std::mem::take(&mut self.in_burst);
        let least = match self.commits_since(lost) {
            _ if self.waits == 0 => {
                let untold = lost.count.is_none();
                self.window = first.unwrap_or(if untold { FIRST_UNTOLD } else { FIRST });
                0.0
            }
            Some(_) if after_burst => {
                self.window *= WIDER_AFTER_BURST;
                LEAST
            }
            Some((commits, over)) => {
                if over >= LONG_ENOUGH && commits >= SATURATED * over {
                    self.saturated += 1;
                    if self.saturated >= SATURATED_WAITS {
                        // After a burst that does not help, one such wait is enough.
                        self.saturated = SATURATED_WAITS - 1;
                        return self.burst(BURST);
                    }
                } else {
                    self.saturated = 0;
                    self.window *= fit(commits, over);
                }
                if self.window < NARROW {
                    LEAST_IF_NARROW
                } else {
                    LEAST
                }
            }
            None if self.waits >= WAITS_UNTOLD && !after_burst => return self.burst(BURST_UNTOLD),
            None => {
                let step = first.unwrap_or(FIRST_UNTOLD);
                self.window = step * f64::from(self.waits + 1);
                LEAST_UNTOLD
            }
        };
        self.waits += 1;
        Window {
            least,
            most: self.window,
        }
    }

    /// Begins a burst: each has twice as many tries as the one before.
    fn burst(&mut self, first: u32) -> Window {
        let tries = first.saturating_mul(1_u32.checked_shl(self.bursts).unwrap_or(u32::MAX));
        self.quick = tries.min(LARGEST_BURST);
        self.bursts += 1;
        self.quick_try()
    }

    fn quick_try(&mut self) -> Window {
        self.quick = self.quick.saturating_sub(1);
        self.in_burst = true;
        Window {
            least: 0.0,
            most: BURST_WINDOW,
        }
    }

    /// How many commits the others made since the last race that was lost, and how many round trips that
    /// was ago.
    fn commits_since(&self, lost: LostRace) -> Option<(f64, f64)> {
        let before = self.before?;
        let moved = lost.count?.checked_sub(before.count?)?;
        let commits = f64::from(u32::try_from(moved).ok()?);
        let over = lost.elapsed.saturating_sub(before.elapsed);
        let over = over.div_duration_f64(lost.round_trip.max(SHORTEST_TRIP));
        (moved > 0 && commits <= MOST_COMMITS * (over + 1.0)).then_some((commits, over))
    }
}

/// By how much the window is too narrow, after so many commits over so many round trips.
fn fit(commits: f64, over: f64) -> f64 {
    // The refusal tells of one commit more than the version does.
    let busy = commits + 1.0 + PRIOR;
    let idle = (over - commits).max(0.0) + PRIOR;
    let tries = busy / idle;
    let more = if tries > 1.0 {
        MORE_IF_BUSY
    } else {
        MORE_IF_IDLE
    };
    // Those that succeeded do not come back: the others are the busy part.
    (tries * more * busy / (busy + idle)).clamp(NARROWER, WIDER)
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
mod tests;
