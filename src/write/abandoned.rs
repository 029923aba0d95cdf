//! Writes whose future was dropped, or whose outcome stayed unknown: remembered until they are judged.
//!
//! A request that is out may be applied whether or not anybody waits for its reply. So a later write
//! onto the same version must not take what it finds for another writer's work before it has looked
//! whether it is its own: saving the same value again after a timeout is the common case.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::http::Validator;
use crate::json::Document;
use crate::store::SnapshotKey;

/// Resources for which writes are remembered, and writes for each; the oldest go first.
const RESOURCES: usize = 1_024;
const WRITES: usize = 8;

/// A write that may have been applied, or may still be.
#[derive(Clone)]
struct Sent {
    /// The version it was pinned to; `None`: that nothing was there.
    onto: Option<Validator>,
    /// What it sent; `None`: it was a removal.
    document: Option<Document>,
}

/// The abandoned writes of one client.
#[derive(Default)]
pub(crate) struct Abandoned(Mutex<Ledger>);

#[derive(Default)]
struct Ledger {
    by_key: HashMap<SnapshotKey, VecDeque<Sent>>,
    by_age: VecDeque<SnapshotKey>,
}

impl Abandoned {
    // Nothing panics while the ledger is locked.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write onto this version may have outdated it.
    pub(crate) fn outdates(&self, key: &SnapshotKey, version: Option<&Validator>) -> bool {
        let ledger = self.ledger();
        let sent = ledger.by_key.get(key);
        sent.is_some_and(|sent| sent.iter().any(|sent| sent.onto.as_ref() == version))
    }

    /// The documents that were sent onto this version, at most one of which can have landed.
    pub(crate) fn sent_onto(
        &self,
        key: &SnapshotKey,
        version: Option<&Validator>,
    ) -> Vec<Document> {
        let ledger = self.ledger();
        let sent = ledger.by_key.get(key).into_iter().flatten();
        sent.filter(|sent| sent.onto.as_ref() == version)
            .filter_map(|sent| sent.document.clone())
            .collect()
    }

    /// What was sent onto this version has been judged.
    fn judged(&self, key: &SnapshotKey, version: Option<&Validator>) {
        let mut ledger = self.ledger();
        let Some(sent) = ledger.by_key.get_mut(key) else {
            return;
        };
        sent.retain(|sent| sent.onto.as_ref() != version);
        if sent.is_empty() {
            ledger.by_key.remove(key);
            ledger.by_age.retain(|other| other != key);
        }
    }

    fn remember(&self, key: &SnapshotKey, sent: Sent) {
        let mut ledger = self.ledger();
        if !ledger.by_key.contains_key(key) {
            ledger.by_age.push_back(key.clone());
        }
        let writes = ledger.by_key.entry(key.clone()).or_default();
        writes.push_back(sent);
        if writes.len() > WRITES {
            writes.pop_front();
        }
        if ledger.by_age.len() > RESOURCES
            && let Some(oldest) = ledger.by_age.pop_front()
        {
            ledger.by_key.remove(&oldest);
        }
    }
}

/// The request of one write that is out, if one is. Dropped while it is, it is remembered.
pub(crate) struct Out {
    abandoned: Arc<Abandoned>,
    key: SnapshotKey,
    sent: Option<Sent>,
}

impl Out {
    pub(crate) fn new(abandoned: Arc<Abandoned>, key: SnapshotKey) -> Self {
        Self {
            abandoned,
            key,
            sent: None,
        }
    }

    pub(crate) fn key(&self) -> &SnapshotKey {
        &self.key
    }

    /// A request goes out.
    pub(crate) fn send(&mut self, onto: Option<Validator>, document: Option<Document>) {
        self.sent = Some(Sent { onto, document });
    }

    /// The write came to an end that is known.
    pub(crate) fn settled(&mut self) {
        self.sent = None;
    }

    /// What an earlier write sent onto this version has been judged.
    pub(crate) fn judged(&self, version: Option<&Validator>) {
        self.abandoned.judged(&self.key, version);
    }
}

impl Drop for Out {
    fn drop(&mut self) {
        if let Some(sent) = self.sent.take() {
            self.abandoned.remember(&self.key, sent);
        }
    }
}
