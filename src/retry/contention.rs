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
//! A single writer that never pauses also keeps the resource busy, and waiting does not change that. A try succeeds
//! only if its round trip is shorter than the time between two of that writer's commits. Only more tries help. A
//! crowd, on the other hand, thins out as its writers wait. So the window is widened first, as for a crowd. If the
//! resource is as busy during the wider wait as before, waiting is useless, and a burst of quick tries follows.
//!
//! Without numeric versions, the two cases look the same for a long time. After many round trips, each wait is
//! followed by a burst, which is longer the less time is left.
//!
//! A version is otherwise opaque (RFC 9110 8.8.3). Only the length of a wait depends on this reading of it.

mod commits;

use std::time::Duration;

use commits::Commits;
pub(crate) use commits::{LostRace, count};

/// The first window with numeric versions, in round trips. It is enough for ten writers, and short for five.
const FIRST: f64 = 10.0;
/// The first window without numeric versions, in round trips, and the increment of each later one.
const FIRST_UNTOLD: f64 = 16.0;
/// The minimum wait, as a part of the window. The first wait has no minimum and spreads over the whole window.
/// Later waits take most of the window, which leaves fewer stragglers and a silence in which a crowd shows.
const LEAST: f64 = 0.65;
const LEAST_UNTOLD: f64 = 0.35;
/// The same for windows narrower than `NARROW` round trips, where few other writers are left.
const LEAST_IF_NARROW: f64 = 0.2;
const NARROW: f64 = 28.0;
/// The largest window, as a part of the time left. A write that has waited long therefore tries more often than a
/// new one, and no write sleeps past its deadline.
const PART_OF_TIME_LEFT: f64 = 0.25;

/// The minimum length of a wait that shows whether waiting helps, in round trips.
const LONG_ENOUGH: f64 = 25.0;
/// Waiting does not help if the resource is still busy for at least this part of what it was, although the wait was
/// longer by at least this factor. Even a thousand writers fall below it.
const AS_BUSY: f64 = 0.95;
const LONGER: f64 = 1.5;
/// A resource that is busy for more than this part of the time is busy all the time. A second wait of the same
/// length is then enough. The limit is below 1 because the measured round trip is a little too short. At 0.90, each
/// of a thousand writers takes the others for one that never pauses.
const SATURATED: f64 = 0.96;

/// The tries of the first burst, as a multiple of those that are expected to be needed, and their bounds. If the
/// round trips of both writers are equally long and vary by a tenth, one try in sixty succeeds.
const BURST: f64 = 2.5;
const SHORTEST_BURST: f64 = 4.0;
const LONGEST_FIRST_BURST: f64 = 50.0;
const LONGEST_BURST: f64 = 256.0;
/// The window before each try of a burst, in round trips.
const BURST_WINDOW: f64 = 0.4;
/// The largest window between two bursts, in round trips. It suffices to see whether waiting helps by now.
const BETWEEN_BURSTS: f64 = 60.0;

/// Without numeric versions, there are no bursts before so many round trips or this part of the time have passed,
/// whichever is less. A crowd of a hundred is gone by then.
const QUIET_UNTOLD: f64 = 320.0;
const QUIET_PART_UNTOLD: f64 = 0.2;
/// Without numeric versions, the tries of a burst for each round trip of the window before it, and how much this
/// grows with the time that has passed, as a multiple of the time left.
const BURST_UNTOLD: f64 = 0.2;
const MORE_WITH_AGE: f64 = 2.0;

/// The lost races of one write.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Contention {
    /// Waits so far, except those within bursts.
    waits: u32,
    /// The window of the last wait outside a burst, in round trips, before any cap.
    window: f64,
    /// The previous lost race.
    before: Option<LostRace>,
    /// What the last wait that was long enough showed.
    seen: Option<Commits>,
    /// The window to return to as soon as waiting helps. `None`: waiting may help.
    useless: Option<f64>,
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
        let longest = cap.min(lost.left.mul_f64(PART_OF_TIME_LEFT));
        let first = first.map(|first| lost.trips(first));
        let Window { least, most } = self.next(lost, first, lost.trips(longest));
        self.before = Some(lost);
        let window = (most * lost.trip().as_secs_f64()).min(longest.as_secs_f64());
        Duration::try_from_secs_f64(window * (least + (1.0 - least) * jitter)).unwrap_or(cap)
    }

    /// Returns the next window. No wait will be longer than `longest` round trips.
    fn next(&mut self, lost: LostRace, first: Option<f64>, longest: f64) -> Window {
        if self.quick > 0 {
            return self.quick_try();
        }
        let after_burst = std::mem::take(&mut self.in_burst);
        let commits = (self.before).and_then(|before| Commits::between(&before, &lost));
        let least = match commits {
            _ if self.waits == 0 => {
                let untold = lost.count.is_none();
                self.window = first.unwrap_or(if untold { FIRST_UNTOLD } else { FIRST });
                0.0
            }
            Some(commits) => {
                // The quick tries of a burst show too little for a judgement.
                if !after_burst && let Some(tries) = self.judge(commits) {
                    return self.burst(tries);
                }
                if self.window < NARROW {
                    LEAST_IF_NARROW
                } else {
                    LEAST
                }
            }
            None => {
                let quiet = lost.trips(lost.elapsed.saturating_add(lost.left)) * QUIET_PART_UNTOLD;
                let elapsed = lost.trips(lost.elapsed);
                if !after_burst && elapsed >= quiet.min(QUIET_UNTOLD) {
                    let age = elapsed / lost.trips(lost.left).max(1.0);
                    let waited = self.window.min(longest);
                    return self.burst(waited * BURST_UNTOLD * (1.0 + MORE_WITH_AGE * age));
                }
                self.window = first.unwrap_or(FIRST_UNTOLD) * f64::from(self.waits + 1);
                LEAST_UNTOLD
            }
        };
        self.waits += 1;
        Window {
            least,
            most: self.window,
        }
    }

    /// Fits the window to the commits during the last wait. If waiting does not help, returns the number of tries
    /// for a burst instead.
    fn judge(&mut self, commits: Commits) -> Option<f64> {
        let (busy, over) = (commits.busy(), commits.over);
        if over < LONG_ENOUGH {
            self.window *= commits.fit();
            return None;
        }
        let before = self.seen.replace(commits);
        let may_tell = |before: Commits| {
            over >= LONGER * before.over || busy >= SATURATED || self.useless.is_some()
        };
        if before.is_some_and(|before| busy >= AS_BUSY * before.busy() && may_tell(before)) {
            self.useless.get_or_insert(self.window);
            self.window = self.window.min(BETWEEN_BURSTS);
            let needed = 1.0 / (1.0 - busy).max(f64::EPSILON);
            let doubled = 2.0_f64.powf(f64::from(self.bursts));
            return Some((BURST * needed).clamp(SHORTEST_BURST, LONGEST_FIRST_BURST) * doubled);
        }
        if let Some(window) = self.useless.take() {
            self.window = window;
        }
        if busy < SATURATED {
            self.window *= commits.fit();
        }
        None
    }

    fn burst(&mut self, tries: f64) -> Window {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is from 1 to 256"
        )]
        let tries = tries.clamp(1.0, LONGEST_BURST).ceil() as u32;
        self.quick = tries;
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
}

#[cfg(test)]
mod tests;
