//! A bounded store in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{SnapshotKey, SnapshotStore, StoredSnapshot};
use crate::BoxError;

const ENTRIES: usize = 10_000;
const BYTES: usize = 64 * 1024 * 1024;

/// A store in memory, which evicts the least recently used snapshots first.
///
/// # Default
///
/// At most 10 000 snapshots and 64 MiB ([`bounded`](Self::bounded) sets other limits).
#[derive(Debug)]
pub struct MemoryStore {
    shelf: Mutex<Shelf>,
    entries: usize,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Shelf {
    by_key: HashMap<SnapshotKey, (u64, StoredSnapshot)>,
    by_use: BTreeMap<u64, SnapshotKey>,
    uses: u64,
    bytes: usize,
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
            shelf: Mutex::default(),
            entries,
            bytes,
        }
    }

    /// Returns the number of snapshots.
    pub fn len(&self) -> usize {
        self.shelf().by_key.len()
    }

    /// Whether the store is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // A poisoned lock can be used, because no change of the shelf can panic half-way.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn take(&mut self, key: &SnapshotKey) -> Option<StoredSnapshot> {
        let (used, snapshot) = self.by_key.remove(key)?;
        self.by_use.remove(&used);
        self.bytes -= cost(key, &snapshot);
        Some(snapshot)
    }

    /// Returns the cached snapshot and marks it as the most recently used.
    fn touch(&mut self, key: &SnapshotKey) -> Option<&mut StoredSnapshot> {
        let (used, snapshot) = self.by_key.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(used) {
            self.by_use.insert(self.uses, key);
        }
        *used = self.uses;
        Some(snapshot)
    }

    fn lay(&mut self, key: SnapshotKey, snapshot: StoredSnapshot) {
        self.uses += 1;
        self.bytes += cost(&key, &snapshot);
        self.by_use.insert(self.uses, key.clone());
        self.by_key.insert(key, (self.uses, snapshot));
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
        let mut guard = self.shelf();
        let added = cost(key, &snapshot);
        if let Some(there) = guard.touch(key) {
            let before = std::mem::replace(there, snapshot);
            guard.bytes = guard.bytes + added - cost(key, &before);
        } else {
            guard.lay(key.clone(), snapshot);
        }
        while guard.by_key.len() > self.entries || guard.bytes > self.bytes {
            let Some((_, oldest)) = guard.by_use.pop_first() else {
                break;
            };
            if let Some((_, evicted)) = guard.by_key.remove(&oldest) {
                guard.bytes -= cost(&oldest, &evicted);
            }
        }
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
        assert!(store.shelf().bytes <= 60 && store.len() == 2, "{store:?}");
        store.remove(&key("e", "")).await?;
        store.remove(&key("d", "")).await?;
        assert_eq!(store.shelf().bytes, 0);
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
