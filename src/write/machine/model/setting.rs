//! What is set before a walk: who writes what, what the server says, and what may go wrong.

use std::time::Duration;

use super::document::Doc;
use super::flaws::Flaw;
use crate::merge::{Policy, Rule, ThreeWay};
use crate::write::machine::LAGGING_READS;
use crate::write::machine::events::{Base, Goal, HandlerAnswer, WriteParams};

/// After this a write begins nothing new.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Where the documents of the model keep their write stamps.
pub(super) const STAMPS: &str = "/stamps";

/// What one write is to bring about. Its effect can be told from everybody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Adds one to `/n`, which all writers share: operation-like.
    Count,
    /// Sets a member to a text of its own: state-like.
    Set(&'static str, &'static str),
    /// As `Set`, and creates the document with that member if nothing is there.
    SetOrCreate(&'static str, &'static str),
    /// Creates the document if nothing is there.
    Create,
    /// Removes the document.
    Delete,
    /// Hands a document to a collection.
    Post,
}

/// One write and where it stands at the beginning.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) edit: Edit,
    /// It holds the first state, and reads nothing before it sends.
    pub(super) informed: bool,
    /// It is the next write of the same client, begun on the first state when that one is cancelled or
    /// ends as unknown. Its document is given, as for a save.
    pub(super) after: Option<usize>,
}

impl Writer {
    /// It holds the first state.
    pub(super) const fn informed(edit: Edit) -> Self {
        Self {
            edit,
            informed: true,
            after: None,
        }
    }

    /// It reads first.
    pub(super) const fn new(edit: Edit) -> Self {
        Self {
            informed: false,
            ..Self::informed(edit)
        }
    }

    pub(super) const fn after(self, writer: usize) -> Self {
        Self {
            after: Some(writer),
            ..self
        }
    }

    pub(super) fn goal(&self) -> Goal {
        match self.edit {
            Edit::Count | Edit::Set(..) | Edit::SetOrCreate(..) => Goal::Replace,
            Edit::Create => Goal::Create,
            Edit::Delete => Goal::Delete,
            Edit::Post => Goal::Append,
        }
    }
}

/// How the server refuses a stale write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// 412.
    Precondition,
    /// 409 or 412 with the current state and its version.
    CurrentState,
    /// 409, which may mean anything.
    Conflict,
}

/// What a lost write is settled by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// By looks: what shows no trace was not applied.
    Lenient,
    /// By looks: what shows no trace may have been taken back.
    Strict,
    /// By write stamps.
    Stamped,
}

/// What may go wrong, each time at the cost of one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The request is late: its writer gives up waiting for it, and it arrives at any later time, or
    /// never. A lost request is one that never arrives.
    Late,
    /// As `Late`, and the writer's time is over by then.
    Deadline,
    /// The request is carried out, and its reply is lost.
    ReplyLost,
    /// The request is carried out under the version that was there before, and its reply is lost.
    Unmoved,
    /// A success whose body or version shows nothing of the write; with `applied` it was carried out all
    /// the same. `unmoved`: the reply tells the version that was to be replaced.
    Contradicted { applied: bool, unmoved: bool },
    /// A read shows a document that an outsider has put there under the same version.
    Replaced,
    /// A copy of the request arrives at any time after it.
    Duplicate,
    /// A copy of the request arrives at any time, perhaps before it: somebody in between resends.
    Resent,
    /// 503 instead of carrying it out; with `true` the server says when to come back.
    Busy(bool),
    /// 503 or 500 although it was carried out.
    BusyAfter(bool),
    /// 303 or 507, and it will be so each time; with `true` it was carried out all the same.
    Dubious(bool),
    /// 202: it is carried out at any later time, or never.
    Accepted,
    /// 429.
    Throttled,
    /// 423: somebody holds a lock.
    Locked,
    /// 422, say: a handler is asked.
    Refused,
    /// A read shows an earlier state, from a replica that lags behind. Counted apart.
    Stale,
    /// There is no time, or no budget, for the next wait.
    NoWait,
    /// The client crashes or drops the future; its request may still arrive.
    Crash,
}

