//! One client: the real machine, judge and merge, and a driver without I/O that carries out what the
//! machine asks for, as `write::driver` does.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use super::document::Doc;
use super::flaws::Flaw;
use super::setting::{DEADLINE, Edit, STAMPS, Setting};
use crate::write::machine::Machine;
use crate::write::plan::{
    Action, Answered, Condition, Decision, Event, Failure, Goal, Outcome, Seen, Tally, Verdict,
};
use crate::write::settle::{self, Doubtful, Lost};
use crate::write::stamp;

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
        /// `None`: `DELETE`.
        doc: Option<Doc>,
        /// What its writer had seen when it made this of it.
        made_on: Option<Doc>,
    },
}

/// What a client does after an event.
pub(super) enum Next {
    /// It waits for a reply.
    Awaits(Call),
    Ends(End),
    /// It does nothing any more. Only a flaw does that.
    Hangs,
}

/// How a write ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    /// Its caller was told that it may have landed all the same.
    pub(super) may_have_landed: bool,
    pub(super) tally: Tally,
    /// A hash of all that it was told.
    pub(super) history: u64,
}

/// One write under way.
#[derive(Clone, Debug, Hash)]
pub(super) struct Client {
    pub(super) writer: usize,
    machine: Machine<u8>,
    /// Its document is given, and no edit makes it.
    fixed: bool,
    base: Option<Snapshot>,
    local: Option<Doc>,
    remote: Option<Snapshot>,
    gone: bool,
    /// What was sent under the present base and may have landed.
    sent: Vec<Doc>,
    /// What an earlier write of the same client sent under it.
    inherited: Vec<Doc>,
    /// The last payload; within: `None` for a removal.
    payload: Option<Option<Doc>>,
    made_on: Option<Doc>,
    /// The last request that may be under way: the version it was pinned to, and its document.
    out: Option<(Option<u8>, Option<Doc>)>,
    may_have_landed: bool,
    /// Its time is over.
    pub(super) late: bool,
    /// It may not wait any more.
    pub(super) hurried: bool,
    history: u64,
}

impl Client {
    /// A write that has not begun; `inherited` was sent onto the first state by an earlier one.
    pub(super) fn new(setting: &Setting, writer: usize, inherited: Vec<Doc>) -> Self {
        let what = setting.writers[writer];
        let known = setting.start.as_ref().filter(|_| what.informed);
        let base = known.map(|doc| Snapshot {
            version: 0,
            doc: doc.clone(),
        });
        let fixed = what.after.is_some() || what.edit == Edit::Create;
        let local = fixed.then(|| Doc::edited(known, what.edit, writer));
        let doubtful = !inherited.is_empty() && what.goal() != Goal::Delete;
        Self {
            writer,
            machine: Machine::new(setting.plan(writer, doubtful)),
            fixed,
            made_on: known.cloned(),
            base,
            local: local.flatten(),
            remote: None,
            gone: false,
            sent: inherited.clone(),
            inherited,
            payload: None,
            out: None,
            may_have_landed: false,
            late: false,
            hurried: false,
            history: 0,
        }
    }

    pub(super) fn tally(&self) -> Tally {
        self.machine.tally()
    }

    /// Takes a reply in.
    pub(super) fn hear(&mut self, seen: Option<Snapshot>) {
        self.gone = seen.is_none();
        self.remote = seen;
    }

    /// Goes on after an event, up to the next request or to the end.
    pub(super) fn on(&mut self, setting: &Setting, mut event: Event<u8>) -> Next {
        if setting.histories {
            self.remember(&event);
        }
        let unprocessed = match &event {
            Event::Refused { .. } => true,
            Event::Failed { failure, .. } => *failure == Failure::Throttled,
            _ => false,
        };
        if unprocessed && !self.machine.in_doubt() {
            self.out = None;
        }
        let now = if self.late { DEADLINE } else { Duration::ZERO };
        let mut doubtful = Vec::new();
        loop {
            if let Some(flaw) = setting.flaw {
                flaw.bend(&mut self.machine, &mut event);
            }
            event = match self.machine.on(now, event) {
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
                Action::Resolve { may_have_landed } => {
                    self.may_have_landed = may_have_landed;
                    Event::Resolved(self.resolve(setting, &doubtful))
                }
                Action::Ask => {
                    if !self.machine.in_doubt() {
                        self.sent.clear();
                    }
                    Event::Answered(Answered::GiveUp)
                }
                Action::Wait(_) if setting.flaw == Some(Flaw::Stuck) => return Next::Hangs,
                Action::Wait(_) if self.late || self.hurried => Event::OutOfTime,
                Action::Wait(_) => Event::Woke,
                Action::Finish(outcome) => return Next::Ends(self.end(setting, outcome)),
            };
        }
    }

    fn remember(&mut self, event: &Event<u8>) {
        let mut hasher = DefaultHasher::new();
        (self.history, event, &self.remote, self.late, self.hurried).hash(&mut hasher);
        self.history = hasher.finish();
    }

    fn end(&self, setting: &Setting, outcome: Outcome) -> End {
        let report = |flaw: Flaw| flaw.report(outcome);
        End {
            outcome: setting.flaw.map_or(outcome, report),
            may_have_landed: self.may_have_landed,
            tally: self.tally(),
            history: self.history,
        }
    }

    fn rebase(&mut self) {
        self.base.clone_from(&self.remote);
        self.sent.clear();
        self.inherited.clear();
    }

