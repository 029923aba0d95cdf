//! Events for observers and for `tracing`.

use http::StatusCode;

use crate::protocol::RefusalKind;
use crate::support::panics;
use crate::value::{ErrorKind, WriteReport};

/// Receives each refused and each finished write, for example to count hot spots.
///
/// The methods are called within the write and should return at once. If [`conflict`](Self::conflict) panics, the
/// write ends with an error. A panic in another method is logged, and the call continues. The same events go to
/// `tracing` if the `tracing` feature is enabled. They contain no bodies, queries or credentials.
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
    /// Called when a write is refused.
    fn conflict(&self, conflict: &ConflictSeen<'_>) {
        let _ = conflict;
    }

    /// Called when a read shows that the server stores a different document from the one it was sent, although its
    /// response gave a version for it. Called once for each collection. Every later write to that collection reads
    /// first.
    fn altered(&self, altered: &AlteredSeen<'_>) {
        let _ = altered;
    }

    /// Called when a write ends.
    fn finished(&self, write: &WriteSeen<'_>) {
        let _ = write;
    }
}

/// A refused write, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ConflictSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// The meaning of the refusal.
    pub kind: RefusalKind,
    /// The status of the response.
    pub status: StatusCode,
    /// The round of the write in which the refusal came.
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

/// A difference between the stored document and the one that was sent, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AlteredSeen<'a> {
    /// The path of the resource on which the difference was seen.
    pub path: &'a str,
}

impl<'a> AlteredSeen<'a> {
    pub(crate) fn new(path: &'a str) -> Self {
        Self { path }
    }
}

/// A finished write, as reported to an observer.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteSeen<'a> {
    /// The path of the resource.
    pub path: &'a str,
    /// The kind of the error, if the write failed.
    pub error: Option<ErrorKind>,
    /// Number of fields left in conflict.
    pub open_fields: usize,
    /// The report of the write.
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
        "the server stores a different document from the one it is sent, although its responses give a version for the document as sent (RFC 9110 9.3.4). Writes to this collection now read first. Set `stores_as_sent(false)` to do so from the start"
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

/// Notifies an observer. A panic of the observer is logged and does not affect the call.
fn notify(tell: impl FnOnce()) {
    if let Err(panicked) = panics::catch("the observer", tell) {
        #[cfg(feature = "tracing")]
        tracing::warn!(%panicked, "an observer failed to handle an event");
        #[cfg(not(feature = "tracing"))]
        let _ = panicked;
    }
}
