//! What an error carries: the sides of the write, and the report of what was sent.

use std::fmt;
use std::time::Duration;

use http::StatusCode;

use crate::merge::FieldConflict;
use crate::support::words;
use crate::value::{Versioned, WriteReport};

/// The base, local and remote state of a failed write, so that the caller's edit is not lost.
#[non_exhaustive]
pub struct Sides<T> {
    /// The state on which the edit was based.
    pub base: Option<T>,
    /// The edited state, or `None` for a removal.
    pub local: Option<T>,
    /// The last state seen on the server, with its version. Saving it is pinned to that version.
    pub remote: Option<Versioned<T>>,
    /// The fields in conflict.
    pub fields: Vec<FieldConflict>,
}

/// A report of the requests of a failed call, with the reason why it was not retried.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ErrorReport {
    /// Number of requests sent, including reads, redirects and requests repeated with renewed credentials.
    pub requests: u32,
    /// Number of conditional writes, each against a new version.
    pub rounds: u32,
    /// Number of lost races after which the edit ran again or was merged.
    pub merged: u32,
    /// Total time spent in waits.
    pub waited: Duration,
    /// Total time of the call.
    pub elapsed: Duration,
    /// The status of the last response.
    pub last_status: Option<StatusCode>,
    /// The last wait that the server asked for.
    pub retry_after: Option<Duration>,
    /// The reason why the call was not retried.
    pub why: String,
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} in {}, {}",
            words::counted(self.requests, "request", "requests"),
            words::counted(self.rounds, "round", "rounds"),
            words::time(self.elapsed)
        )?;
        if let Some(status) = self.last_status {
            write!(f, ", last status {}", status.as_u16())?;
        }
        if let Some(wait) = self.retry_after {
            write!(f, ", asked to wait {}", words::time(wait))?;
        }
        write!(f, "; not tried again because {}", self.why)
    }
}

impl<T> fmt::Debug for Sides<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sides")
            .field("base", &self.base.is_some())
            .field("local", &self.local.is_some())
            .field("remote", &self.remote)
            .field("fields", &self.fields)
            .finish()
    }
}

impl ErrorReport {
    pub(crate) fn of(write: &WriteReport) -> Self {
        Self {
            requests: write.requests,
            rounds: write.rounds,
            merged: write.merged,
            waited: write.waited,
            elapsed: write.elapsed,
            ..Self::default()
        }
    }
}
