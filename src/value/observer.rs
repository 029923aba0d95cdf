//! What happens, told to an observer and to `tracing`.

use http::StatusCode;

use crate::protocol::RefusalKind;
use crate::support::panics;
use crate::value::{ErrorKind, WriteReport};

/// Is told of each conflict and each finished write, so that hot spots can be counted.
///
/// It is called within the write and should return at once. If [`conflict`](Self::conflict) panics, that write
/// ends with an error; a panic in the other methods is logged, and the call goes on. The same events go to
/// `tracing` if the feature of that name is on. They hold no bodies, queries or credentials.
///
/// # Example: counting the hot spots
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use ifmatch::{ConflictSeen, Observer};
///
/// #[derive(Default)]
/// struct HotSpots(Mutex<HashMap<String, u32>>);
///
/// impl Observer for HotSpots {
///     fn conflict(&self, conflict: &ConflictSeen<'_>) {
///         if let Ok(mut counts) = self.0.lock() {
///             *counts.entry(conflict.path.to_owned()).or_default() += 1;
///         }
///     }
/// }
/// # let _ = ifmatch::Client::builder("https://api.example.com").observer(HotSpots::default());
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A write was refused.
    fn conflict(&self, conflict: &ConflictSeen<'_>) {
        let _ = conflict;
    }

    /// A read showed that the server stores something else than it was sent, although its reply told a version
    /// for what was sent. Called once for each collection: from then on, each write to it reads first.
    fn altered(&self, altered: &AlteredSeen<'_>) {
        let _ = altered;
    }

    /// A write came to its end.
    fn finished(&self, write: &WriteSeen<'_>) {
        let _ = write;
    }
}

/// A refusal, as an observer sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConflictSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// What the refusal means.
    pub kind: RefusalKind,
    /// The status.
    pub status: StatusCode,
    /// The round in which it came.
    pub round: u32,
}

impl<'a> ConflictSeen<'a> {
    pub(crate) fn new(path: &'a str, kind: RefusalKind, status: StatusCode, round: u32) -> Self {
        Self {
            path,
            kind,
            status,
            round,
        }
    }
}

/// A server that stores something else than what it was sent, as an observer sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AlteredSeen<'a> {
    /// The path of the resource on which it was seen.
    pub path: &'a str,
}

impl<'a> AlteredSeen<'a> {
    pub(crate) fn new(path: &'a str) -> Self {
        Self { path }
    }
}

/// A finished write, as an observer sees it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// The kind of the error it ended in, if it did.
    pub error: Option<ErrorKind>,
    /// How many fields were left in conflict.
    pub open_fields: usize,
    /// What it did.
    pub report: &'a WriteReport,
}

impl<'a> WriteSeen<'a> {
    pub(crate) fn new(
        path: &'a str,
        error: Option<ErrorKind>,
        open_fields: usize,
        report: &'a WriteReport,
    ) -> Self {
        Self {
            path,
            error,
            open_fields,
            report,
        }
    }
}

pub(crate) fn conflict(observer: Option<&dyn Observer>, seen: &ConflictSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::info!(path = seen.path, kind = ?seen.kind, status = seen.status.as_u16(), round = seen.round, "write refused");
    if let Some(observer) = observer {
        panics::named("the observer", || observer.conflict(seen));
    }
}

pub(crate) fn altered(observer: Option<&dyn Observer>, seen: &AlteredSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        path = seen.path,
        "the server stores something else than it is sent, although its replies tell a version for what was sent (RFC 9110 9.3.4): writes to this collection read first from now on; `stores_as_sent(false)` says so beforehand"
    );
    if let Some(observer) = observer {
        notify(|| observer.altered(seen));
    }
}

pub(crate) fn finished(observer: Option<&dyn Observer>, seen: &WriteSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        path = seen.path,
        error = ?seen.error,
        open_fields = seen.open_fields,
        requests = seen.report.requests,
        rounds = seen.report.rounds,
        merged = seen.report.merged,
        settled = seen.report.settled,
        waited = ?seen.report.waited,
        "write finished"
    );
    if let Some(observer) = observer {
        notify(|| observer.finished(seen));
    }
}

/// Tells an observer something that changes nothing of the call, not even if the observer panics.
fn notify(tell: impl FnOnce()) {
    if let Err(panicked) = panics::catch("the observer", tell) {
        #[cfg(feature = "tracing")]
        tracing::warn!(%panicked, "an observer was not told");
        #[cfg(not(feature = "tracing"))]
        let _ = panicked;
    }
}
