//! The states of a write, and what they carry.

use std::time::Duration;

use super::events::{OutcomeKind, ReadOutcome};

/// Requests under the present base that may have been applied.
///
/// A read that shows the base unchanged does not end the doubt. The request may still arrive, and the read may
/// come from a replica that lags behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) struct Doubt {
    /// Whether the server has accepted the request (202). Sending it again would create a second job.
    pub(in crate::write) is_accepted: bool,
    /// Whether this write sent the request. Otherwise an earlier write, whose outcome is unknown, sent it.
    pub(in crate::write) is_own: bool,
    /// Whether another request of this write was lost before the server accepted one.
    pub(in crate::write) had_lost: bool,
}

/// The time of one step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Clock {
    /// Time since the write began.
    pub(crate) now: Duration,
    /// Measured time from a request to its response.
    pub(crate) round_trip: Duration,
}

/// The reason for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) enum Why {
    /// Nothing is known yet.
    First,
    /// The version was refused.
    Race,
    /// A 409 without a known meaning. The read shows whether the version has moved.
    Unclassified,
    /// A handler decided to merge into the stored state.
    Adopt,
    /// A lost write has to be settled.
    LostWrite,
    /// An accepted write was carried out.
    Done,
    /// A response reported success and contradicted it. `trusted` states whether an unchanged version proves that
    /// nothing was stored.
    Check { trusted: bool },
}

/// The action whose event the machine expects next.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) enum Phase<V> {
    Start,
    Preparing,
    Reading(Why),
    Sending,
    Judging(ReadOutcome<V>),
    /// The flag states whether this write may have been applied.
    Resolving(ReadOutcome<V>, bool),
    /// The state that was read, if any, and the outcome if the handler gives up.
    Asking(Option<ReadOutcome<V>>, OutcomeKind),
    Following,
    Waiting(Then),
    Done,
}

/// The step after a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::write) enum Then {
    Read(Why),
    Send,
    Resend,
    Follow,
}
