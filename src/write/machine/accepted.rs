//! The machine and writes that the server has accepted and not carried out yet (202, RFC 9110 15.3.3).
//!
//! The server has the request, so it is never sent again. Its status monitor is asked for, as long as the
//! call has time; without one the resource itself is read until it shows the write. What does not end in
//! time is [`Outcome::Accepted`].

use std::time::Duration;

use super::super::plan::{Action, Goal, Outcome, Pause, Progress, Seen};
use super::{Doubt, LAGGING_READS, Machine, Phase, Then, Why};

impl<V: Clone + PartialEq> Machine<V> {
    /// Whether the server has accepted a request and not told yet what became of it.
    pub(super) fn is_pending(&self) -> bool {
        self.doubt.is_some_and(|doubt| doubt.pending)
    }

    pub(super) fn accepted(&mut self, wait: Option<Duration>) -> Action<V> {
        self.doubt = Some(Doubt {
            pending: true,
            own: true,
        });
        self.poll_later(wait)
    }

    /// Waits before the next question about an accepted write.
    pub(super) fn poll_later(&mut self, wait: Option<Duration>) -> Action<V> {
        if self.tally.polls >= self.plan.max_polls {
            return self.finish(Outcome::Accepted);
        }
        self.tally.polls += 1;
        let action = self.wait(Pause::Poll(wait, self.tally.polls), Then::Follow);
        self.waiting_for = Outcome::Accepted;
        action
    }

    pub(super) fn follow(&mut self) -> Action<V> {
        self.tally.requests += 1;
        self.phase = Phase::Following;
        Action::Follow
    }

    pub(super) fn followed(&mut self, progress: Progress) -> Action<V> {
        let append = self.plan.goal == Goal::Append;
        match progress {
            Progress::Running(wait) => self.poll_later(wait),
            Progress::Done if append => self.finish(Outcome::Stored),
            Progress::Done => {
                self.same_again = 0;
                self.ask_read(Why::Done)
            }
            Progress::Refused => {
                self.doubt = None;
                self.ask_handler(None, Outcome::Refused)
            }
            // Nothing but the collection could be read.
            Progress::Untold if append => self.finish(Outcome::Accepted),
            Progress::Untold => self.ask_read(Why::Settle),
        }
    }

    /// The server says that it has carried the write out; the read shows what that came to. One that shows
    /// what was there before may come from a replica that lags behind, or the monitor told of something else.
    pub(super) fn done(&mut self, seen: &Seen<V>) -> Action<V> {
        let removes = self.plan.goal == Goal::Delete || self.removing;
        let outdated = if removes {
            *seen != Seen::Absent
        } else {
            *seen == Seen::Absent || self.is_base(seen)
        };
        if !outdated {
            self.rebase(seen);
            return self.finish(Outcome::Settled);
        }
        self.same_again += 1;
        if self.same_again > LAGGING_READS {
            return self.finish(Outcome::Accepted);
        }
        let action = self.wait(Pause::Lag(self.same_again), Then::Read(Why::Done));
        self.waiting_for = Outcome::Accepted;
        action
    }
}
