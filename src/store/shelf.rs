//! A bounded map that gives up the least recently used entries first.

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;

/// A map with bounds for its entries and their bytes.
#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    by_key: HashMap<K, Entry<V>>,
    by_use: BTreeMap<u64, K>,
    uses: u64,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Entry<V> {
    used: u64,
    bytes: usize,
    value: V,
}

impl<K: Clone + Eq + Hash, V> Shelf<K, V> {
    pub(super) fn bounded(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            by_key: HashMap::new(),
            by_use: BTreeMap::new(),
            uses: 0,
            bytes: 0,
            max_entries,
            max_bytes,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Returns the bytes of all entries.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns the value and marks it as the most recently used.
    pub(super) fn touch(&mut self, key: &K) -> Option<&mut V> {
        self.used(key).map(|entry| &mut entry.value)
    }

    fn used(&mut self, key: &K) -> Option<&mut Entry<V>> {
        let entry = self.by_key.get_mut(key)?;
        self.uses += 1;
        if let Some(key) = self.by_use.remove(&entry.used) {
            self.by_use.insert(self.uses, key);
        }
        entry.used = self.uses;
        Some(entry)
    }

    /// Returns the value without using it.
    #[cfg(feature = "durable")]
    pub(super) fn peek_mut(&mut self, key: &K) -> Option<&mut V> {
        self.by_key.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Puts a value in, as the most recently used, and returns the keys that had to go. The new key is among them if
    /// its value alone is larger than the bound.
    pub(super) fn put(&mut self, key: K, value: V, bytes: usize) -> Vec<K> {
        if bytes > self.max_bytes {
            self.take(&key);
            return vec![key];
        }
        if let Some(entry) = self.used(&key) {
            entry.value = value;
            let before = std::mem::replace(&mut entry.bytes, bytes);
            self.bytes = self.bytes + bytes - before;
        } else {
            self.uses += 1;
            self.bytes += bytes;
            self.by_use.insert(self.uses, key.clone());
            let used = self.uses;
            self.by_key.insert(key, Entry { used, bytes, value });
        }
        let mut gone = Vec::new();
        while self.by_key.len() > self.max_entries || self.bytes > self.max_bytes {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            if let Some(entry) = self.by_key.remove(&oldest) {
                self.bytes -= entry.bytes;
            }
            gone.push(oldest);
        }
        gone
    }

    /// Removes all entries.
    #[cfg(feature = "durable")]
    pub(super) fn clear(&mut self) {
        self.by_key.clear();
        self.by_use.clear();
        self.bytes = 0;
    }

    pub(super) fn take(&mut self, key: &K) -> Option<V> {
        let entry = self.by_key.remove(key)?;
        self.by_use.remove(&entry.used);
        self.bytes -= entry.bytes;
        Some(entry.value)
    }
}
