//! What the file holds, in memory: the digests of the keys, and the values that are not written yet.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::shelf::Shelf;
use super::super::snapshot_key::KeyDigests;
use crate::durable::WriteError;

/// The index of a file.
#[derive(Debug)]
pub(super) struct Index(Mutex<State>);

#[derive(Debug)]
struct State {
    shelf: Shelf<KeyDigests, Entry>,
    /// The keys whose entry in the file is outdated, with the sequence number of the last change.
    changed: HashMap<KeyDigests, u64>,
    /// The sequence number of the last change. The numbers order the entries in the file.
    last_sequence: u64,
    is_write_queued: bool,
    /// The first error of the writer. From then on the store is empty.
    failure: Option<WriteError>,
}

#[derive(Debug)]
struct Entry {
    sequence: u64,
    bytes: usize,
    /// The value until it is written.
    unwritten: Option<Arc<[u8]>>,
}

/// Where a value is.
pub(super) enum Found {
    InMemory(Arc<[u8]>),
    OnDisk { sequence: u64, bytes: usize },
}

/// An entry of the file.
pub(super) struct StoredEntry {
    pub(super) key: KeyDigests,
    pub(super) sequence: u64,
    pub(super) bytes: usize,
}

/// A change for the file. Without a value, the entry is removed.
pub(super) struct Change {
    pub(super) key: KeyDigests,
    pub(super) sequence: u64,
    pub(super) value: Option<Arc<[u8]>>,
}

impl Change {
    pub(super) fn id(&self) -> (KeyDigests, u64) {
        (self.key, self.sequence)
    }
}

impl Index {
    /// Creates the index of a file with these entries.
    pub(super) fn new(mut stored: Vec<StoredEntry>, entries: usize, bytes: usize) -> Self {
        stored.sort_unstable_by_key(|entry| entry.sequence);
        let mut state = State {
            shelf: Shelf::bounded(entries, bytes),
            changed: HashMap::new(),
            last_sequence: stored.last().map_or(0, |entry| entry.sequence),
            is_write_queued: false,
            failure: None,
        };
        for StoredEntry {
            key,
            sequence,
            bytes,
        } in stored
        {
            let unwritten = None;
            let entry = Entry {
                sequence,
                bytes,
                unwritten,
            };
            state.put(key, entry);
        }
        Self(Mutex::new(state))
    }

    pub(super) fn len(&self) -> usize {
        self.state().shelf.len()
    }

    /// Finds a value and marks it as the most recently used.
    pub(super) fn find(&self, key: &KeyDigests) -> Option<Found> {
        let mut state = self.state();
        let entry = state.shelf.touch(key)?;
        Some(match &entry.unwritten {
            Some(value) => Found::InMemory(Arc::clone(value)),
            None => Found::OnDisk {
                sequence: entry.sequence,
                bytes: entry.bytes,
            },
        })
    }

    pub(super) fn put(&self, key: KeyDigests, value: Vec<u8>) -> Result<(), WriteError> {
        let mut state = self.usable()?;
        let sequence = state.change(key);
        let entry = Entry {
            sequence,
            bytes: value.len(),
            unwritten: Some(value.into()),
        };
        state.put(key, entry);
        Ok(())
    }

    pub(super) fn remove(&self, key: &KeyDigests) -> Result<(), WriteError> {
        let mut state = self.usable()?;
        if state.shelf.take(key).is_some() {
            state.change(*key);
        }
        Ok(())
    }

    /// Removes an entry unless it has changed since, and returns whether it did.
    pub(super) fn remove_unchanged(&self, key: &KeyDigests, sequence: u64) -> bool {
        let mut state = self.state();
        let entry = state.shelf.peek_mut(key);
        if entry.is_none_or(|entry| entry.sequence != sequence) {
            return false;
        }
        state.shelf.take(key);
        state.change(*key);
        true
    }

    /// Whether a write has to be queued now: something has changed, and no write waits.
    pub(super) fn begin_write(&self) -> bool {
        let mut state = self.state();
        let is_needed = !state.changed.is_empty() && !state.is_write_queued;
        state.is_write_queued |= is_needed;
        is_needed
    }

    /// Takes all changes, for the write that was queued.
    pub(super) fn take_changes(&self) -> Vec<Change> {
        let mut state = self.state();
        state.is_write_queued = false;
        let changed = std::mem::take(&mut state.changed);
        let with_value = |(key, sequence)| {
            let entry = state.shelf.peek_mut(&key);
            let value = entry.and_then(|entry| entry.unwritten.clone());
            Change {
                key,
                sequence,
                value,
            }
        };
        changed.into_iter().map(with_value).collect()
    }

    /// Drops the values that were written from memory.
    pub(super) fn confirm(&self, written: &[(KeyDigests, u64)]) {
        let mut state = self.state();
        for (key, sequence) in written {
            if let Some(entry) = state.shelf.peek_mut(key)
                && entry.sequence == *sequence
            {
                entry.unwritten = None;
            }
        }
    }

    /// Empties the index after a failed write. What the file holds is unknown, and may be outdated.
    pub(super) fn fail(&self, error: WriteError) {
        let mut state = self.state();
        state.shelf.clear();
        state.changed.clear();
        state.failure = Some(error);
    }

    fn usable(&self) -> Result<MutexGuard<'_, State>, WriteError> {
        let state = self.state();
        match &state.failure {
            Some(error) => Err(error.clone()),
            None => Ok(state),
        }
    }

    // A poisoned lock can be used, because no change of the state can panic half-way.
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Numbers a change of an entry.
    fn change(&mut self, key: KeyDigests) -> u64 {
        self.last_sequence += 1;
        self.changed.insert(key, self.last_sequence);
        self.last_sequence
    }

    /// Puts an entry in. The entries that have to go are removed from the file too.
    fn put(&mut self, key: KeyDigests, entry: Entry) {
        let bytes = entry.bytes + size_of::<KeyDigests>();
        for gone in self.shelf.put(key, entry, bytes) {
            self.change(gone);
        }
    }
}
