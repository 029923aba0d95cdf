//! The machine after a success that the response itself, or the resource, contradicts.

use super::{Machine, Then, Why};
use crate::write::machine::events::{Action, Base, Goal, OutcomeKind, Pause, ReadOutcome};

/// How often the previous state is read again if the response named another version.
const LOOKS: u32 = 3;

impl<V: Clone + PartialEq> Machine<V> {
    /// Handles a response that reports a success and contradicts it. The write may have been applied, so the
    /// resource is read and nothing is sent again.
    pub(super) fn contradicted(&mut self, unmoved: bool) -> Action<V> {
        if matches!(self.base, Base::Unknown) {
            if self.params.goal == Goal::Act {
                self.record_doubt();
                return self.ask_read(Why::LostWrite);
            }
            return self.ask(None, OutcomeKind::Refused);
        }
        let trusted = unmoved && self.doubt.is_none();
        self.outdated_reads = 0;
        self.record_doubt();
        self.ask_read(Why::Check { trusted })
    }

    /// Handles the read after a contradicted success.
    pub(super) fn check(&mut self, seen: ReadOutcome<V>, trusted: bool) -> Action<V> {
        let same = self.is_base(&seen);
        if same && trusted {
            // Response and read agree that nothing has changed.
            self.doubt = None;
            return self.ask_handler(Some(seen), OutcomeKind::Refused);
        }
        if same && self.outdated_reads < LOOKS {
            // The response named another version, so the read may come from a replica that lags behind.
            self.outdated_reads += 1;
            let then = Then::Read(Why::Check { trusted });
            return self.wait(Pause::Aging(self.outdated_reads), then);
        }
        if same {
            return self.finish(OutcomeKind::Unknown);
        }
        self.pending_outcome = Some(OutcomeKind::Refused);
        self.reread(seen)
    }

    /// Ends the write because another object is at the address. The object to be changed is gone, and the other one
    /// is left alone.
    pub(super) fn end_for_successor(&mut self) -> Action<V> {
        if self.params.goal == Goal::Act && self.doubt.is_some() {
            // The action may have made the other object.
            return self.finish(OutcomeKind::Unknown);
        }
        let removing = self.params.goal == Goal::Delete || self.resolved_to_delete;
        let removed = removing && self.doubt.is_some();
        self.doubt = None;
        self.finish(if removed {
            OutcomeKind::Settled
        } else {
            OutcomeKind::Gone
        })
    }

    /// Ends a removal because the object is being removed, by our request or by another client's.
    pub(super) fn end_marked(&mut self) -> Action<V> {
        let ours = self.doubt.is_some();
        self.doubt = None;
        self.finish(if ours {
            OutcomeKind::Settled
        } else {
            OutcomeKind::Unchanged
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Clock;
    use super::super::tests::machine;
    use super::*;
    use crate::write::machine::events::{Event, Failure, LostWriteVerdict, Refused};

    /// Returns the action that follows these events. The first of them answers a send.
    fn after(goal: Goal, events: &[Event<u8>]) -> Action<u8> {
        let mut machine = machine(goal);
        let mut action = machine.on(Clock::default(), Event::Begin);
        if action == Action::Prepare {
            action = machine.on(Clock::default(), Event::Prepared(true));
        }
        for event in events {
            action = machine.on(Clock::default(), event.clone());
        }
        action
    }

    fn contradicted(unmoved: bool) -> Event<u8> {
        Event::Refused {
            kind: Refused::Contradicted { unmoved },
            current: None,
            wait: None,
        }
    }

    #[test]
    fn a_contradicted_success_is_read_and_never_sent_again() {
        let read = |version| Event::Read(ReadOutcome::Version(version));
        let judged = |verdict| Event::Judged(verdict);
        let finish = |outcome| Action::Finish(outcome);
        assert_eq!(after(Goal::Replace, &[contradicted(true)]), Action::Read);
        // The version that the response named is there, so nothing was stored.
        assert_eq!(
            after(Goal::Replace, &[contradicted(true), read(1)]),
            Action::Ask
        );
        // The read shows a version other than the response's. It may lag, and in the end the outcome is unknown.
        let mut events = vec![contradicted(false)];
        for _ in 0..LOOKS {
            events.extend([read(1), Event::Woke]);
        }
        events.push(read(1));
        assert_eq!(after(Goal::Replace, &events), finish(OutcomeKind::Unknown));
        // A read with another version is judged.
        let moved = |verdict| {
            after(
                Goal::Replace,
                &[contradicted(true), read(2), judged(verdict)],
            )
        };
        assert_eq!(
            moved(LostWriteVerdict::Applied),
            finish(OutcomeKind::Settled)
        );
        assert_eq!(moved(LostWriteVerdict::NotApplied), Action::Ask);
        assert_eq!(
            moved(LostWriteVerdict::Unknown),
            finish(OutcomeKind::Unknown)
        );
    }

    #[test]
    fn a_successor_ends_each_write_without_a_word_to_any_strategy() {
        let lost = Event::Failed {
            failure: Failure::InFlight,
            wait: None,
        };
        let stale = Event::Refused {
            kind: Refused::Stale,
            current: None,
            wait: None,
        };
        let seen = || Event::Read(ReadOutcome::Successor);
        for goal in [Goal::Replace, Goal::Delete] {
            let refused = after(goal, &[stale.clone(), seen()]);
            assert_eq!(refused, Action::Finish(OutcomeKind::Gone));
        }
        let doubtful = [lost, Event::Woke, seen()];
        let written = after(Goal::Replace, &doubtful);
        assert_eq!(written, Action::Finish(OutcomeKind::Gone));
        let removed = after(Goal::Delete, &doubtful);
        assert_eq!(removed, Action::Finish(OutcomeKind::Settled));
    }
}
