//! The schedule of waits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use backon::{BackoffBuilder, ExponentialBuilder};

use super::contention::{Contention, LostRace};
use super::waits::Waits;

/// The first window after a transient failure if no round trip has been measured yet.
const FIRST_WINDOW: Duration = Duration::from_millis(10);
/// The shortest first window that a measured round trip leads to.
const SHORTEST_WINDOW: Duration = Duration::from_millis(1);
/// The default maximum of a window.
const LARGEST_WINDOW: Duration = Duration::from_secs(5);
/// The default factor from one window to the next.
const GROWTH: f32 = 2.0;
/// The default retry budget of one client.
const BUDGET: u32 = 100;

type ScheduleSource = Arc<dyn Fn() -> Box<dyn Iterator<Item = Duration> + Send> + Send + Sync>;

/// The waits before retries.
///
/// # Default
///
/// | after | wait |
/// |---|---|
/// | the first lost race | none |
/// | the second | drawn evenly from 0 to 10 measured round trips (16 without numeric versions) |
/// | a later one | from two thirds of a window (a third without numeric versions) to all of it, or less if it is narrow |
/// | a transient failure | drawn evenly from 0 to a window of one round trip, at least 1 ms, which doubles with each failure |
///
/// A *window* is the longest wait that may be drawn. No window exceeds 5 s ([`cap`](Self::cap)). No window after a
/// race exceeds a quarter of the remaining time of the write, so that an old write is favoured over a new one.
///
/// The window after a race fits the number of writers. If versions are numeric (`"7"`, `7-c0ffee`), their increase
/// during the wait shows how busy the others kept the resource. The window then grows or shrinks by busy time over
/// idle time, at most 5-fold at once. Without numeric versions, it grows by 16 round trips with each race.
///
/// One writer that never pauses keeps the resource as busy as a crowd does, and waiting does not make it less busy.
/// Only many tries get through. If the resource is as busy during a longer wait as during the one before, or busy all
/// the time during two waits, up to 50 quick tries follow, fewer if it is idle now and then. If they fail, another
/// wait shows whether the resource is still as busy, and the next burst has twice as many tries. Without numeric
/// versions, a burst follows each wait after 320 round trips, or after a fifth of the time if that is earlier. The less
/// time is left, the more tries it has.
///
/// The next table shows a simulation (`benches/contention`) of processes that commit one edit each to one resource,
/// all at the same time, 20 ms away from it:
///
/// | writers | requests per commit | time, one after the other = 1 | slowest ÷ median | given up |
/// |---|---|---|---|---|
/// | 2 | 3.0 | 1.01 | 1.0 | none |
/// | 8 | 6.1 | 1.25 | 1.7 | none |
/// | 64 | 9.3 | 1.17 | 2.8 | none |
/// | 256 | 11.1 | 1.04 | 2.4 | none |
/// | 1 000 | 18.2 | 0.68 | 2.2 | none |
/// | 64, no numeric versions | 9.0 | 1.57 | 3.8 | none |
/// | 1 000, no numeric versions | 148 | 0.54 | 2.1 | none |
/// | 64 that retry at once | 64.8 | 1.00 | 1.9 | none |
/// | 64 with Kubernetes' `RetryOnConflict` | 124 | 1.2 | 1.7 | 92 % |
///
/// The last table shows writers beside one that never pauses, is also 20 ms away and lets about one try in sixty
/// through. It gives the number of round trips until the last of the other edits is stored:
///
/// | other writers | that retry at once | numeric versions | no numeric versions |
/// |---|---|---|---|
/// | 1 | 129 | 201 | 459 |
/// | 2 | 126 | 264 | 523 |
/// | 4 | 63 to 65 | 327 | 468 |
/// | 8 | 64 to 87 | 425 | 463 |
///
/// Without numeric versions, a writer that has lost every try cannot know whether it lost to one other writer or to
/// a thousand. The waits are a compromise between the two cases.
///
/// An overloaded server gets relief as well. It counts as overloaded if more than six of ten recent first tries
/// ended with 429, 502, 503 or 504, or with no response. The requests of the client and its clones then go one
/// after another, each after a pause. The pause doubles with every such response, up to one second or the cap, and
/// is quartered by every other response. [`WriteReport::waited`](crate::WriteReport::waited) includes the pauses. A
/// call without enough time for them sends nothing more and ends as `Exhausted`, or as `OutcomeUnknown` if it had
/// sent a write whose outcome could not be checked.
///
/// The windows come from the crate `backon`. The crate `backoff`, which offers the same, has been unmaintained
/// since 2025 (RUSTSEC-2025-0012), and its dependency `instant` is unmaintained too (RUSTSEC-2024-0384). If you
/// already have one of its schedules, use it through the feature `backoff` and `RetryPolicy::backoff`.
///
/// # Example
///
/// ```
/// use std::time::Duration;
/// use ifmatch::RetryPolicy;
///
/// let patient = RetryPolicy::default().first(Duration::from_millis(50)).cap(Duration::from_secs(20));
/// let fixed = RetryPolicy::schedule(|| [1, 2, 3].into_iter().map(Duration::from_secs));
/// # let _ = (patient, fixed);
/// ```
#[derive(Clone)]
pub struct RetryPolicy {
    first: Option<Duration>,
    pub(super) cap: Duration,
    factor: f32,
    source: Option<ScheduleSource>,
    pub(super) budget: u32,
    /// Crate-wide, because `testing` sets it.
    pub(crate) waits: Waits,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: None,
            cap: LARGEST_WINDOW,
            factor: GROWTH,
            source: None,
            budget: BUDGET,
            waits: Waits::default(),
        }
    }
}

