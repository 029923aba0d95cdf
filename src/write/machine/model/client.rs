//! One client: the real machine, judge and merge, with a driver without I/O that carries out the machine's actions
//! as `write::driver` does.

use std::time::Duration;

use ifmatch_merge::internal::Likeness;

use super::document::Doc;
use super::flaws::Flaw;
use super::setting::{DEADLINE, Edit, Queue, STAMPS, Setting, Settlement};
use super::unknown::Observed;
use crate::write::machine::events::{
    Action, Base, Condition, Decision, Event, Failure, Goal, OutcomeKind, Progress, ReadOutcome,
    Refused, Tally,
};
use crate::write::machine::{Clock, Machine, Phase};
use crate::write::recovery::stamp;

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

/// A mark of a request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Mark {
    base: Option<Snapshot>,
    /// The document before it was stamped.
    local: Option<Doc>,
    sent: Option<Doc>,
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

    /// Continues a queued write after a crash, from what its queue has kept.
    pub(super) fn resumed(setting: &Setting, crashed: &Self) -> Self {
        let mut client = Self::new(setting, crashed.writer, Vec::new());
        let Some(newest) = crashed.marks.last() else {
            return client;
        };
        let mut params = setting.params(client.writer, false);
        params.resumes = true;
        params.goal = match (&newest.base, &newest.sent) {
            (_, None) => Goal::Delete,
            (None, _) => Goal::Create,
            (Some(_), _) => Goal::Replace,
        };
        params.base = match &newest.base {
            Some(base) => Base::Version(base.version),
            None => Base::Unknown,
        };
        client.machine = Machine::new(params);
        client.made_on = newest.base.as_ref().map(|base| base.doc.clone());
        client.base.clone_from(&newest.base);
        client.local.clone_from(&newest.local);
        let lost = crashed.marks.iter().filter_map(|mark| {
            Some(LostWrite {
                base: mark.base.as_ref().map(|base| base.doc.clone()),
                sent: mark.sent.clone()?,
                edited: None,
            })
        });
        client.lost = lost.collect();
        client.marks.clone_from(&crashed.marks);
        client.is_resumed = true;
        client
    }

    pub(super) fn tally(&self) -> Tally {
        self.machine.tally()
    }

    /// Processes a read.
    pub(super) fn reads(&mut self, setting: &Setting, seen: Option<Snapshot>) -> Event<u8> {
        self.remote_absent = seen.is_none();
        self.remote = seen;
        self.observed.state = true;
        let Some(remote) = &self.remote else {
            return Event::Read(ReadOutcome::Absent);
        };
        let altered = |base: &Snapshot| base.version == remote.version && base.doc != remote.doc;
        let version = if self.base.as_ref().is_some_and(altered) {
            ReadOutcome::Altered(remote.version)
        } else {
            ReadOutcome::Version(remote.version)
        };
        if self.recognises(setting, remote) {
            Event::Recognised(version)
        } else {
            Event::Read(version)
        }
    }

    /// Whether the request is a `PUT` of an existing resource.
    pub(super) fn sends_a_document(&self) -> bool {
        let sent = self.payload.as_ref().is_some_and(|sent| sent.0.is_some());
        let replaces = self.machine.goal() == Goal::Replace && self.base.is_some();
        sent && replaces && self.machine.phase == Phase::Sending
    }

    /// Processes a success with this version that does not show the write.
    pub(super) fn is_contradicted(&mut self, reply_version: Option<u8>) {
        self.reply_version = reply_version;
    }

    /// Whether a read confirms a write whose response contradicted itself.
    fn confirms_contradicted_write(&self, seen: &Snapshot) -> bool {
        let sent = self.payload.as_ref().and_then(|sent| sent.0.as_ref());
        let (Some(reply_version), Some(base), Some(sent)) = (self.reply_version, &self.base, sent)
        else {
            return false;
        };
        let shown = Likeness::of(Some(&base.doc.0), &sent.0, &seen.doc.0, &[]);
        shown.hides_previous && reply_version == seen.version
    }

    /// Processes a refusal that shows the current state.
    pub(super) fn is_shown(&mut self, setting: &Setting, seen: Snapshot) -> Option<u8> {
        if self.shows_stamp(setting, &seen) {
            return None;
        }
        let version = seen.version;
        self.remote_absent = false;
        self.remote = Some(seen);
        self.observed.state = true;
        Some(version)
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

    pub(super) fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.inherited.clear();
        self.observed.refused = false;
    }

    fn prepare(&mut self, setting: &Setting) -> Event<u8> {
        if self.remote.is_some() || self.remote_absent {
            self.rebase();
        }
        let base = self.base.as_ref().map(|base| &base.doc);
        if self.explicit_local {
            return Event::Prepared(base != self.local.as_ref());
        }
        let edit = setting.writers[self.writer].edit;
        let Some(local) = Doc::edited(base, edit, self.writer) else {
            return Event::EditFailed;
        };
        let changed = base != Some(&local);
        self.made_on = base.cloned();
        (self.local, self.edited) = (Some(local), true);
        // An action is sent whether or not the state shows it already.
        Event::Prepared(changed || self.machine.goal() == Goal::Act)
    }

    fn send(
        &mut self,
        setting: &Setting,
        condition: Condition<u8>,
        delete: bool,
        resend: bool,
    ) -> Call {
        if let Condition::Match(version) = condition {
            let of =
                |side: &Option<Snapshot>| side.as_ref().is_some_and(|side| side.version == version);
            if !of(&self.base) && of(&self.remote) {
                self.rebase();
            }
        }
        let payload = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ => {
                let local = self.local.as_ref().filter(|_| !delete);
                Payload(local.map(|local| self.finished(setting, local)))
            }
        };
        if !self.machine.in_doubt() {
            self.lost.clear();
        }
        self.payload = Some(payload.clone());
        if setting.queue == Some(Queue::WriteAndMarks) {
            self.mark(&condition, delete);
        }
        if delete {
            self.made_on = self.base.as_ref().map(|base| base.doc.clone());
        }
        if let (Goal::Append, Some(doc)) = (self.machine.goal(), &payload.0) {
            let anew = setting.flaw == Some(Flaw::AnotherKey);
            let key = if anew { self.tally().requests } else { 0 };
            let (doc, key) = (doc.clone(), u8::try_from(key).unwrap_or(u8::MAX));
            return Call::Post { doc, key };
        }
        let onto = self.base.as_ref().map(|base| base.version);
        let onto = onto.filter(|_| condition != Condition::Absent);
        self.out = Some((onto, payload.clone()));
        let mut call = Call::Write {
            condition,
            doc: payload.0,
            made_on: self.made_on.clone(),
        };
        if let Some(flaw) = setting.flaw {
            flaw.loosen(&mut call);
        }
        call
    }

    /// Keeps a mark of the request that is about to leave.
    fn mark(&mut self, condition: &Condition<u8>, delete: bool) {
        let mark = Mark {
            base: self
                .base
                .clone()
                .filter(|_| *condition != Condition::Absent),
            local: self.local.clone().filter(|_| !delete),
            sent: self.payload.as_ref().and_then(|payload| payload.0.clone()),
        };
        if self.marks.last() != Some(&mark) {
            self.marks.push(mark);
        }
    }

    fn finished(&self, setting: &Setting, local: &Doc) -> Doc {
        if setting.settlement != Settlement::Stamped {
            return local.clone();
        }
        let pinned_to = self.base.as_ref().map_or(local, |base| &base.doc);
        let stamped = stamp::stamped(&local.0, &pinned_to.0, STAMPS, &self.stamp());
        stamped.map_or_else(|_| local.clone(), Doc)
    }

    fn stamp(&self) -> String {
        format!("w{}", self.writer)
    }

    /// Whether a state shows the stamp of this write.
    fn recognises(&self, setting: &Setting, seen: &Snapshot) -> bool {
        self.confirms_contradicted_write(seen) || self.shows_stamp(setting, seen)
    }

    fn shows_stamp(&self, setting: &Setting, seen: &Snapshot) -> bool {
        setting.settlement == Settlement::Stamped
            && (self.payload.is_some() || self.is_resumed)
            && stamp::holds(STAMPS, &self.stamp(), &seen.doc.0)
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
