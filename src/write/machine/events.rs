//! The machine's inputs and outputs: the goal of a write, its events, and its actions.

use std::time::Duration;

/// The goal of one logical write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Goal {
    /// Replace or patch an existing resource.
    Replace,
    /// Create a resource that must not exist yet (`If-None-Match: *`).
    Create,
    /// Remove a resource.
    Delete,
    /// Add a new document to a collection (`POST`), without a condition.
    Append,
    /// Carry out an action of an existing resource. The request contains no document of the resource, so nothing can
    /// be merged, and only the application can recognise the effect of a lost request.
    Act,
}

/// The version on which the next write is built.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Base<V> {
    /// The state is not known, so a read comes first.
    Unknown,
    /// A representation was read with this validator.
    Version(V),
    /// A representation was read, but the server gave it no version.
    Unversioned,
    /// The resource does not exist.
    Absent,
}

/// The condition that one request carries.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Condition<V> {
    /// The version is still this one.
    Match(V),
    /// The resource does not exist.
    Absent,
    /// No condition, only for `POST`, and where the call or the handle allows unconditional writes.
    None,
}

/// The goal of a write, the known state at its start, and its limits.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a question of its own"
)]
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct WriteParams<V> {
    /// The goal.
    pub(crate) goal: Goal,
    /// The known state at the start.
    pub(crate) base: Base<V>,
    /// Whether the base was cached and not read for this write. If the edit then changes nothing, that says nothing
    /// about the current state.
    pub(crate) base_is_cached: bool,
    /// Whether an earlier write under the same base may have been applied (its future was dropped).
    pub(crate) earlier_write_is_unsettled: bool,
    /// Whether requests of this write itself were sent before it began, by an earlier run that was cut off. They may
    /// have been applied, or may still arrive.
    pub(crate) resumes: bool,
    /// Whether the same change may have been applied before, by a write that ended as unknown.
    pub(crate) may_have_been_made_before: bool,
    /// Whether the edit, or the guard of an action, runs again on the remote state after a race. Otherwise the strategy
    /// merges.
    pub(crate) edit_reruns: bool,
    /// Whether a missing resource is created instead of reported as an error.
    pub(crate) create_if_absent: bool,
    /// Whether writing without any version is allowed.
    pub(crate) allows_unconditional: bool,
    /// Whether the server is known to honour idempotency keys, so that a lost `POST` or action may be sent again.
    pub(crate) honours_keys: bool,
    /// Largest number of rounds.
    pub(crate) max_rounds: u32,
    /// Largest number of resends and repeated reads for transient causes.
    pub(crate) max_transient: u32,
    /// Largest number of polls of an accepted write.
    pub(crate) max_polls: u32,
    /// Time after which no new request starts.
    pub(crate) deadline: Duration,
}

/// The kind of a refusal, by the reaction that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Refused {
    /// The version moved, which is a race.
    Stale,
    /// Possibly a race. The refetch determines it.
    Unclassified,
    /// Another client holds a lock. Waiting may help.
    Locked,
    /// The same key or object is still being written, or contention is short. Resend the request.
    Transient,
    /// The resource does not exist.
    Missing,
    /// The server requires a condition (RFC 6585 section 3).
    ConditionRequired,
    /// The response reports a success and contradicts it. A read determines the outcome.
    Contradicted {
        /// The response has the version that was to be replaced.
        unmoved: bool,
    },
    /// Any other refusal, for the handler or the caller to decide.
    Final,
}

/// The kind of failure of a request without a usable response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Failure {
    /// The request certainly never reached the server.
    NotSent,
    /// The request may have been applied, and may still arrive (connection cut, timeout, 502, 504).
    InFlight,
    /// The request got a response (500, 503), but may have been applied.
    Responded,
    /// The request got a response that a resend would get again, and may have been applied. Examples are a redirect to
    /// another resource (303) and a full disk (507).
    Doubtful,
    /// The request was refused unprocessed and may be repeated (429).
    Throttled,
    /// The request would fail in the same way each time.
    Permanent,
}

/// The outcome of a read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum ReadOutcome<V> {
    /// A representation with a usable version.
    Version(V),
    /// A representation without any version.
    Unversioned,
    /// A representation with the version of the base, but with another document, so the version does not name a
    /// single state.
    Altered(V),
    /// A representation whose version cannot be used in a condition, such as a weak tag.
    Unusable {
        /// Whether waiting may help, because the version is young and a later read may show a usable one.
        becomes_usable: bool,
        /// Another client has written since the last read, which made the version young again.
        moved: bool,
    },
    /// 404 or 410.
    Absent,
    /// Another object, created at the address since.
    Successor,
    /// The resource to be removed still exists, and is marked as being removed.
    Marked,
}

/// The decision of a conflict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Decision {
    /// Write the resolved document onto the state that was read.
    Write,
    /// The remote state is already the wanted one.
    AsRemote,
    /// Keep the remote state and abandon the change.
    KeepRemote,
    /// Remove the resource.
    Delete,
    /// The conflict could not be resolved, or the strategy failed.
    Unresolved,
}

/// Whether an unsettled write was applied, judged from the remote document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum LostWriteVerdict {
    /// It was applied.
    Applied,
    /// It was not applied and never will be: another write took its place.
    Excluded,
    /// The state that was read does not contain it.
    NotApplied,
    /// Perhaps. A strategy or a person decides.
    Doubtful,
    /// It cannot be determined.
    Unknown,
}

