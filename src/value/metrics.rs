//! Metrics for the recorder of the application. The page `guide::seen` lists their names.

use metrics::{counter, gauge, histogram};

use super::{
    ConflictSeen, LeaseEvent, LeaseSeen, OpenSeen, TransactionSeen, WaitSeen, WatchEvent,
    WatchSeen, WriteSeen,
};
use crate::value::ErrorKind;

pub(super) fn conflict(seen: &ConflictSeen<'_>) {
    let (collection, kind) = (seen.template.to_owned(), format!("{:?}", seen.kind));
    counter!("ifmatch_conflicts_total", "collection" => collection, "kind" => kind).increment(1);
}

pub(super) fn waited(seen: &WaitSeen<'_>) {
    let (collection, reason) = (seen.template.to_owned(), seen.reason.as_str());
    histogram!("ifmatch_wait_seconds", "collection" => collection, "reason" => reason)
        .record(seen.time);
}

pub(super) fn finished(seen: &WriteSeen<'_>) {
    let collection = || seen.template.to_owned();
    let report = seen.report;
    if report.rounds > 0 {
        histogram!("ifmatch_write_rounds", "collection" => collection())
            .record(f64::from(report.rounds));
    }
    if report.merged > 0 {
        counter!("ifmatch_merges_total", "collection" => collection())
            .increment(report.merged.into());
    }
    if seen.lost_replies > 0 {
        let outcome = match seen.error {
            Some(ErrorKind::OutcomeUnknown) => "unknown",
            _ => "settled",
        };
        counter!("ifmatch_lost_replies_total", "collection" => collection(), "outcome" => outcome)
            .increment(seen.lost_replies.into());
    }
}

pub(super) fn transaction(seen: &TransactionSeen) {
    let outcome = seen
        .error
        .map_or_else(|| "committed".to_owned(), ErrorKind::name);
    counter!("ifmatch_transactions_total", "outcome" => outcome).increment(1);
}

pub(super) fn open(seen: &OpenSeen<'_>) {
    counter!("ifmatch_open_writes_total", "kind" => seen.error.name()).increment(1);
}

pub(super) fn watch(seen: &WatchSeen<'_>) {
    let event = match seen.event {
        WatchEvent::Connected => "connected",
        WatchEvent::Disconnected { .. } => "disconnected",
        WatchEvent::Reset => "reset",
        WatchEvent::FellBack => "fell_back",
    };
    let collection = seen.template.to_owned();
    counter!("ifmatch_watch_events_total", "collection" => collection, "event" => event)
        .increment(1);
}

pub(super) fn lease(seen: &LeaseSeen<'_>) {
    let event = match &seen.event {
        LeaseEvent::Acquired { waited, .. } => {
            histogram!("ifmatch_lease_wait_seconds").record(*waited);
            "acquired"
        }
        LeaseEvent::NotAcquired { .. } => "not_acquired",
        LeaseEvent::Released => "released",
        LeaseEvent::Lost { .. } => "lost",
    };
    counter!("ifmatch_leases_total", "event" => event).increment(1);
}

/// Reports how many retries are left for a server.
pub(crate) fn budget_left(server: &str, left: f64) {
    gauge!("ifmatch_retry_budget_left", "server" => server.to_owned()).set(left);
}

/// A write in a queue, which counts until it is dropped.
pub(crate) struct Queued(metrics::Gauge);

impl Queued {
    pub(crate) fn new(template: &str) -> Self {
        let gauge = gauge!("ifmatch_queue_length", "collection" => template.to_owned());
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
