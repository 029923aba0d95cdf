//! How long a contender watches a record before it may take it over. Pure: it is told the time.

use std::time::Duration;

use super::clock::LeaseTime;

/// One contender's view of a lease whose record lies where everybody can read it.
///
/// No clock of another machine is believed. A record may be taken over once it has not changed for the ttl that it
/// states, by the clocks of the contender. Each change starts the time anew.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(Hash))]
pub struct Contender {
    seen: Option<Seen>,
}

#[derive(Clone, Debug)]
#[cfg_attr(test, derive(Hash))]
struct Seen {
    mark: String,
    since: LeaseTime,
}

/// What a contender does with a record that it has read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextTry {
    /// The lease has ended. Replace exactly the record that was read.
    TakeOver,
    /// The lease may last for this time.
    Wait(Duration),
}

impl Contender {
    /// Decides about a record that is held. `mark` identifies its state, and differs after each renewal. `ttl` is the one
    /// that the record states.
    pub fn sees(&mut self, mark: &str, ttl: Duration, now: LeaseTime) -> NextTry {
        let known = self.seen.as_ref().filter(|seen| seen.mark == mark);
        let Some(since) = known.map(|seen| seen.since) else {
            self.seen = Some(Seen {
                mark: mark.to_owned(),
                since: now,
            });
            return NextTry::Wait(ttl);
        };
        let left = ttl.saturating_sub(now.shortest_since(since));
        if left.is_zero() {
            NextTry::TakeOver
        } else {
            NextTry::Wait(left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(15);

    #[test]
    fn a_record_is_watched_for_its_own_time_before_it_is_taken_over() {
        let mut contender = Contender::default();
        assert_eq!(
            contender.sees("a-1", TTL, LeaseTime::at(0, 0)),
            NextTry::Wait(TTL)
        );
        let left = NextTry::Wait(Duration::from_secs(5));
        assert_eq!(contender.sees("a-1", TTL, LeaseTime::at(10, 10)), left);
        assert_eq!(
            contender.sees("a-1", TTL, LeaseTime::at(15, 15)),
            NextTry::TakeOver
        );
    }

    #[test]
    fn a_change_starts_the_time_anew() {
        let mut contender = Contender::default();
        contender.sees("a-1", TTL, LeaseTime::at(0, 0));
        assert_eq!(
            contender.sees("a-2", TTL, LeaseTime::at(14, 14)),
            NextTry::Wait(TTL)
        );
        assert_ne!(
            contender.sees("a-2", TTL, LeaseTime::at(28, 28)),
            NextTry::TakeOver
        );
    }

    #[test]
    fn a_contender_whose_wall_clock_is_set_forward_robs_nobody() {
        let mut contender = Contender::default();
        contender.sees("a-1", TTL, LeaseTime::at(0, 0));
        assert_ne!(
            contender.sees("a-1", TTL, LeaseTime::at(1, 3_600)),
            NextTry::TakeOver
        );
    }

    #[test]
    fn the_time_of_the_record_counts_and_not_that_of_the_contender() {
        let mut contender = Contender::default();
        let long = Duration::from_secs(60);
        contender.sees("a-1", long, LeaseTime::at(0, 0));
        assert_ne!(
            contender.sees("a-1", long, LeaseTime::at(15, 15)),
            NextTry::TakeOver
        );
    }
}
