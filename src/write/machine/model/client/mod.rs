//! One client: the real machine, judge and merge, with a driver without I/O that carries out the machine's actions
//! as `write::driver` does.

use std::time::Duration;

mod queued;
mod reading;
mod sending;

use self::queued::Mark;
use super::document::Doc;
use super::flaws::Flaw;
use super::setting::{DEADLINE, Edit, Setting};
use super::unknown::Observed;
use crate::write::machine::events::{
    Action, Condition, Decision, Event, Failure, Goal, OutcomeKind, Progress, Refused, Tally,
};
use crate::write::machine::{Clock, Machine, Phase};

/// A state that was read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Snapshot {
    pub(super) version: u8,
    pub(super) doc: Doc,
}

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Call {
    Read,
    Write {
        condition: Condition<u8>,
        /// The document to write. `None` for `DELETE`.
        doc: Option<Doc>,
        /// The state that the writer had seen when it made this document.
        made_on: Option<Doc>,
    },
    /// A document added to a collection, under a key.
    Post {
        doc: Doc,
        key: u8,
    },
}

/// What a client does after an event.
pub(super) enum Next {
    /// Waits for a response.
    Awaits(Call),
    Ends(End),
    /// Does nothing any more, which only a flaw causes.
    Hangs,
}

/// The end of a write.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) outcome: OutcomeKind,
    pub(super) tally: Tally,
    /// Whether the outcome is unknown and cannot be known (see `unknown`).
    pub(super) cannot_be_known: bool,
}

/// The time that is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Time {
    Enough,
    /// Not enough for one more wait.
    Short,
    Over,
}

/// The document that was sent. `None` for a removal.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Payload(Option<Doc>);

/// A request that may have been applied.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct LostWrite {
    pub(super) base: Option<Doc>,
    pub(super) sent: Doc,
    /// The result of the edit, if an edit made the document.
    pub(super) edited: Option<Doc>,
}

/// One write in progress.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug, Hash)]
pub(super) struct Client {
    pub(super) writer: usize,
    pub(super) machine: Machine<u8>,
    /// Whether the document was given, so that no edit makes it.
    explicit_local: bool,
    pub(super) base: Option<Snapshot>,
    pub(super) local: Option<Doc>,
    /// Whether the local document is the edit's result on the base.
    edited: bool,
    pub(super) remote: Option<Snapshot>,
    remote_absent: bool,
    /// The requests that may have been applied.
    pub(super) lost: Vec<LostWrite>,
    /// The documents that an earlier write of the same client sent onto the base.
    pub(super) inherited: Vec<Doc>,
    payload: Option<Payload>,
    pub(super) made_on: Option<Doc>,
    /// The version in the last response, if that was a success that does not show the write.
    reply_version: Option<u8>,
    /// The marks in the journal.
    marks: Vec<Mark>,
    is_resumed: bool,
    /// The last request that may be in flight: the version it was pinned to, and its document.
    out: Option<(Option<u8>, Payload)>,
    pub(super) time: Time,
    pub(super) observed: Observed,
}

