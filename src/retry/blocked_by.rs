//! The reason why a request is held back.

use std::fmt;
use std::time::Duration;

/// The reason why a request is held back, with the time where it is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BlockedBy {
    /// The server asked for the wait.
    Server(Duration),
    /// The rate limit that the user set requires the wait.
    Rate(Duration),
    /// The server is overloaded, so requests go one after another.
    Overload(Duration),
}

impl BlockedBy {
    /// Returns the wait that the server asked for, if the server is the reason.
    pub(crate) fn retry_after(self) -> Option<Duration> {
        match self {
            Self::Server(wait) => Some(wait),
            Self::Rate(_) | Self::Overload(_) => None,
        }
    }
}

impl fmt::Display for BlockedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server(wait) => write!(f, "the server asked for a wait of {wait:?}"),
            Self::Rate(wait) => write!(f, "this client's rate limit requires a wait of {wait:?}"),
            Self::Overload(_) => {
                f.write_str("the server refuses most requests, so they are sent one after another")
            }
        }
    }
}
