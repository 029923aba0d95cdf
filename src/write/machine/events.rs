//! What a write wants, what can happen to it and what it may do next: the machine's alphabet.

use std::time::Duration;

/// What one logical write wants of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Goal {
    /// Replace (or patch) a representation that exists.
    Replace,
    /// Create a representation where none may be (`If-None-Match: *`).
    Create,
    /// Remove a representation.
    Delete,
    /// Hand a new document to a collection (`POST`); nothing can be pinned.
    Append,
}

/// The version on which the next write is built.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base<V> {
    /// Nothing is known; a read comes first.
    Unknown,
    /// A representation was read under this validator.
    Version(V),
    /// A representation was read, but the server gave it no version.
    Unversioned,
    /// Nothing is there.
    Absent,
}

/// The condition that one request carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Condition<V> {
    /// Only if the version is still this one.
    Match(V),
    /// Only if nothing is there.
    Absent,
    /// None: only for `POST` and for handles that were told to write unconditionally.
    None,
}

/// What one write wants, what is known when it begins, and its limits.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WriteParams<V> {
    /// What is wanted.
    pub(crate) goal: Goal,
    /// What is known at the start.
    pub(crate) base: Base<V>,
    /// The base was cached and not read for this write: that an edit changes nothing of it says
    /// nothing about what is there now.
    pub(crate) cached: bool,
    /// An earlier write under the same base may have been applied (its future was dropped).
    pub(crate) doubtful: bool,
    /// The same change may have been applied before, by a write that ended as unknown.
    pub(crate) repeated: bool,
    /// After a race the edit runs again on the remote state. Otherwise the strategy merges.
    pub(crate) rerun: bool,
    /// A missing resource is created instead of being an error.
    pub(crate) create_if_absent: bool,
    /// Writing without any version is allowed.
    pub(crate) unconditional: bool,
    /// The server is known to honour idempotency keys: a lost `POST` may be sent again.
    pub(crate) honours_keys: bool,
    /// Largest number of rounds.
    pub(crate) max_rounds: u32,
    /// Largest number of resends and repeated reads for transient causes.
    pub(crate) max_transient: u32,
    /// Largest number of questions about an accepted write.
    pub(crate) max_polls: u32,
    /// Time after which nothing new is begun.
    pub(crate) deadline: Duration,
}

/// What a refusal that is no plain race asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refused {
    /// The version moved: a race.
    Stale,
    /// Not known whether it is a race: the refetch tells.
    Unclassified,
    /// Somebody holds a lock; waiting may help.
    Locked,
    /// The same key or the same object is still being written, or a short contention: resend.
    Transient,
    /// The resource is not there.
    Missing,
    /// The server demands a condition (RFC 6585 section 3).
    ConditionRequired,
    /// Nothing was refused: the reply tells a success and contradicts it. A read tells.
    Contradicted {
        /// The reply tells the version that was to be replaced.
        unmoved: bool,
    },
    /// Anything else that only a handler or the caller can answer.
    Final,
}

/// How a request that got no usable answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// It certainly never reached the server.
    NotSent,
    /// It may have been applied, and may still arrive: cut connection, timeout, 502, 504.
    InFlight,
    /// It was answered (500, 503): it may have been applied all the same.
    Answered,
    /// It was answered, would be answered in the same way again, and may have been applied all the
    /// same: a redirect to something else (303), a full disk (507).
    Doubtful,
    /// It was refused unprocessed and may be repeated (429).
    Throttled,
    /// It will fail each time in the same way.
    Permanent,
}

/// The outcome of a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReadOutcome<V> {
    /// A representation with a usable version.
    Version(V),
    /// A representation without any version.
    Unversioned,
    /// A representation under the version of the base, but with another document: the version does not
    /// name one state only.
    Altered(V),
    /// A representation whose version cannot be used in a condition (a weak tag, say);
    /// `becomes_usable`: it is young, and a later read may show a usable one.
    Unusable {
        /// Whether waiting may help.
        becomes_usable: bool,
        /// Somebody has written since the last read, which made the version young again.
        moved: bool,
    },
    /// 404 or 410.
    Absent,
    /// Another object, which was made at the address since.
    Successor,
    /// What is to be removed is still there, and marked as being removed.
    Marked,
}

/// What a resolution decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decision {
    /// Write the resolved document onto what was seen.
    Write,
    /// What is there is what is wanted.
    AsRemote,
    /// What is there stays, and the change is given up.
    KeepRemote,
    /// Remove what is there.
    Delete,
    /// Nobody could decide, or the strategy failed.
    Unresolved,
}

/// Whether an unsettled write was applied, judged from the remote document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LostWriteVerdict {
    /// It did.
    Applied,
    /// It did not, and never will.
    NotApplied,
    /// Perhaps: a strategy or a person decides.
    Doubtful,
    /// It cannot be told.
    Unknown,
}