    fn prepare(&mut self, setting: &Setting) -> Event<u8> {
        if self.remote.is_some() || self.gone {
            self.rebase();
        }
        let base = self.base.as_ref().map(|base| &base.doc);
        if self.fixed {
            return Event::Prepared(base != self.local.as_ref());
        }
        let edit = setting.writers[self.writer].edit;
        let Some(local) = Doc::edited(base, edit, self.writer) else {
            return Event::EditFailed;
        };
        let changed = base != Some(&local);
        self.made_on = base.cloned();
        self.local = Some(local);
        Event::Prepared(changed)
    }

    fn send(
        &mut self,
        setting: &Setting,
        condition: Condition<u8>,
        delete: bool,
        resend: bool,
    ) -> Call {
        if let Condition::Match(version) = condition {
            let of = |side: &Option<Snapshot>| {
                side.as_ref().is_some_and(|side| side.version == version)
            };
            if !of(&self.base) && of(&self.remote) {
                self.rebase();
            }
        }
        let doc = match self.payload.clone() {
            Some(payload) if resend => payload,
            _ if delete => None,
            _ => self.local.as_ref().map(|local| self.finished(setting, local)),
        };
        self.payload = Some(doc.clone());
        if let Some(doc) = &doc
            && self.sent.last() != Some(doc)
        {
            self.sent.push(doc.clone());
        }
        if delete {
            self.made_on = self.base.as_ref().map(|base| base.doc.clone());
        }
        let onto = self.base.as_ref().map(|base| base.version);
        let onto = onto.filter(|_| condition != Condition::Absent);
        self.out = Some((onto, doc.clone()));
        let mut call = Call::Write {
            condition,
            doc,
            made_on: self.made_on.clone(),
        };
        if let Some(flaw) = setting.flaw {
            flaw.loosen(&mut call);
        }
        call
    }

    fn finished(&self, setting: &Setting, local: &Doc) -> Doc {
        if !setting.stamped {
            return local.clone();
        }
        let pinned_to = self.base.as_ref().map_or(local, |base| &base.doc);
        let id = format!("w{}", self.writer);
        let stamped = stamp::stamped(&local.0, &pinned_to.0, STAMPS, &id);
        stamped.map_or_else(|_| local.clone(), Doc)
    }

    fn judge(&mut self, setting: &Setting) -> (Verdict, Vec<Doubtful>) {
        let Some(remote) = &self.remote else {
            return (Verdict::NotLanded, Vec::new());
        };
        let (mut verdict, mut doubtful) = (Verdict::NotLanded, Vec::new());
        for sent in &self.sent {
            let (judged, open) = settle::judge(&Lost {
                base: self.base.as_ref().map(|base| &base.doc.0),
                sent: &sent.0,
                remote: &remote.doc.0,
                policy: &setting.policy,
                stamps: setting.stamped.then_some(STAMPS),
                operation: false,
                strict: setting.strict,
            });
            let ours = !self.inherited.contains(sent);
            match judged {
                Verdict::Landed if ours || self.local.as_ref() == Some(sent) => {
                    return (Verdict::Landed, Vec::new());
                }
                Verdict::Landed => return self.beside(setting, &sent.clone()),
                Verdict::NotLanded => {}
                Verdict::Doubtful if verdict == Verdict::Unknown => {}
                other => (verdict, doubtful) = (other, open),
            }
        }
        (verdict, doubtful)
    }

    /// An earlier write of the same base has landed; ours is brought beside it.
    fn beside(&mut self, setting: &Setting, landed: &Doc) -> (Verdict, Vec<Doubtful>) {
        let (Some(base), Some(remote)) = (&mut self.base, &self.remote) else {
            return (Verdict::NotLanded, Vec::new());
        };
        let local = self.local.as_ref().map(|local| &local.0);
        let policy = &setting.policy;
        match settle::base_after(&base.doc.0, &landed.0, local, &remote.doc.0, policy) {
            Ok((known, doubtful)) => {
                base.doc = Doc(known);
                let open = !doubtful.is_empty();
                let verdict = [Verdict::NotLanded, Verdict::Doubtful][usize::from(open)];
                (verdict, doubtful)
            }
            Err(_) => (Verdict::Unknown, Vec::new()),
        }
    }

    /// Decides as the strategy `ThreeWay` does.
    fn resolve(&mut self, setting: &Setting, doubtful: &[Doubtful]) -> Decision {
        let removal = setting.writers[self.writer].edit == Edit::Delete;
        let same = |(base, remote): (&Snapshot, &Snapshot)| base.doc.0 == remote.doc.0;
        if removal
            && !self.may_have_landed
            && self.base.as_ref().zip(self.remote.as_ref()).is_some_and(same)
        {
            self.rebase();
            return Decision::Delete;
        }
        let local = self.local.as_ref().filter(|_| !removal);
        let (Some(local), Some(remote)) = (local, &self.remote) else {
            let both = local.is_none() && self.remote.is_none();
            return [Decision::Unresolved, Decision::AsRemote][usize::from(both)];
        };
        let base = self.base.as_ref().map(|base| &base.doc.0);
        let merged = setting.merge.merge_documents(base, &local.0, &remote.doc.0);
        if !merged.conflicts.is_empty() || !doubtful.is_empty() {
            return Decision::Unresolved;
        }
        if merged.document == remote.doc.0 {
            return Decision::AsRemote;
        }
        self.local = Some(Doc(merged.document));
        self.rebase();
        Decision::Write
    }

    /// What the next write of the same client, begun on the first state, inherits from this one.
    pub(super) fn leaves(&self) -> Vec<Doc> {
        let out = self.out.clone().filter(|(onto, _)| *onto == Some(0));
        out.and_then(|(_, doc)| doc).into_iter().collect()
    }

    /// What the last reply showed, as the machine is told.
    pub(super) fn saw(&self) -> Seen<u8> {
        match &self.remote {
            Some(remote) => Seen::Version(remote.version),
            None => Seen::Absent,
        }
    }
}
