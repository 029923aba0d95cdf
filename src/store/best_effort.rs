//! Access to a store whose errors, panics and delays may cost a read but never fail a call.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::unsure::UnsureMarks;
use super::{KeyDigest, SnapshotKey, SnapshotOrigin, SnapshotStore, StoredSnapshot};
use crate::BoxError;
use crate::support::panics;

/// The time limit for one step of a store.
const STORE_STEP_TIMEOUT: Duration = Duration::from_secs(5);

/// A store whose failures are only logged.
pub(crate) struct BestEffortStore {
    store: Box<dyn SnapshotStore>,
    unsure: UnsureMarks,
}

impl BestEffortStore {
    pub(crate) fn new(store: Box<dyn SnapshotStore>) -> Self {
        Self {
            store,
            unsure: UnsureMarks::default(),
        }
    }

    /// Notes that the cached snapshots of an address may be outdated.
    pub(crate) fn mark_unsure(&self, address: KeyDigest) {
        self.unsure.set(address);
    }

    /// Notes that the server has confirmed the cached snapshot.
    pub(crate) fn confirm(&self, key: &SnapshotKey) {
        self.unsure.clear(key.address());
    }

    /// Whether the cached snapshot may be outdated.
    pub(crate) fn is_unsure(&self, key: &SnapshotKey) -> bool {
        self.unsure.has(key.address())
    }

    pub(crate) async fn get(&self, key: &SnapshotKey, until: Instant) -> Option<StoredSnapshot> {
        let found = in_time(until, async { self.store.get(key).await })
            .await
            .flatten()?;
        let origin = SnapshotOrigin {
            credentials: Some(key.credentials()),
            is_storable: true,
        };
        Some(StoredSnapshot { origin, ..found })
    }

    /// Caches a snapshot if it belongs to the user of the key and may be stored. If it may not be stored, the
    /// cached snapshot is removed, because it is outdated.
    pub(crate) async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot, until: Instant) {
        if snapshot.origin.credentials != Some(key.credentials()) {
            return;
        }
        if !snapshot.origin.is_storable {
            return self.remove(key, until).await;
        }
        self.confirm(key);
        in_time(until, async { self.store.put(key, snapshot).await }).await;
    }

    pub(crate) async fn remove(&self, key: &SnapshotKey, until: Instant) {
        in_time(until, async { self.store.remove(key).await }).await;
    }
}

async fn in_time<T>(until: Instant, step: impl Future<Output = Result<T, BoxError>>) -> Option<T> {
    // A store that returns at once succeeds even after the deadline of the call.
    let until = until.min(Instant::now() + STORE_STEP_TIMEOUT);
    let step = panics::catch_in("the snapshot store", step);
    let error: BoxError = match timeout_at(until, step).await {
        Ok(Ok(Ok(done))) => return Some(done),
        Ok(Ok(Err(error))) => error,
        Ok(Err(panicked)) => panicked.into(),
        Err(late) => late.into(),
    };
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "the snapshot store failed");
    #[cfg(not(feature = "tracing"))]
    drop(error);
    None
}