/// What a refusal handler answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HandlerAnswer {
    /// Send the same again.
    Again,
    /// Send the changed document under the same condition.
    Changed,
    /// Read what is there and merge into it.
    Adopt,
    /// Stop with the refusal.
    GiveUp,
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event<V> {
    /// The write begins.
    Begin,
    /// The edit was run; `false`: it changes nothing.
    Prepared(bool),
    /// The edit failed; its error is with the driver.
    EditFailed,
    /// 2xx to the write.
    Stored,
    /// 202 to the write: the server will carry it out, or not, in its own time.
    Accepted {
        /// How long the server asks to wait before its status is asked for.
        wait: Option<Duration>,
    },
    /// The status of an accepted write was asked for.
    Followed(Progress),
    /// The write was refused; the driver keeps the problem.
    Refused {
        /// What the refusal means.
        kind: Refused,
        /// The current version, if the reply carried the whole current state.
        current: Option<V>,
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// A write or a read failed.
    Failed {
        /// How.
        failure: Failure,
        /// How long the server asks to wait.
        wait: Option<Duration>,
    },
    /// A read succeeded.
    Read(ReadOutcome<V>),
    /// A read succeeded and shows the stamp of this write: it has been applied.
    Recognised(ReadOutcome<V>),
    /// A strategy decided.
    Resolved(Decision),
    /// An unsettled write was judged.
    Judged(LostWriteVerdict),
    /// A refusal handler answered.
    Answered(HandlerAnswer),
    /// A wait is over.
    Woke,
    /// The next step does not fit into the time that is left, or into the retry budget.
    OutOfTime,
}

/// How far an accepted write (202) has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    /// The server is still at it.
    Running(Option<Duration>),
    /// The server has carried it out.
    Done,
    /// The server has refused it; the driver keeps the problem.
    Refused,
    /// No status monitor is known, or it does not tell.
    Untold,
}

/// Why a wait is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pause {
    /// The server said how long.
    RetryAfter(Duration),
    /// After so many lost races (the first retry goes at once).
    Race(u32),
    /// After so many transient failures.
    Transient(u32),
    /// For a young version: long enough for second-grained tags to become usable.
    Aging(u32),
    /// For a replica that lags behind, after so many reads that showed an outdated state.
    Lag(u32),
    /// Until the status of an accepted write is asked for: as long as the server says, or by how often it
    /// was asked for.
    Poll(Option<Duration>, u32),
}

/// What the driver does next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action<V> {
    /// Run the edit on the base.
    Prepare,
    /// Read the resource, past every cache.
    Read,
    /// Send the write.
    Send {
        /// The condition it carries.
        condition: Condition<V>,
        /// Send `DELETE`, whatever the goal was (a resolution decided so).
        delete: bool,
        /// The bytes and the idempotency key of the last send again.
        resend: bool,
    },
    /// Judge the unsettled write by the remote document.
    Judge,
    /// Merge base, local and remote; the flag tells that our write may have been applied.
    Resolve {
        /// An unsettled write could not be judged.
        may_have_been_applied: bool,
    },
    /// Ask the refusal handler.
    Ask,
    /// Ask how far an accepted write has come.
    Follow,
    /// Wait.
    Wait(Pause),
    /// The write is over.
    Finish(OutcomeKind),
}

/// How a write ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OutcomeKind {
    /// Stored by the last request.
    Stored,
    /// An earlier request of ours, whose reply was lost, had been applied.
    Settled,
    /// Nothing had to be written.
    Unchanged,
    /// The resource is not there.
    NotFound,
    /// It was there, and somebody removed it.
    Gone,
    /// A conflict that nobody resolved.
    Conflict,
    /// A refusal that is no race.
    Refused,
    /// Somebody holds a lock.
    Locked,
    /// The server hands out no validator that a condition can use.
    UnusableValidator,
    /// Whether the write was applied cannot be known.
    Unknown,
    /// The server has accepted the write and not carried it out in the time of the call.
    Accepted,
    /// Rounds, time or retries are spent.
    Exhausted,
    /// The last reply or transport error is the result.
    Failed,
    /// The user's edit failed.
    EditFailed,
}

impl OutcomeKind {
    /// Whether its error tells the caller that nothing was applied.
    pub(crate) fn is_plain_failure(self) -> bool {
        match self {
            Self::Conflict
            | Self::Refused
            | Self::Locked
            | Self::UnusableValidator
            | Self::Exhausted
            | Self::Failed
            | Self::EditFailed => true,
            // Of a resource that is not there, nothing is told but that.
            Self::NotFound
            | Self::Gone
            | Self::Stored
            | Self::Settled
            | Self::Unchanged
            | Self::Unknown
            | Self::Accepted => false,
        }
    }
}

/// What the machine counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    /// Requests asked for, reads included.
    pub(crate) requests: u32,
    /// Conditional writes on different versions.
    pub(crate) rounds: u32,
    /// Races that were merged.
    pub(crate) merged: u32,
    /// Races seen.
    pub(crate) races: u32,
    /// Transient failures seen.
    pub(crate) transient: u32,
    /// How often the status of an accepted write was asked for.
    pub(crate) polls: u32,
}
