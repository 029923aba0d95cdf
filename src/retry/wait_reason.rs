//! The reason for a wait, as it is told.

use std::fmt;

use super::BlockedBy;

/// The reason for a wait of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitReason {
    /// Other writes of this client to the same resource came first.
    Queue,
    /// Another client won the race for a version.
    Race,
    /// A request failed for a transient cause, or the resource is locked.
    Backoff,
    /// The server asked for the wait, or its quota is used up.
    RetryAfter,
    /// The [rate limit](crate::ClientBuilder::rate_limit) of this client.
    RateLimit,
    /// The server refuses most requests, so they are sent one after another.
    Overload,
    /// The version of the resource is too young to be used.
    YoungVersion,
    /// A replica of the server still returns an outdated state.
    StaleReplica,
    /// The server is still processing an accepted write (202).
    Poll,
    /// A [refusal handler](crate::RefusalHandler) asked for the wait.
    Handler,
}

impl WaitReason {
    /// Returns the reason as a word of lower-case letters and underscores, for labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Race => "race",
            Self::Backoff => "backoff",
            Self::RetryAfter => "retry_after",
            Self::RateLimit => "rate_limit",
            Self::Overload => "overload",
            Self::YoungVersion => "young_version",
            Self::StaleReplica => "stale_replica",
            Self::Poll => "poll",
            Self::Handler => "handler",
        }
    }
}

impl fmt::Display for WaitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl From<BlockedBy> for WaitReason {
    fn from(blocked: BlockedBy) -> Self {
        match blocked {
            BlockedBy::Server(_) => Self::RetryAfter,
            BlockedBy::Rate(_) => Self::RateLimit,
            BlockedBy::Overload(_) => Self::Overload,
        }
    }
}