impl Fault {
    /// Whether a write that meets it may have been applied without its writer's knowing.
    pub(super) fn leaves_doubt(self) -> bool {
        use Fault::{
            Accepted, Busy, BusyAfter, Contradicted, Crash, Deadline, Dubious, Late, ReplyLost,
            Unmoved,
        };
        matches!(
            self,
            Late | Deadline
                | ReplyLost
                | Unmoved
                | Contradicted { .. }
                | Busy(_)
                | BusyAfter(_)
                | Dubious(_)
                | Accepted
                | Crash
        )
    }
}

/// Everything that can go wrong on the way, and that no promise is limited by.
pub(super) const NETWORK: &[Fault] = &[
    Fault::Late,
    Fault::Deadline,
    Fault::ReplyLost,
    Fault::Duplicate,
    Fault::Busy(false),
    Fault::Busy(true),
    Fault::BusyAfter(false),
    Fault::BusyAfter(true),
    Fault::Dubious(false),
    Fault::Dubious(true),
    Fault::Accepted,
    Fault::Throttled,
    Fault::NoWait,
    Fault::Crash,
];

/// One model: a document, its writers, and the bounds of what is tried.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The first state, version 0; `None`: nothing is there.
    pub(super) start: Option<Doc>,
    pub(super) writers: Vec<Writer>,
    pub(super) kinds: Vec<Fault>,
    /// Faults in one run, stale reads aside.
    pub(super) faults: u8,
    /// Stale reads in one run.
    pub(super) stale_reads: u8,
    /// That nothing is there is true again after a removal, as a version never is again. With this, a
    /// creation may arrive that late, and what is created once more counts as applied twice.
    pub(super) absence_returns: bool,
    pub(super) dialect: Dialect,
    pub(super) rounds: u32,
    pub(super) transient: u32,
    pub(super) settlement: Settlement,
    /// Edits run again after a race, as `update` does; otherwise both sides are merged.
    pub(super) rerun: bool,
    /// What the handler answers to every refusal.
    pub(super) answer: HandlerAnswer,
    /// The server carries out one request for each key, and answers the others alike.
    pub(super) honours_keys: bool,
    pub(super) flaw: Option<Flaw>,
    pub(super) policy: Policy,
    pub(super) merge: ThreeWay,
}

impl Setting {
    /// One document with a counter and three texts; every fault of the network.
    pub(super) fn new(writers: &[Writer], faults: u8) -> Self {
        let policy = Policy::new().field("/n", Rule::Counter);
        Self {
            start: Some(Doc::of(r#"{"n":0,"a":"","b":"","c":""}"#)),
            writers: writers.to_vec(),
            kinds: NETWORK.to_vec(),
            faults,
            stale_reads: 0,
            absence_returns: false,
            dialect: Dialect::Precondition,
            rounds: 4,
            transient: 3,
            settlement: Settlement::Lenient,
            rerun: false,
            answer: HandlerAnswer::GiveUp,
            honours_keys: false,
            flaw: None,
            merge: ThreeWay::new(policy.clone()),
            policy,
        }
    }

    pub(super) fn reruns(&self, writer: usize) -> bool {
        let writer = &self.writers[writer];
        self.rerun && writer.after.is_none() && writer.goal() == Goal::Replace
    }

    pub(super) fn params(&self, writer: usize, doubtful: bool) -> WriteParams<u8> {
        let Writer { edit, informed, .. } = self.writers[writer];
        WriteParams {
            goal: self.writers[writer].goal(),
            base: if informed && self.start.is_some() {
                Base::Version(0)
            } else {
                Base::Unknown
            },
            cached: false,
            doubtful,
            repeated: false,
            rerun: self.reruns(writer),
            create_if_absent: matches!(edit, Edit::SetOrCreate(..)),
            unconditional: false,
            honours_keys: self.honours_keys,
            max_rounds: self.rounds,
            max_transient: self.transient,
            max_polls: self.transient,
            deadline: DEADLINE,
        }
    }

    /// The most requests that a write may make: in each round one send, one read and one more of each
    /// for a 409, and a few more reads for a version that was refused; one of either after each wait; two for
    /// each question about an accepted write; one last read.
    pub(super) fn most_requests(&self) -> u32 {
        4 * self.rounds + 4 * self.transient + LAGGING_READS + 1
    }
}
