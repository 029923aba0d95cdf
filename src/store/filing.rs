//! The client's side of a store: its errors and its slowness cost a read, never a call.

use std::time::Duration;

use tokio::time::timeout;

use super::{SnapshotKey, SnapshotStore, StoredSnapshot};
use crate::BoxError;

/// Time that a store gets for one step.
const PATIENCE: Duration = Duration::from_secs(5);

/// A store whose failures are told to the log alone.
pub(crate) struct Filing(Box<dyn SnapshotStore>);

impl Filing {
    pub(crate) fn new(store: Box<dyn SnapshotStore>) -> Self {
        Self(store)
    }

    pub(crate) async fn get(&self, key: &SnapshotKey) -> Option<StoredSnapshot> {
        in_time(self.0.get(key)).await.flatten()
    }

    pub(crate) async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) {
        in_time(self.0.put(key, snapshot)).await;
    }

    pub(crate) async fn remove(&self, key: &SnapshotKey) {
        in_time(self.0.remove(key)).await;
    }
}

async fn in_time<T>(step: impl Future<Output = Result<T, BoxError>>) -> Option<T> {
    let error = match timeout(PATIENCE, step).await {
        Ok(Ok(done)) => return Some(done),
        Ok(Err(error)) => error,
        Err(late) => late.into(),
    };
    #[cfg(feature = "tracing")]
    tracing::warn!(%error, "the snapshot store failed");
    #[cfg(not(feature = "tracing"))]
    drop(error);
    None
}