impl Client {
    /// Creates a write that has not begun. An earlier write sent `inherited` onto the first state.
    pub(super) fn new(setting: &Setting, writer: usize, inherited: Vec<Doc>) -> Self {
        let what = setting.writers[writer];
        let known = setting.start.as_ref().filter(|_| what.informed);
        let base = known.map(|doc| Snapshot {
            version: 0,
            doc: doc.clone(),
        });
        let explicit_local = what.after.is_some()
            || setting.queue.is_some()
            || matches!(what.edit, Edit::Create | Edit::Post);
        let local = explicit_local.then(|| Doc::edited(known, what.edit, writer));
        let doubtful = !inherited.is_empty() && what.goal() != Goal::Delete;
        Self {
            writer,
            machine: Machine::new(setting.params(writer, doubtful)),
            explicit_local,
            made_on: known.cloned(),
            base,
            local: local.flatten(),
            edited: false,
            remote: None,
            remote_absent: false,
            lost: Vec::new(),
            inherited,
            payload: None,
            reply_version: None,
            marks: Vec::new(),
            is_resumed: false,
            out: None,
            time: Time::Enough,
            observed: Observed::default(),
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.machine.tally()
    }

    /// Whether the request is a `PUT` of an existing resource.
    pub(super) fn sends_a_document(&self) -> bool {
        let sent = self.payload.as_ref().is_some_and(|sent| sent.0.is_some());
        let replaces = self.machine.goal() == Goal::Replace && self.base.is_some();
        sent && replaces && self.machine.phase == Phase::Sending
    }

    /// Continues after an event, up to the next request or the end.
    pub(super) fn on(&mut self, setting: &Setting, mut event: Event<u8>) -> Next {
        let contradicted = matches!(
            event,
            Event::Refused {
                kind: Refused::Contradicted { .. },
                ..
            }
        );
        let is_reply = !matches!(
            event,
            Event::Failed {
                failure: Failure::InFlight | Failure::NotSent,
                ..
            }
        );
        if self.machine.phase == Phase::Sending && is_reply && !contradicted {
            self.reply_version = None;
        }
        let unprocessed = match &event {
            Event::Refused { .. } => !contradicted,
            Event::Failed { failure, .. } => *failure == Failure::Throttled,
            _ => false,
        };
        if unprocessed && !self.machine.in_doubt() {
            self.out = None;
            self.marks.clear();
        }
        if self.machine.phase == Phase::Sending {
            self.observed.reply(&event);
        }
        let clock = Clock {
            now: if self.time == Time::Over {
                DEADLINE
            } else {
                Duration::ZERO
            },
            ..Clock::default()
        };
        let mut doubtful = Vec::new();
        loop {
            if let Some(flaw) = setting.flaw {
                flaw.bend(&mut self.machine, &mut event);
            }
            if self.machine.phase == Phase::Sending {
                self.remember(&event);
            }
            event = match self.machine.on(clock, event) {
                Action::Prepare => self.prepare(setting),
                Action::Read => return Next::Awaits(Call::Read),
                Action::Send {
                    condition,
                    delete,
                    resend,
                } => return Next::Awaits(self.send(setting, condition, delete, resend)),
                Action::Judge => {
                    let verdict;
                    (verdict, doubtful) = self.judge(setting);
                    Event::Judged(verdict)
                }
                Action::Resolve {
                    may_have_been_applied,
                } => {
                    let decision = self.resolve(setting, may_have_been_applied, &doubtful);
                    self.observed.for_good |= decision == Decision::Unresolved;
                    Event::Resolved(decision)
                }
                Action::Ask => self.handle(setting),
                // No monitor is known, so the resource itself is read.
                Action::Follow => Event::Followed(Progress::Unknown),
                Action::Wait(_) if setting.flaw == Some(Flaw::Stuck) => return Next::Hangs,
                Action::Wait(_) if self.time == Time::Enough => Event::Woke,
                Action::Wait(_) => Event::OutOfTime,
                Action::Finish(outcome) => return Next::Ends(self.end(setting, outcome)),
            };
        }
    }

    /// Remembers a request that may have been applied.
    fn remember(&mut self, event: &Event<u8>) {
        let lost = match event {
            Event::Accepted { .. }
            | Event::Refused {
                kind: Refused::Contradicted { .. },
                ..
            } => true,
            Event::Failed { failure, .. } => matches!(
                failure,
                Failure::InFlight | Failure::Responded | Failure::Doubtful
            ),
            _ => false,
        };
        let Some(Payload(Some(sent))) = self.payload.clone().filter(|_| lost) else {
            return;
        };
        if self.lost.last().is_none_or(|last| last.sent != sent) {
            self.lost.push(LostWrite {
                base: self.base.as_ref().map(|base| base.doc.clone()),
                sent,
                edited: self.local.clone().filter(|_| self.edited),
            });
        }
    }

    fn end(&self, setting: &Setting, outcome: OutcomeKind) -> End {
        let report = |flaw: Flaw| flaw.report(outcome);
        End {
            outcome: setting.flaw.map_or(outcome, report),
            tally: self.tally(),
            cannot_be_known: matches!(outcome, OutcomeKind::Unknown | OutcomeKind::Accepted)
                && self.cannot_know(setting),
        }
    }

    /// Returns the documents that the next write of the same client inherits, if it begins on the first state.
    pub(super) fn leaves(&self) -> Vec<Doc> {
        let out = self.out.clone().filter(|(onto, _)| *onto == Some(0));
        out.and_then(|(_, payload)| payload.0).into_iter().collect()
    }

    /// Replaces the document that the edit made.
    pub(super) fn change(&mut self, local: Option<Doc>) {
        (self.local, self.edited) = (local, false);
    }

    pub(super) fn in_doubt(&self) -> bool {
        self.machine.in_doubt()
    }
}