/// The decision of a refusal handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum HandlerDecision {
    /// Send the same request again.
    Again,
    /// Send the changed document under the same condition.
    Changed,
    /// Read the current state and merge into it.
    Adopt,
    /// Stop with the refusal.
    GiveUp,
}

/// An event, usually the result of an action.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Event<V> {
    /// The write begins.
    Begin,
    /// The edit was run. `false` if it changes nothing.
    Prepared(bool),
    /// The edit failed. The driver keeps its error.
    EditFailed,
    /// The write got a 2xx response.
    Stored,
    /// The write got a 202: the server will carry it out later, or not.
    Accepted {
        /// The wait before the first poll that the server requests.
        wait: Option<Duration>,
    },
    /// The status of an accepted write was polled.
    Followed(Progress),
    /// The write was refused. The driver keeps the problem.
    Refused {
        /// The kind of the refusal.
        kind: Refused,
        /// The current version, if the response carried the whole current state.
        current: Option<V>,
        /// The wait that the server requests.
        wait: Option<Duration>,
    },
    /// A write or a read failed.
    Failed {
        /// The kind of the failure.
        failure: Failure,
        /// The wait that the server requests.
        wait: Option<Duration>,
    },
    /// A read succeeded.
    Read(ReadOutcome<V>),
    /// A read succeeded and shows the stamp of this write: it has been applied.
    Recognised(ReadOutcome<V>),
    /// A strategy decided a conflict.
    Resolved(Decision),
    /// An unsettled write was judged.
    Judged(LostWriteVerdict),
    /// A refusal handler decided.
    HandlerDecided(HandlerDecision),
    /// A wait has ended.
    Woke,
    /// The next step does not fit into the remaining time, or into the retry budget.
    OutOfTime,
}

/// The progress of an accepted write (202).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Progress {
    /// The server is still processing it.
    Running(Option<Duration>),
    /// The server has carried it out.
    Done,
    /// The server has refused it. The driver keeps the problem.
    Refused,
    /// There is no known status monitor, or it does not report the progress.
    Unknown,
}

/// The reason for a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Pause {
    /// The server stated the wait.
    RetryAfter(Duration),
    /// This many races were lost (the first retry starts at once).
    Race(u32),
    /// This many transient failures occurred.
    Transient(u32),
    /// A version is young. The wait is long enough for tags with a resolution of one second to become usable.
    Aging(u32),
    /// A replica lags behind, after this many reads that showed an outdated state.
    Lag(u32),
    /// The next poll of an accepted write, with the wait that the server requests and the number of polls.
    Poll(Option<Duration>, u32),
}

/// The next step of the driver.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Action<V> {
    /// Run the edit on the base.
    Prepare,
    /// Read the resource, bypassing every cache.
    Read,
    /// Send the write.
    Send {
        /// The condition it carries.
        condition: Condition<V>,
        /// Whether to send `DELETE`, whatever the goal was, because a resolution decided so.
        delete: bool,
        /// Whether to repeat the bytes and the idempotency key of the last send.
        resend: bool,
    },
    /// Judge the unsettled write by the remote document.
    Judge,
    /// Merge base, local and remote.
    Resolve {
        /// Whether our write may have been applied, because an unsettled write could not be judged.
        may_have_been_applied: bool,
    },
    /// Ask the refusal handler.
    Ask,
    /// Poll the progress of an accepted write.
    Follow,
    /// Wait.
    Wait(Pause),
    /// The write is over.
    Finish(OutcomeKind),
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum OutcomeKind {
    /// The last request was stored.
    Stored,
    /// An earlier request of ours, whose response was lost, had been applied.
    Settled,
    /// There was nothing to write.
    Unchanged,
    /// The resource does not exist.
    NotFound,
    /// The resource existed, and another client removed it.
    Gone,
    /// A conflict was not resolved.
    Conflict,
    /// A refusal that is not a race.
    Refused,
    /// Another client holds a lock.
    Locked,
    /// The server provides no validator that a condition can use.
    UnusableValidator,
    /// It cannot be known whether the write was applied.
    Unknown,
    /// The server accepted the write and did not carry it out in the time of the call.
    Accepted,
    /// The round, time or retry limit was reached.
    Exhausted,
    /// The last response or transport error is the result.
    Failed,
    /// The user's edit failed.
    EditFailed,
}

impl OutcomeKind {
    /// Whether the error states that nothing was applied.
    pub(crate) fn is_plain_failure(self) -> bool {
        match self {
            Self::Conflict
            | Self::Refused
            | Self::Locked
            | Self::UnusableValidator
            | Self::Exhausted
            | Self::Failed
            | Self::EditFailed => true,
            // The error of a missing resource states only that it is missing.
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

/// The counts of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Tally {
    /// Requests made, reads included.
    pub(crate) requests: u32,
    /// Conditional writes, each on a different version.
    pub(crate) rounds: u32,
    /// Races that were merged.
    pub(crate) merged: u32,
    /// Races seen.
    pub(crate) races: u32,
    /// Transient failures seen.
    pub(crate) transient: u32,
    /// Polls of an accepted write.
    pub(crate) polls: u32,
}
