//! Events for observers, for `tracing` and for `metrics`.

use std::time::Duration;

use http::StatusCode;

use crate::exchange::AttemptSeen;
use crate::protocol::RefusalKind;
use crate::retry::WaitReason;
use crate::support::panics;
use crate::value::{ErrorKind, WriteReport};

/// Is told about requests, waits, refusals and the ends of writes, for example to count hot spots.
///
/// The methods are called within the call and have to return at once: a method that blocks holds up the call, and every
/// other task of its thread. Send what takes longer to another task. If [`conflict`](Self::conflict) panics, the
/// write ends with an error. A panic in another method is logged, and the call continues.
///
/// The same goes to `tracing` and to `metrics` if these features are enabled; see [`guide::seen`](crate::guide::seen).
/// Nothing contains bodies, queries or credentials. A `template` contains no id either: it is the path of the handle, or
/// its [`url_template`](crate::Collection::url_template), with `{id}` in place of the id. A `path` contains the id.
///
/// # Example: counting the hot spots
///
/// ```
/// use std::collections::HashMap;
/// use std::sync::Mutex;
/// use ifmatch::{ConflictSeen, Observer, RefusalKind};
///
/// #[derive(Default)]
/// struct HotSpots(Mutex<HashMap<String, u32>>);
///
/// impl Observer for HotSpots {
///     fn conflict(&self, conflict: &ConflictSeen<'_>) {
///         if conflict.kind == RefusalKind::StaleVersion && let Ok(mut counts) = self.0.lock() {
///             *counts.entry(conflict.path.to_owned()).or_default() += 1;
///         }
///     }
/// }
/// # let _ = ifmatch::Client::builder("https://api.example.com").observer(HotSpots::default());
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Called after each request, when its response has arrived or is lost. A request of a call that is dropped is
    /// not told.
    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        let _ = attempt;
    }

    /// Called after each wait.
    fn waited(&self, wait: &WaitSeen<'_>) {
        let _ = wait;
    }

    /// Called after each refusal of a write, for whatever reason. A race has the kind
    /// [`StaleVersion`](RefusalKind::StaleVersion), or [`Unknown`](RefusalKind::Unknown) if the server sends a 409 that
    /// does not say why.
    ///
    /// A conflict that stays open is told by [`finished`](Self::finished), with [`ErrorKind::Conflict`].
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

/// Waits from this length on are events of `tracing`.
#[cfg(feature = "tracing")]
const LONG_WAIT: Duration = Duration::from_millis(100);

pub(crate) fn attempt(observer: Option<&dyn Observer>, seen: &AttemptSeen<'_>) {
    // `tracing` has a span for each request.
    if let Some(observer) = observer {
        notify(|| observer.attempt(seen));
    }
}

pub(crate) fn waited(observer: Option<&dyn Observer>, seen: &WaitSeen<'_>) {
    #[cfg(feature = "tracing")]
    if seen.time > LONG_WAIT {
        tracing::info!(url.template = seen.template, reason = seen.reason.as_str(), time = ?seen.time, "waited");
    }
    #[cfg(feature = "metrics")]
    super::metrics::waited(seen);
    if let Some(observer) = observer {
        notify(|| observer.waited(seen));
    }
}

pub(crate) fn conflict(observer: Option<&dyn Observer>, seen: &ConflictSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::info!(url.template = seen.template, kind = ?seen.kind, status = seen.status.as_u16(), round = seen.round, "write refused");
    #[cfg(feature = "metrics")]
    super::metrics::conflict(seen);
    if let Some(observer) = observer {
        panics::named("the observer", || observer.conflict(seen));
    }
}

pub(crate) fn altered(observer: Option<&dyn Observer>, seen: &AlteredSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        url.template = seen.template,
        "the server stores a different document from the one it is sent, although its responses give a version for the document as sent (RFC 9110 9.3.4). Writes to this collection now read first. Set `stores_as_sent(false)` to do so from the start"
    );
    if let Some(observer) = observer {
        notify(|| observer.altered(seen));
    }
}

pub(crate) fn finished(observer: Option<&dyn Observer>, seen: &WriteSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        url.template = seen.template,
        error = ?seen.error,
        open_fields = seen.open_fields,
        lost_replies = seen.lost_replies,
        requests = seen.report.requests,
        rounds = seen.report.rounds,
        merged = seen.report.merged,
        settled = seen.report.settled,
        waited = ?seen.report.waited,
        "write finished"
    );
    #[cfg(feature = "metrics")]
    super::metrics::finished(seen);
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
