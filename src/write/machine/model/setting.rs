//! The settings of a walk: the writers, the server's behaviour, and the possible faults.

use std::time::Duration;

use super::document::Doc;
use super::flaws::Flaw;
use crate::merge::{Policy, Rule, ThreeWay};
use crate::write::machine::LAGGING_READS;
use crate::write::machine::events::{Base, Goal, HandlerDecision, WriteParams};

/// After this time a write starts no new request.
pub(super) const DEADLINE: Duration = Duration::from_secs(30);

/// Pointer to the write stamps in the documents of the model.
pub(super) const STAMPS: &str = "/stamps";

/// The goal of one write. Its effect can be distinguished from that of every other write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edit {
    /// Adds one to `/n`, which all writers share: operation-like.
    Count,
    /// Sets a member to a text of this writer: state-like.
    Set(&'static str, &'static str),
    /// As `Set`, and creates the document with that member if there is none.
    SetOrCreate(&'static str, &'static str),
    /// Creates the document if there is none.
    Create,
    /// Removes the document.
    Delete,
    /// Adds a document to a collection.
    Post,
    /// Carries out an action that sets a member to a text of this writer. Carrying it out again counts as applied twice,
    /// even on a state that shows it.
    Act(&'static str, &'static str),
}

/// One write and its state at the start.
#[derive(Clone, Copy, Debug)]
pub(super) struct Writer {
    pub(super) edit: Edit,
    /// Whether it holds the first state and sends without reading.
    pub(super) informed: bool,
    /// The earlier write of the same client, if there is one. This write begins on the first state when that one is
    /// cancelled or ends as unknown. Its document is given, as for a save.
    pub(super) after: Option<usize>,
}

impl Writer {
    /// Creates a writer that holds the first state.
    pub(super) const fn informed(edit: Edit) -> Self {
        Self {
            edit,
            informed: true,
            after: None,
        }
    }

    /// Creates a writer that reads first.
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
            Edit::Act(..) => Goal::Act,
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
    /// 409 without further information.
    Conflict,
}

/// How a lost write is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Settlement {
    /// By comparison. A write without a trace was not applied.
    Lenient,
    /// By comparison. A write without a trace may have been reverted.
    Strict,
    /// By write stamps.
    Stamped,
}

/// What a queue keeps of its writes when their client crashes. A write that is not queued ends with the crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Queue {
    /// The write alone, which is made anew after a restart, as most queues do.
    Write,
    /// The write, and a mark of each request before it leaves.
    WriteAndMarks,
}

/// The possible faults. Each occurrence counts as one fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The request is delayed. Its writer stops waiting for it, and it arrives at any later time, or never. A lost
    /// request never arrives.
    Late,
    /// As `Late`, and the writer's time has ended by then.
    Deadline,
    /// The request is carried out, and its response is lost.
    ReplyLost,
    /// The request is carried out without a new version, and its response is lost.
    Unmoved,
    /// A success whose body or version does not show the write. With `applied` it was carried out. With `unmoved`
    /// the response has the version that was to be replaced.
    Contradicted { applied: bool, unmoved: bool },
    /// A read shows a document that an outsider has stored under the same version.
    Replaced,
    /// A copy of the request arrives at any time after it.
    Duplicate,
    /// A copy of the request arrives at any time, perhaps before it, because a proxy resends it.
    Resent,
    /// 503 without carrying it out. With `true` the server states when to retry.
    Busy(bool),
    /// 503 or 500 after carrying it out. With `true` the server states when to retry.
    BusyAfter(bool),
    /// 303 or 507, the same on every retry. With `true` the request was carried out.
    Dubious(bool),
    /// 202. The request is carried out at any later time, or never.
    Accepted,
    /// 429.
    Throttled,
    /// 423, because another client holds a lock.
    Locked,
    /// A refusal such as 422, for which the handler is asked.
    Refused,
    /// A read shows an earlier state, from a replica that lags behind. Counted separately.
    Stale,
    /// There is no time or budget for the next wait.
    NoWait,
    /// The client crashes or drops the future. Its request may still arrive.
    Crash,
}

impl Fault {
    /// Whether a write with this fault may have been applied without its writer knowing.
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

/// All faults of the network under which every promise holds.
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

/// One model: a document, its writers, and the bounds of the walk.
#[derive(Clone, Debug)]
pub(super) struct Setting {
    /// The first state, with version 0. `None` if the resource does not exist.
    pub(super) start: Option<Doc>,
    pub(super) writers: Vec<Writer>,
    pub(super) kinds: Vec<Fault>,
    /// Number of faults in one run, without stale reads.
    pub(super) faults: u8,
    /// Number of stale reads in one run.
    pub(super) stale_reads: u8,
    /// Whether a removal makes the condition of a creation true again, unlike a version, which never returns. A
    /// creation may then arrive after the removal, and a second creation counts as applied twice.
    pub(super) absence_returns: bool,
    pub(super) dialect: Dialect,
    pub(super) rounds: u32,
    pub(super) transient: u32,
    pub(super) settlement: Settlement,
    /// Whether the writes are queued, so that they are continued after a crash.
    pub(super) queue: Option<Queue>,
    /// Whether edits run again after a race, as `update` does, and actions have a guard. Otherwise both sides are merged.
    pub(super) rerun: bool,
    /// The handler's decision on every refusal.
    pub(super) answer: HandlerDecision,
    /// Whether the server carries out one request for each key, and gives the others the same response.
    pub(super) honours_keys: bool,
    pub(super) flaw: Option<Flaw>,
    pub(super) policy: Policy,
    pub(super) merge: ThreeWay,
}

impl Setting {
    /// Creates a setting with one document (a counter and three texts) and every fault of the network.
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
            queue: None,
            rerun: false,
            answer: HandlerDecision::GiveUp,
            honours_keys: false,
            flaw: None,
            merge: ThreeWay::new(policy.clone()),
            policy,
        }
    }

    pub(super) fn reruns(&self, writer: usize) -> bool {
        let writer = &self.writers[writer];
        let can_rerun = matches!(writer.goal(), Goal::Replace | Goal::Act);
        self.rerun && writer.after.is_none() && can_rerun
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
            base_is_cached: false,
            earlier_write_is_unsettled: doubtful,
            resumes: false,
            may_have_been_made_before: false,
            edit_reruns: self.reruns(writer),
            create_if_absent: matches!(edit, Edit::SetOrCreate(..)),
            allows_unconditional: false,
            honours_keys: self.honours_keys,
            max_rounds: self.rounds,
            max_transient: self.transient,
            max_polls: self.transient,
            deadline: DEADLINE,
        }
    }

    /// Returns the largest number of requests that a write may make. Each round has one send, one read, one more of
    /// each for a 409, and a few more reads for a version that was refused. Each wait is followed by one of either.
    /// Each poll of an accepted write counts two. There is one last read.
    pub(super) fn most_requests(&self) -> u32 {
        4 * self.rounds + 4 * self.transient + LAGGING_READS + 1
    }
}
