//! The time of a write: when it ends, and how long each pause is.

use std::time::Duration;

use tokio::time::Instant;

use super::diagnosis::FailureCause;
use super::machine::events::Pause;
use crate::retry::{Delays, LostRace, ServerState, Waits, later};

/// Pause for a young validator to become usable. Also the first pause for a replica that lags behind.
const AGING: Duration = Duration::from_millis(300);
/// Pause before the second poll of an accepted write, if the server requests none.
const POLL: Duration = Duration::from_millis(100);
/// Upper bound of pauses that double.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// The time of one write.
pub(crate) struct Timer {
    started: Instant,
    /// Time spent waiting for a person, which does not count.
    paused_for: Duration,
    time: Duration,
    delays: Delays,
    waits: Waits,
    /// The waits that took no time, in all.
    counted: Duration,
}

impl Timer {
    pub(crate) fn new(started: Instant, time: Duration, delays: Delays, waits: Waits) -> Self {
        Self {
            started,
            paused_for: Duration::ZERO,
            time,
            delays,
            waits,
            counted: Duration::ZERO,
        }
    }

    /// Returns the time that the write has used.
    pub(crate) fn elapsed(&self) -> Duration {
        let elapsed = self.started.elapsed().saturating_sub(self.paused_for);
        elapsed.saturating_add(self.counted)
    }

    /// Returns the elapsed time, including waits for a person.
    pub(crate) fn elapsed_in_all(&self) -> Duration {
        self.started.elapsed()
    }

    pub(crate) fn deadline(&self) -> Instant {
        let end = later(later(self.started, self.paused_for), self.time);
        self.waits.earlier(end, self.counted)
    }

    /// Returns the time that is left.
    pub(crate) fn left(&self) -> Duration {
        self.deadline().saturating_duration_since(Instant::now())
    }

    /// Excludes the time since that moment.
    pub(crate) fn pause_since(&mut self, since: Instant) {
        self.paused_for += since.elapsed();
    }

    /// Returns the length of a pause. `count` is the version that was raced for, if versions are counted. `longest`
    /// is the longest pause that a server may request.
    ///
    /// # Errors
    ///
    /// Returns the cause if there must be no further try.
    pub(crate) fn length(
        &mut self,
        pause: Pause,
        count: Option<u64>,
        server: &ServerState,
        longest: Duration,
    ) -> Result<Duration, FailureCause> {
        match pause {
            Pause::RetryAfter(time) if time > longest => {
                return Err(FailureCause::WaitTooLong(time));
            }
            Pause::Aging(_) => return Ok(AGING),
            Pause::Lag(reads) => return Ok(doubled(AGING, reads)),
            Pause::Poll(Some(time), _) => return Ok(time.min(longest)),
            Pause::Poll(None, 1) => return Ok(Duration::ZERO),
            Pause::Poll(None, polls) => return Ok(doubled(POLL, polls - 1)),
            Pause::Transient(_) | Pause::RetryAfter(_) if !server.take_retry(Instant::now()) => {
                return Err(FailureCause::Budget);
            }
            Pause::RetryAfter(time) => return Ok(time),
            Pause::Race(_) => {
                let elapsed = self.elapsed();
                self.delays.after_race(LostRace {
                    count,
                    elapsed,
                    left: self.time.saturating_sub(elapsed),
                    round_trip: server.round_trip().unwrap_or_default(),
                })
            }
            Pause::Transient(_) => self.delays.next(),
        }
        .ok_or(FailureCause::ScheduleEnded)
    }

    /// Sleeps, unless the time does not allow it.
    ///
    /// # Errors
    ///
    /// Returns [`FailureCause::OutOfTime`] at once if the deadline would pass before the end of the sleep.
    pub(crate) async fn sleep(&mut self, time: Duration) -> Result<(), FailureCause> {
        if later(Instant::now(), time) >= self.deadline() {
            return Err(FailureCause::OutOfTime);
        }
        self.waits.pass(time).await;
        Ok(())
    }

    /// Counts the waits of the write so far, in all, if they took no time.
    pub(crate) fn count(&mut self, waited: Duration) {
        if self.waits != Waits::Slept {
            self.counted = waited;
        }
    }
}

/// Returns a pause that doubles each time.
fn doubled(first: Duration, times: u32) -> Duration {
    let factor = 1_u32.checked_shl(times.saturating_sub(1));
    let pause = first.saturating_mul(factor.unwrap_or(u32::MAX));
    pause.min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::retry::RetryPolicy;

    const LONGEST: Duration = Duration::from_secs(60);

    fn timer(time: Duration) -> (Timer, ServerState) {
        let policy = RetryPolicy::default();
        let timer = Timer::new(Instant::now(), time, policy.delays(None), policy.waits);
        (timer, ServerState::new(&policy, None))
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_waited_for_beyond_the_time_of_the_write() {
        let (mut timer, _) = timer(Duration::from_secs(10));
        assert!(timer.sleep(Duration::from_secs(9)).await.is_ok());
        assert_eq!(timer.left(), Duration::from_secs(1));
        let slept = timer.sleep(Duration::from_secs(1)).await;
        assert!(matches!(slept, Err(FailureCause::OutOfTime)));
        assert_eq!(timer.elapsed(), Duration::from_secs(9));
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_of_a_person_does_not_count() {
        let (mut timer, _) = timer(Duration::from_secs(10));
        let asked = Instant::now();
        tokio::time::advance(Duration::from_secs(100)).await;
        timer.pause_since(asked);
        assert_eq!(timer.left(), Duration::from_secs(10));
        assert_eq!(timer.elapsed(), Duration::ZERO);
        assert_eq!(timer.elapsed_in_all(), Duration::from_secs(100));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_double_up_to_five_seconds_and_servers_are_heeded_up_to_the_limit() {
        let (mut timer, server) = timer(Duration::from_secs(30));
        let mut length = |pause| timer.length(pause, None, &server, LONGEST);
        for (pause, expected) in [
            (Pause::Lag(1), AGING),
            (Pause::Lag(2), 2 * AGING),
            (Pause::Lag(40), LONGEST_PAUSE),
            (Pause::Poll(None, 1), Duration::ZERO),
            (Pause::Poll(None, 3), 2 * POLL),
            (Pause::Poll(Some(2 * LONGEST), 3), LONGEST),
            (Pause::RetryAfter(LONGEST), LONGEST),
        ] {
            assert_eq!(length(pause).ok(), Some(expected), "{pause:?}");
        }
        assert!(matches!(
            length(Pause::RetryAfter(2 * LONGEST)),
            Err(FailureCause::WaitTooLong(_))
        ));
    }

    #[tokio::test(start_paused = true)]
    async fn transient_failures_are_tried_again_as_long_as_the_budget_lasts() {
        let (mut timer, server) = timer(Duration::from_secs(30));
        let mut tries = 0;
        let cause = loop {
            match timer.length(Pause::Transient(1), None, &server, LONGEST) {
                Ok(_) => tries += 1,
                Err(cause) => break cause,
            }
        };
        assert!(
            matches!(cause, FailureCause::Budget) && tries == 100,
            "{tries}"
        );
    }
}
