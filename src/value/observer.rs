//! Events for observers, for `tracing` and for `metrics`.

#[cfg(feature = "tracing")]
use std::time::Duration;

use super::seen::{
    AlteredSeen, ConflictSeen, LeaseSeen, OpenSeen, TransactionSeen, WaitSeen, WatchSeen, WriteSeen,
};
#[cfg(feature = "tracing")]
use super::seen::{LeaseEvent, WatchEvent};
use crate::exchange::AttemptSeen;
use crate::support::panics;

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
    /// [`StaleVersion`](crate::RefusalKind::StaleVersion), or [`Unknown`](crate::RefusalKind::Unknown) if the server sends
    /// a 409 that does not say why.
    ///
    /// A conflict that stays open is told by [`finished`](Self::finished), with
    /// [`ErrorKind::Conflict`](crate::ErrorKind::Conflict).
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

    /// Called when a transaction ends, also one of an earlier process that the [outbox](crate::Client::outbox) ends.
    fn transaction(&self, transaction: &TransactionSeen) {
        let _ = transaction;
    }

    /// Called when a queued write begins to wait for a person, who finds it among the
    /// [conflicts](crate::Collection::conflicts).
    fn open(&self, write: &OpenSeen<'_>) {
        let _ = write;
    }

    /// Called when a watch connects, loses its connection, or begins anew.
    fn watch(&self, watch: &WatchSeen<'_>) {
        let _ = watch;
    }

    /// Called when a lease is acquired or not, and when it ends.
    ///
    /// Leases that are kept with the help of a client are told to its observer, and all others to that of
    /// [`Leases::observer`](crate::Leases::observer).
    fn lease(&self, lease: &LeaseSeen<'_>) {
        let _ = lease;
    }
}

/// The target of the events.
#[cfg(feature = "tracing")]
const TARGET: &str = "ifmatch";

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
        tracing::info!(target: TARGET, { url.template = seen.template, reason = seen.reason.as_str(), time = ?seen.time }, "waited");
    }
    #[cfg(feature = "metrics")]
    super::metrics::waited(seen);
    if let Some(observer) = observer {
        notify(|| observer.waited(seen));
    }
}

pub(crate) fn conflict(observer: Option<&dyn Observer>, seen: &ConflictSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::info!(target: TARGET, { url.template = seen.template, kind = ?seen.kind, status = seen.status.as_u16(), round = seen.round }, "write refused");
    #[cfg(feature = "metrics")]
    super::metrics::conflict(seen);
    if let Some(observer) = observer {
        panics::named("the observer", || observer.conflict(seen));
    }
}

pub(crate) fn altered(observer: Option<&dyn Observer>, seen: &AlteredSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(
        target: TARGET,
        { url.template = seen.template },
        "the server stores a different document from the one it is sent, although its responses give a version for the document as sent (RFC 9110 9.3.4). Writes to this collection now read first. Set `stores_as_sent(false)` to do so from the start"
    );
    if let Some(observer) = observer {
        notify(|| observer.altered(seen));
    }
}

pub(crate) fn finished(observer: Option<&dyn Observer>, seen: &WriteSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: TARGET,
        { url.template = seen.template,
        error = ?seen.error,
        open_fields = seen.open_fields,
        lost_replies = seen.lost_replies,
        requests = seen.report.requests,
        rounds = seen.report.rounds,
        merged = seen.report.merged,
        settled = seen.report.settled,
        waited = ?seen.report.waited },
        "write finished"
    );
    #[cfg(feature = "metrics")]
    super::metrics::finished(seen);
    if let Some(observer) = observer {
        notify(|| observer.finished(seen));
    }
}

pub(crate) fn transaction(observer: Option<&dyn Observer>, seen: &TransactionSeen) {
    #[cfg(feature = "tracing")]
    tracing::debug!(
        target: TARGET,
        error = ?seen.error,
        steps = seen.steps,
        is_atomic = seen.is_atomic,
        is_resumed = seen.is_resumed,
        requests = seen.requests,
        "transaction finished"
    );
    #[cfg(feature = "metrics")]
    super::metrics::transaction(seen);
    if let Some(observer) = observer {
        notify(|| observer.transaction(seen));
    }
}

pub(crate) fn open(observer: Option<&dyn Observer>, seen: &OpenSeen<'_>) {
    #[cfg(feature = "tracing")]
    tracing::warn!(target: TARGET, error = ?seen.error, "a queued write waits for a person");
    #[cfg(feature = "metrics")]
    super::metrics::open(seen);
    if let Some(observer) = observer {
        notify(|| observer.open(seen));
    }
}

pub(crate) fn watch(observer: Option<&dyn Observer>, seen: &WatchSeen<'_>) {
    #[cfg(feature = "tracing")]
    match seen.event {
        WatchEvent::FellBack => tracing::warn!(
            target: TARGET,
            { url.template = seen.template },
            "the feed gives no sign of life, perhaps because a proxy buffers it: the collection is polled instead"
        ),
        event => {
            tracing::debug!(target: TARGET, { url.template = seen.template, event = ?event }, "watch");
        }
    }
    #[cfg(feature = "metrics")]
    super::metrics::watch(seen);
    if let Some(observer) = observer {
        notify(|| observer.watch(seen));
    }
}

pub(crate) fn lease(observer: Option<&dyn Observer>, seen: &LeaseSeen<'_>) {
    #[cfg(feature = "tracing")]
    match &seen.event {
        LeaseEvent::Lost { because, .. } => tracing::warn!(target: TARGET, because, "lease lost"),
        event => tracing::debug!(target: TARGET, ?event, "lease"),
    }
    #[cfg(feature = "metrics")]
    super::metrics::lease(seen);
    if let Some(observer) = observer {
        notify(|| observer.lease(seen));
    }
}

/// Notifies an observer. A panic of the observer is logged and does not affect the call.
fn notify(tell: impl FnOnce()) {
    if let Err(panicked) = panics::catch("the observer", tell) {
        #[cfg(feature = "tracing")]
        tracing::warn!(target: TARGET, %panicked, "an observer failed to handle an event");
        #[cfg(not(feature = "tracing"))]
        let _ = panicked;
    }
}