impl fmt::Debug for RetryPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryPolicy")
            .field("first", &self.first)
            .field("cap", &self.cap)
            .field("factor", &self.factor)
            .field("custom", &self.source.is_some())
            .field("budget", &self.budget)
            .field("waits", &self.waits)
            .finish()
    }
}

impl RetryPolicy {
    /// Sets the first window (default one measured round trip and at least 1 ms, or 10 or 16 of them after a race).
    pub fn first(mut self, window: Duration) -> Self {
        self.first = Some(window);
        self
    }

    /// Sets the largest window (default 5 s).
    pub fn cap(mut self, window: Duration) -> Self {
        self.cap = window;
        self
    }

    /// Sets the factor by which each window after a transient failure grows (default 2). A factor below 1 counts as
    /// 1.
    pub fn factor(mut self, factor: f32) -> Self {
        self.factor = if factor.is_finite() {
            factor.max(1.0)
        } else {
            GROWTH
        };
        self
    }

    /// Sets the retry budget for transient failures, shared by all writes of the client (default 100 retries).
    ///
    /// Every five successes add one retry.
    pub fn budget(mut self, retries: u32) -> Self {
        self.budget = retries;
        self
    }

    /// Creates a policy whose waits come from an iterator.
    ///
    /// Each write takes a new iterator. When the iterator ends, the retries are spent, and the write ends as
    /// [`Exhausted`](crate::ErrorKind::Exhausted), or as `Transport` if the server cannot be reached.
    pub fn schedule<F, I>(source: F) -> Self
    where
        F: Fn() -> I + Send + Sync + 'static,
        I: IntoIterator<Item = Duration>,
        I::IntoIter: Send + 'static,
    {
        Self {
            source: Some(Arc::new(move || Box::new(source().into_iter()))),
            ..Self::default()
        }
    }

    /// Creates a policy from a schedule of the crate `backoff`.
    ///
    /// Each write takes a new schedule. When the schedule returns `None`, the retries are spent, and the write ends as
    /// [`Exhausted`](crate::ErrorKind::Exhausted), or as `Transport` if the server cannot be reached.
    ///
    /// # Example
    ///
    /// ```
    /// use std::time::Duration;
    /// use backoff::ExponentialBackoff;
    /// use ifmatch::RetryPolicy;
    ///
    /// let policy = RetryPolicy::backoff(|| ExponentialBackoff {
    ///     max_elapsed_time: Some(Duration::from_secs(10)),
    ///     ..ExponentialBackoff::default()
    /// });
    /// # let _ = policy;
    /// ```
    #[cfg(feature = "backoff")]
    pub fn backoff<F, B>(source: F) -> Self
    where
        F: Fn() -> B + Send + Sync + 'static,
        B: ::backoff::backoff::Backoff + Send + 'static,
    {
        Self::schedule(move || {
            let mut schedule = source();
            schedule.reset();
            std::iter::from_fn(move || schedule.next_backoff())
        })
    }

