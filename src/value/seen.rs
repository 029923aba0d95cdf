//! What observers are told.

use std::time::Duration;

use http::StatusCode;

use crate::protocol::RefusalKind;
use crate::retry::WaitReason;
use crate::value::{ErrorKind, WriteReport};

/// A refusal of a write, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConflictSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// The path, with `{id}` in place of the id.
    pub template: &'a str,
    /// The meaning of the refusal.
    pub kind: RefusalKind,
    /// The status of the response.
    pub status: StatusCode,
    /// The round of the write in which the refusal came.
    pub round: u32,
}

impl<'a> ConflictSeen<'a> {
    pub(crate) fn new(
        path: &'a str,
        template: &'a str,
        kind: RefusalKind,
        status: StatusCode,
        round: u32,
    ) -> Self {
        Self {
            path,
            template,
            kind,
            status,
            round,
        }
    }
}

/// A difference between the stored document and the one that was sent, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AlteredSeen<'a> {
    /// The path of the resource on which the difference was seen.
    pub path: &'a str,
    /// The path, with `{id}` in place of the id.
    pub template: &'a str,
}

impl<'a> AlteredSeen<'a> {
    pub(crate) fn new(path: &'a str, template: &'a str) -> Self {
        Self { path, template }
    }
}

/// A wait, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WaitSeen<'a> {
    /// The path, with `{id}` in place of the id.
    pub template: &'a str,
    /// The reason for the wait.
    pub reason: WaitReason,
    /// How long it was.
    pub time: Duration,
}

impl<'a> WaitSeen<'a> {
    pub(crate) fn new(template: &'a str, reason: WaitReason, time: Duration) -> Self {
        Self {
            template,
            reason,
            time,
        }
    }
}

/// A finished write, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// The path, with `{id}` in place of the id.
    pub template: &'a str,
    /// The kind of the error, if the write failed.
    pub error: Option<ErrorKind>,
    /// Number of fields left in conflict.
    pub open_fields: usize,
    /// Number of responses that were lost, or that did not show whether the request was applied. The write found that
    /// out, unless its error is [`OutcomeUnknown`](ErrorKind::OutcomeUnknown).
    pub lost_replies: u32,
    /// The report of the write.
    pub report: &'a WriteReport,
}

impl<'a> WriteSeen<'a> {
    pub(crate) fn new(
        path: &'a str,
        template: &'a str,
        error: Option<ErrorKind>,
        report: &'a WriteReport,
    ) -> Self {
        Self {
            path,
            template,
            error,
            open_fields: 0,
            lost_replies: 0,
            report,
        }
    }
}

/// A transaction that has ended, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TransactionSeen {
    /// The kind of the error, if it was not committed.
    pub error: Option<ErrorKind>,
    /// Number of steps.
    pub steps: usize,
    /// Whether the API applied its writes as a whole, by one request.
    pub is_atomic: bool,
    /// Whether an earlier process, or an earlier call of this one, began it.
    pub is_resumed: bool,
    /// Number of requests, reads included. Zero if it is not known.
    pub requests: u32,
}

/// A queued write that waits for a person, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OpenSeen<'a> {
    /// The path of the resource, or of the collection of a new document.
    pub path: &'a str,
    /// Why it cannot go on by itself.
    pub error: ErrorKind,
}

impl<'a> OpenSeen<'a> {
    pub(crate) fn new(path: &'a str, error: ErrorKind) -> Self {
        Self { path, error }
    }
}

/// What became of a watch, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchSeen<'a> {
    /// The path of the collection, or of the resource with `{id}` in place of its id.
    pub template: &'a str,
    /// What happened.
    pub event: WatchEvent,
}

impl<'a> WatchSeen<'a> {
    pub(crate) fn new(template: &'a str, event: WatchEvent) -> Self {
        Self { template, event }
    }
}

/// What happened to a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WatchEvent {
    /// A connection to its feed was opened.
    Connected,
    /// A connection has ended, or a request has failed. It is tried again, unless the watch ends with this error.
    Disconnected {
        /// The kind of the error. `None` if there was none: the server ended the connection or gave no sign of life,
        /// or the watch left a feed that it cannot read any further.
        error: Option<ErrorKind>,
    },
    /// It begins anew, because changes may be missing. The consumer is told `Reset`.
    Reset,
    /// Its feed gives no sign of life, so the collection is polled.
    FellBack,
}

/// What became of a lease, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LeaseSeen<'a> {
    /// The name of the lease.
    pub name: &'a str,
    /// What happened.
    pub event: LeaseEvent,
}

impl<'a> LeaseSeen<'a> {
    pub(crate) fn new(name: &'a str, event: LeaseEvent) -> Self {
        Self { name, event }
    }
}

/// What happened to a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeaseEvent {
    /// A call has got it.
    Acquired {
        /// How long the call waited.
        waited: Duration,
        /// The fencing token.
        token: u64,
    },
    /// A call has not got it.
    NotAcquired {
        /// How long the call waited.
        waited: Duration,
        /// The kind of the error.
        error: ErrorKind,
    },
    /// Its holder has released it.
    Released,
    /// It ended while it was held.
    Lost {
        /// Why, for people.
        because: String,
    },
}
