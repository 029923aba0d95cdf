//! The machine after a 202: the server has accepted the write and not carried it out yet (RFC 9110 15.3.3).
//!
//! The server has the request, so it is never sent again. While the call has time, its status monitor is polled.
//! Without a monitor, the resource itself is read until it shows the write. A write that does not finish in time
//! ends as [`OutcomeKind::Accepted`].

use std::time::Duration;

use super::{Doubt, LAGGING_READS, Machine, Phase, Then, Why};
use crate::write::machine::events::{Action, Goal, OutcomeKind, Pause, Progress, ReadOutcome};

impl<V: Clone + PartialEq> Machine<V> {
    /// Whether the server has accepted a request and not reported its result yet.
    pub(super) fn is_pending(&self) -> bool {
        self.doubt.is_some_and(|doubt| doubt.is_accepted)
    }

    /// Handles a 202.
    pub(super) fn accepted(&mut self, wait: Option<Duration>) -> Action<V> {
        self.doubt = Some(Doubt {
            is_accepted: true,
            is_own: true,
            had_lost: self.doubt.is_some_and(|doubt| doubt.is_own),
        });
        self.poll_later(wait)
    }

    /// Waits before the next poll of an accepted write.
    pub(super) fn poll_later(&mut self, wait: Option<Duration>) -> Action<V> {
        if self.tally.polls >= self.params.max_polls {
            return self.finish(OutcomeKind::Accepted);
        }
        self.tally.polls += 1;
        let action = self.wait(Pause::Poll(wait, self.tally.polls), Then::Follow);
        self.outcome_if_wait_fails = OutcomeKind::Accepted;
        action
    }

    /// Polls the progress.
    pub(super) fn follow(&mut self) -> Action<V> {
        self.tally.requests += 1;
        self.phase = Phase::Following;
        Action::Follow
    }

    /// Handles the result of a poll.
    pub(super) fn followed(&mut self, progress: Progress) -> Action<V> {
        let append = self.params.goal == Goal::Append;
        // Its own state shows nothing of a new document, and only the application knows what an action changes.
        let shows_nothing = append || self.params.goal == Goal::Act;
        match progress {
            Progress::Running(wait) => self.poll_later(wait),
            Progress::Done if shows_nothing => self.finish(OutcomeKind::Stored),
            Progress::Done => {
                self.outdated_reads = 0;
                self.ask_read(Why::Done)
            }
            Progress::Refused => {
                // The refusal is about the accepted request, and not about one that was lost before it.
                let lost = self.doubt.filter(|doubt| doubt.had_lost);
                self.doubt = lost.map(|_| Doubt {
                    is_accepted: false,
                    is_own: true,
                    had_lost: false,
                });
                self.ask(None, OutcomeKind::Refused)
            }
            // After a `POST` only the collection could be read, which shows nothing.
            Progress::Unknown if append => self.finish(OutcomeKind::Accepted),
            Progress::Unknown => self.ask_read(Why::LostWrite),
        }
    }

    /// Handles the read after the server reported that the write was carried out. If the read shows the previous
    /// state, a replica may lag behind, or the monitor reported something else.
    pub(super) fn done(&mut self, seen: &ReadOutcome<V>) -> Action<V> {
        let removes = self.params.goal == Goal::Delete || self.resolved_to_delete;
        let outdated = if removes {
            *seen != ReadOutcome::Absent
        } else {
            *seen == ReadOutcome::Absent || self.is_base(seen)
        };
        if !outdated {
            self.rebase(seen);
            return self.finish(OutcomeKind::Settled);
        }
        self.outdated_reads += 1;
        if self.outdated_reads > LAGGING_READS {
            return self.finish(OutcomeKind::Accepted);
        }
        let action = self.wait(Pause::Lag(self.outdated_reads), Then::Read(Why::Done));
        self.outcome_if_wait_fails = OutcomeKind::Accepted;
        action
    }
}
