//! What a lost race shows about the other writers.

use std::time::Duration;

use crate::protocol::Validator;

/// Numbers from here on are clocks, or count the commits to more than one resource.
const NO_COUNT: u64 = 1_000_000_000;
/// The maximum number of commits per round trip. Ordinary writers do not exceed it, so a larger number is no count.
const MOST_COMMITS: f64 = 2.0;
/// The minimum round trip in calculations, because it is a divisor.
const SHORTEST_TRIP: Duration = Duration::from_micros(10);
/// The largest and the smallest factor by which one wait can change the window.
const WIDER: f64 = 5.0;
const NARROWER: f64 = 0.05;
/// An extra factor on busy time over idle time if there are too many tries, because some of the other writers come
/// back.
const MORE_IF_BUSY: f64 = 1.5;
/// Added to the observed busy and idle round trips, so that a few observations have little weight.
const PRIOR: f64 = 0.8;

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

impl LostRace {
    /// Returns a time in round trips.
    pub(super) fn trips(&self, time: Duration) -> f64 {
        time.div_duration_f64(self.trip())
    }

    pub(super) fn trip(&self) -> Duration {
        self.round_trip.max(SHORTEST_TRIP)
    }
}

/// The commits of others during a wait.
#[derive(Clone, Copy, Debug)]
pub(super) struct Commits {
    commits: f64,
    /// The length of the wait and of the try after it, in round trips.
    pub(super) over: f64,
}

impl Commits {
    /// Returns the commits between two lost races. `None`: the versions do not count them.
    pub(super) fn between(before: &LostRace, lost: &LostRace) -> Option<Self> {
        let moved = lost.count?.checked_sub(before.count?)?;
        let commits = f64::from(u32::try_from(moved).ok()?);
        let over = lost.trips(lost.elapsed.saturating_sub(before.elapsed));
        (moved > 0 && commits <= MOST_COMMITS * (over + 1.0)).then_some(Self { commits, over })
    }

    /// Returns the part of the time in which the resource was busy.
    pub(super) fn busy(self) -> f64 {
        self.commits / self.over
    }

    /// Returns the factor by which the window is too narrow.
    pub(super) fn fit(self) -> f64 {
        // The refusal shows one more commit than the version does.
        let busy = self.commits + 1.0 + PRIOR;
        let idle = (self.over - self.commits).max(0.0) + PRIOR;
        let tries = busy / idle;
        let more = if tries > 1.0 { MORE_IF_BUSY } else { 1.0 };
        // Writers that succeeded do not come back. The busy part of the time is the part of the tries that failed.
        (tries * more * busy / (busy + idle)).clamp(NARROWER, WIDER)
    }
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
