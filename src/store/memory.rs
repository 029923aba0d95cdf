//! A bounded store in memory.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::shelf::Shelf;
use super::{SnapshotKey, SnapshotStore, StoredSnapshot};
use crate::BoxError;

pub(super) const ENTRIES: usize = 10_000;
pub(super) const BYTES: usize = 64 * 1024 * 1024;

/// A store in memory, which evicts the least recently used snapshots first.
///
/// # Default
///
/// At most 10 000 snapshots and 64 MiB ([`bounded`](Self::bounded) sets other limits).
#[derive(Debug)]
pub struct MemoryStore {
    shelf: Mutex<Shelf<SnapshotKey, StoredSnapshot>>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::bounded(ENTRIES, BYTES)
    }
}

impl MemoryStore {
    /// Creates a store of at most `entries` snapshots and `bytes` bytes (see [`StoredSnapshot::size`]).
    pub fn bounded(entries: usize, bytes: usize) -> Self {
        Self {
            shelf: Mutex::new(Shelf::bounded(entries, bytes)),
        }
    }

    /// Returns the number of snapshots.
    pub fn len(&self) -> usize {
        self.shelf().len()
    }

    /// Whether the store is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // A poisoned lock can be used, because no change of the shelf can panic half-way.
    fn shelf(&self) -> MutexGuard<'_, Shelf<SnapshotKey, StoredSnapshot>> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn cost(key: &SnapshotKey, snapshot: &StoredSnapshot) -> usize {
    key.url().len() + snapshot.size()
}

#[async_trait]
impl SnapshotStore for MemoryStore {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        Ok(self.shelf().touch(key).cloned())
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        let bytes = cost(key, &snapshot);
        self.shelf().put(key.clone(), snapshot, bytes);
        Ok(())
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.shelf().take(key);
        Ok(())
    }
}

#[cfg(test)]
#[expect(clippy::panic, reason = "a failed test may panic")]
mod tests {
    use super::*;
    use crate::json::Document;
    use http::HeaderMap;

    fn key(name: &str, user: &str) -> SnapshotKey {
        SnapshotKey::of(&format!("http://h/{name}"), user).unwrap_or_else(|e| panic!("{e}"))
    }

    fn snapshot(text: &str) -> StoredSnapshot {
        let document = Document::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{e}"));
        StoredSnapshot::new(document, None, HeaderMap::new())
    }

    #[tokio::test]
    async fn the_least_recently_used_goes_first() -> Result<(), BoxError> {
        let store = MemoryStore::bounded(2, 1_000);
        store.put(&key("a", ""), snapshot("1")).await?;
        store.put(&key("b", ""), snapshot("2")).await?;
        assert!(store.get(&key("a", "")).await?.is_some());
        store.put(&key("c", ""), snapshot("3")).await?;
        assert!(store.get(&key("b", "")).await?.is_none());
        assert!(store.get(&key("a", "")).await?.is_some());
        assert_eq!(store.len(), 2);
        Ok(())
    }

    #[tokio::test]
    async fn memory_is_bounded_in_bytes() -> Result<(), BoxError> {
        let store = MemoryStore::bounded(100, 60);
        for name in ["a", "b", "c", "d", "e"] {
            store
                .put(&key(name, ""), snapshot("\"0123456789\""))
                .await?;
        }
        assert!(store.shelf().bytes() <= 60 && store.len() == 2, "{store:?}");
        store.remove(&key("e", "")).await?;
        store.remove(&key("d", "")).await?;
        assert_eq!(store.shelf().bytes(), 0);
        Ok(())
    }

    #[tokio::test]
    async fn a_snapshot_beyond_the_bound_is_not_kept_and_displaces_no_other() -> Result<(), BoxError>
    {
        let store = MemoryStore::bounded(100, 60);
        store.put(&key("a", ""), snapshot("1")).await?;
        store.put(&key("b", ""), snapshot("2")).await?;
        let long = format!("\"{}\"", "long".repeat(20));
        store.put(&key("b", ""), snapshot(&long)).await?;
        assert!(
            store.get(&key("b", "")).await?.is_none(),
            "the old one is outdated"
        );
        assert!(store.get(&key("a", "")).await?.is_some());
        Ok(())
    }

    #[tokio::test]
    async fn one_users_snapshot_never_serves_another() -> Result<(), BoxError> {
        let store = MemoryStore::default();
        store.put(&key("a", "Bearer one"), snapshot("1")).await?;
        assert!(store.get(&key("a", "Bearer two")).await?.is_none());
        assert!(!format!("{:?}", key("a", "Bearer one")).contains("Bearer"));
        Ok(())
    }
}