    /// Returns the waits of one write.
    pub(crate) fn delays(&self, round_trip: Option<Duration>) -> Delays {
        if let Some(source) = &self.source {
            return Delays {
                windows: source(),
                own: None,
            };
        }
        // A clock that measures nothing must not lead to tries without any wait.
        let measured = round_trip.map(|trip| trip.max(SHORTEST_WINDOW));
        let first = self.first.or(measured).unwrap_or(FIRST_WINDOW);
        // The jitter is applied in `Delays::next`, because backon adds its own on top of the cap.
        let windows = ExponentialBuilder::new()
            .with_min_delay(first.min(self.cap))
            .with_max_delay(self.cap)
            .with_factor(self.factor)
            .without_max_times()
            .build();
        Delays {
            windows: Box::new(windows),
            own: Some(Own {
                first: self.first,
                cap: self.cap,
                contention: Contention::default(),
            }),
        }
    }
}

/// The waits of one write, one after the other.
pub(crate) struct Delays {
    windows: Box<dyn Iterator<Item = Duration> + Send>,
    /// The state of the built-in schedule, or `None` for a schedule of the user.
    own: Option<Own>,
}

struct Own {
    first: Option<Duration>,
    cap: Duration,
    contention: Contention,
}

impl Delays {
    /// Returns the next wait for a transient cause, or `None` at the end of the schedule.
    pub(crate) fn next(&mut self) -> Option<Duration> {
        let window = self.windows.next()?;
        Some(if self.own.is_some() {
            window.mul_f64(fastrand::f64())
        } else {
            window
        })
    }

    /// Returns the next wait after a race, or `None` at the end of the schedule.
    pub(crate) fn after_race(&mut self, lost: LostRace) -> Option<Duration> {
        match &mut self.own {
            Some(own) => {
                let jitter = fastrand::f64();
                Some(own.contention.wait(lost, own.first, own.cap, jitter))
            }
            None => self.windows.next(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_wait_exceeds_the_cap() {
        let cap = Duration::from_millis(40);
        let mut delays = RetryPolicy::default().cap(cap).delays(None);
        for _ in 0..200 {
            assert!(delays.next().is_some_and(|delay| delay <= cap));
        }
    }

    #[test]
    fn the_first_window_is_one_measured_round_trip() {
        let trip = Duration::from_millis(3);
        for _ in 0..100 {
            let mut delays = RetryPolicy::default().delays(Some(trip));
            assert!(delays.next().is_some_and(|delay| delay <= trip));
        }
    }

    #[test]
    fn windows_grow_by_the_factor_and_by_nothing_that_is_none() {
        let second = Duration::from_secs(1);
        let widest = |factor| {
            let policy = RetryPolicy::default().first(second).cap(second * 60);
            let windows = policy.factor(factor).delays(None).windows;
            windows.take(3).collect::<Vec<_>>()
        };
        assert_eq!(widest(3.0), [1, 3, 9].map(|n| second * n));
        assert_eq!(widest(0.1), [second; 3]);
        assert_eq!(widest(f32::NAN), [1, 2, 4].map(|n| second * n));
    }

    #[test]
    fn a_schedule_of_the_users_is_kept_to_the_letter_and_ends() {
        let policy = RetryPolicy::schedule(|| [7, 9].map(Duration::from_millis));
        let mut delays = policy.delays(None);
        assert_eq!(delays.next(), Some(Duration::from_millis(7)));
        assert_eq!(delays.next(), Some(Duration::from_millis(9)));
        assert_eq!(delays.next(), None);
    }

    #[cfg(feature = "backoff")]
    #[test]
    fn a_schedule_of_the_crate_backoff_serves() {
        use ::backoff::backoff::Constant;
        let policy = RetryPolicy::backoff(|| Constant::new(Duration::from_millis(5)));
        let mut delays = policy.delays(None);
        assert_eq!(delays.next(), Some(Duration::from_millis(5)));
        assert_eq!(delays.next(), Some(Duration::from_millis(5)));
    }
}
