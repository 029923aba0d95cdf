//! Why a request is held back: [`BlockedBy`].

use std::fmt;
use std::time::Duration;

/// Why a request is held back, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum BlockedBy {
    /// The server asked for it.
    Server(Duration),
    /// The rate that the user set does.
    Rate(Duration),
    /// The server struggles, so requests go one after another.
    Overload(Duration),
}

impl BlockedBy {
    /// How long the server asked to wait, if it was the server.
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
            Self::Server(wait) => write!(f, "the server asks to wait {wait:?}"),
            Self::Rate(wait) => write!(f, "this client's rate asks to wait {wait:?}"),
            Self::Overload(_) => {
                f.write_str("the server refuses most requests, so they wait for one another")
            }
        }
    }
}
