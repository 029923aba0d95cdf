//! Spreads the tries of one write after lost races.
//!
//! A try is a read and a write. It succeeds if no other client commits in the round trip between them. Each commit
//! therefore keeps the resource *busy* for one round trip. The rest of the time the resource is *idle*. If all
//! writers together make one try per idle round trip, the resource is busy half of the time, and each commit costs
//! four requests and two round trips. That takes as long as making the edits one after the other. More tries are
//! faster and cost more: `t` tries per idle round trip take `2 + 2t` requests and `1 + 1/t` round trips per commit.
//! Each writer has to estimate how many others there are. A numeric version shows this. Its increase during a wait
//! is the number of commits, and busy time divided by idle time is the factor by which there are too many or too
//! few tries.
//!
//! A single writer that never pauses also keeps the resource busy all the time, and waiting does not change that.
//! It commits once per round trip, so every try of ours meets a commit, unless its request happens to take longer
//! than ours. Only more tries help. A crowd, on the other hand, thins out as its writers wait. So the window is
//! widened first, as for a crowd. If the resource stays busy for two wide waits in a row, waiting is useless, and a
//! burst of quick tries follows. Without numeric versions, the two cases look the same for a long time, so the
//! bursts come only after many waits.
//!
//! A version is otherwise opaque (RFC 9110 8.8.3). Only the length of a wait depends on this reading of it.

use std::time::Duration;

use crate::protocol::Validator;

/// The first window with numeric versions, in round trips. It is enough for a dozen writers, and short for six.
const FIRST: f64 = 12.0;
/// The first window without numeric versions, in round trips, and the increment of each later one.
const FIRST_UNTOLD: f64 = 16.0;
/// The largest and the smallest factor by which one wait can change the window.
const WIDER: f64 = 4.5;
const NARROWER: f64 = 0.05;
/// Extra factors on busy time over idle time, because some of the other writers come back.
const MORE_IF_BUSY: f64 = 2.0;
const MORE_IF_IDLE: f64 = 1.5;
/// The minimum wait, as a part of the window. The first wait has no minimum and spreads over the whole window.
/// Later waits take most of the window, which leaves fewer stragglers and a silence in which a crowd shows.
const LEAST: f64 = 0.65;
const LEAST_UNTOLD: f64 = 0.5;
/// The same for windows narrower than `NARROW` round trips, where few other writers are left.
const LEAST_IF_NARROW: f64 = 0.2;
const NARROW: f64 = 28.0;
/// The largest window, as a part of the time left. A write that has waited long therefore tries more often than a
/// new one, and no write sleeps past its deadline.
const PART_OF_TIME_LEFT: f64 = 0.25;
/// Added to the observed busy and idle round trips, so that a few observations have little weight.
const PRIOR: f64 = 0.8;
/// A resource that is busy for more than this part of the time counts as busy all the time. The limit is below 1
/// because the measured round trip is a little too short. At 0.90, each of a thousand writers takes the others for
/// one that never pauses.
const SATURATED: f64 = 0.93;
/// The minimum number of round trips for that judgement.
const LONG_ENOUGH: f64 = 25.0;
/// The number of consecutive waits that must find it so. In a dense crowd, a tenth of the writers see it once.
const SATURATED_WAITS: u32 = 2;
/// The number of tries in the first burst, and the window before each, in round trips. If round trips vary by a
/// tenth, one try in forty succeeds.
const BURST: u32 = 40;
const BURST_WINDOW: f64 = 1.0;
/// The factor on the window after a burst that failed. If the others are a crowd, it shows then.
const WIDER_AFTER_BURST: f64 = 2.0;
/// Without numeric versions: the number of waits before the first burst, and its number of tries.
const WAITS_UNTOLD: u32 = 8;
const BURST_UNTOLD: u32 = 4;
/// The maximum number of tries in a burst.
const LARGEST_BURST: u32 = 256;
/// Numbers from here on are clocks, or count the commits to more than one resource.
const NO_COUNT: u64 = 1_000_000_000;
/// The maximum number of commits per round trip. Ordinary writers do not exceed it, so a larger number is no count.
const MOST_COMMITS: f64 = 2.0;
/// The minimum round trip in calculations, because it is a divisor.
const SHORTEST_TRIP: Duration = Duration::from_micros(10);

/// The facts known when a race was lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LostRace {
    /// The number in the version that was refused, if there is one.
    pub(crate) count: Option<u64>,
    /// The time since the write began.
    pub(crate) elapsed: Duration,
    /// The remaining time of the write.
    pub(crate) left: Duration,
    /// The measured round trip.
    pub(crate) round_trip: Duration,
}

/// The lost races of one write.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contention {
    /// Waits so far, except those within bursts.
    waits: u32,
    /// The window of the last wait outside a burst, in round trips, before any cap.
    window: f64,
    /// The previous lost race.
    before: Option<LostRace>,
    /// Consecutive waits that found the resource busy all the time.
    saturated: u32,
    /// Bursts so far.
    bursts: u32,
    /// Quick tries left in the burst.
    quick: u32,
    /// Whether the last wait was within a burst.
    in_burst: bool,
}

/// The next wait: at most `most` round trips, and at least the part `least` of them.
struct Window {
    least: f64,
    most: f64,
}

impl Contention {
    /// Returns the wait after another lost race. `first` is the first window if the user set one. `jitter` is drawn
    /// evenly from 0 to 1.
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

    /// Returns the next window. Its `least` is a part of the window.
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
                        // After a burst that failed, one more such wait is enough for the next burst.
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

    /// Begins a burst. Each burst has twice as many tries as the one before.
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

    /// Returns the number of commits that other writers made since the previous lost race, and the number of round
    /// trips since then.
    fn commits_since(&self, lost: LostRace) -> Option<(f64, f64)> {
        let before = self.before?;
        let moved = lost.count?.checked_sub(before.count?)?;
        let commits = f64::from(u32::try_from(moved).ok()?);
        let over = lost.elapsed.saturating_sub(before.elapsed);
        let over = over.div_duration_f64(lost.round_trip.max(SHORTEST_TRIP));
        (moved > 0 && commits <= MOST_COMMITS * (over + 1.0)).then_some((commits, over))
    }
}

/// Returns the factor by which the window is too narrow, after a number of commits over a number of round trips.
fn fit(commits: f64, over: f64) -> f64 {
    // The refusal shows one more commit than the version does.
    let busy = commits + 1.0 + PRIOR;
    let idle = (over - commits).max(0.0) + PRIOR;
    let tries = busy / idle;
    let more = if tries > 1.0 {
        MORE_IF_BUSY
    } else {
        MORE_IF_IDLE
    };
    // Writers that succeeded do not come back. The busy part of the time is the part of the tries that failed.
    (tries * more * busy / (busy + idle)).clamp(NARROWER, WIDER)
}

/// Returns the number in a version, if it may count the commits to one resource: `"7"`, `W/"7"`, `7`, and
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
