//! Writes whose future was dropped, or whose outcome stayed unknown: remembered until they are judged.
//!
//! A request that is out may be applied whether or not anybody waits for its reply. So a later write
//! onto the same version must not take what it finds for another writer's work before it has looked
//! whether it is its own: saving the same value again after a timeout is the common case. They are found
//! by address, whatever the credentials: nobody is shown anything of them.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::json::Document;
use crate::protocol::Validator;
use crate::queue::UnderWay;
use crate::store::{KeyDigest, SnapshotKey};

/// Resources for which writes are remembered, writes for each, and bytes in all; the oldest go first.
const RESOURCES: usize = 10_000;
const WRITES: usize = 8;
const BYTES: usize = 64 * 1024 * 1024;

/// A write that may have been applied, or may still be.
#[derive(Clone)]
pub(crate) struct UnsettledWrite {
    /// The version it was pinned to; `None`: that nothing was there.
    pub(crate) onto: Option<Validator>,
    /// What it sent; `None`: it was a removal.
    pub(crate) document: Option<Document>,
}

/// The unsettled writes of one client.
#[derive(Default)]
pub(crate) struct UnsettledWrites(Mutex<Ledger>);

#[derive(Default)]
struct Ledger {
    by_address: HashMap<KeyDigest, VecDeque<UnsettledWrite>>,
    by_age: VecDeque<KeyDigest>,
    bytes: usize,
}

/// What earlier writes sent onto one version.
#[derive(Clone, Default)]
pub(crate) struct UnsettledOnVersion {
    /// The documents, at most one of which can have been applied.
    pub(crate) documents: Vec<Document>,
    /// There was a removal among them.
    pub(crate) removal: bool,
}

impl UnsettledWrites {
    // Nothing panics while the ledger is locked.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write onto this version may have outdated it.
    pub(crate) fn outdates(&self, key: &SnapshotKey, version: Option<&Validator>) -> bool {
        let ledger = self.ledger();
        let sent = ledger.by_address.get(key.address());
        sent.is_some_and(|sent| sent.iter().any(|sent| sent.onto.as_ref() == version))
    }

    /// What was sent onto this version.
    pub(crate) fn sent_onto(
        &self,
        key: &SnapshotKey,
        version: Option<&Validator>,
    ) -> UnsettledOnVersion {
        let ledger = self.ledger();
        let mut inherited = UnsettledOnVersion::default();
        for sent in ledger.by_address.get(key.address()).into_iter().flatten() {
            if sent.onto.as_ref() == version {
                inherited.removal |= sent.document.is_none();
                inherited.documents.extend(sent.document.clone());
            }
        }
        inherited
    }

    /// This one came to an end that is known.
    fn forget(&self, key: &SnapshotKey, known: &UnsettledWrite) {
        self.retain(key, |sent| !sent.is_same(known));
    }

    /// What was sent onto this version has been judged.
    fn judged(&self, key: &SnapshotKey, version: Option<&Validator>) {
        self.retain(key, |sent| sent.onto.as_ref() != version);
    }

    fn retain(&self, key: &SnapshotKey, keep: impl FnMut(&UnsettledWrite) -> bool) {
        let mut ledger = self.ledger();
        let Some(mut sent) = ledger.by_address.remove(key.address()) else {
            return;
        };
        let before: usize = sent.iter().map(UnsettledWrite::size).sum();
        sent.retain(keep);
        ledger.bytes -= before - sent.iter().map(UnsettledWrite::size).sum::<usize>();
        if sent.is_empty() {
            ledger.by_age.retain(|other| other != key.address());
        } else {
            ledger.by_address.insert(*key.address(), sent);
        }
    }

    fn remember(&self, key: &SnapshotKey, sent: UnsettledWrite) {
        let mut ledger = self.ledger();
        ledger.bytes += sent.size();
        if !ledger.by_address.contains_key(key.address()) {
            ledger.by_age.push_back(*key.address());
        }
        let writes = ledger.by_address.entry(*key.address());
        let writes = writes.or_default();
        writes.push_back(sent);
        if writes.len() > WRITES {
            let oldest = writes.pop_front().map_or(0, |oldest| oldest.size());
            ledger.bytes -= oldest;
        }
        while ledger.by_age.len() > RESOURCES || ledger.bytes > BYTES {
            let Some(oldest) = ledger.by_age.pop_front() else {
                break;
            };
            let evicted = ledger.by_address.remove(&oldest).unwrap_or_default();
            ledger.bytes -= evicted.iter().map(UnsettledWrite::size).sum::<usize>();
        }
    }
}

impl UnsettledWrite {
    /// About how much memory it takes.
    fn size(&self) -> usize {
        self.document.as_ref().map_or(0, Document::len)
    }

    fn is_same(&self, other: &Self) -> bool {
        let same_document = match (&self.document, &other.document) {
            (Some(one), Some(other)) => one.same_text(other),
            (None, None) => true,
            _ => false,
        };
        self.onto == other.onto && same_document
    }
}

/// The request of one write that is out, if one is. Dropped while it is, it is remembered.
pub(crate) struct InFlightGuard(Arc<Slot>);

/// The same, as others see it.
struct Slot {
    unsettled: Arc<UnsettledWrites>,
    key: SnapshotKey,
    state: Mutex<GuardState>,
}

#[derive(Default)]
struct GuardState {
    sent: Option<UnsettledWrite>,
    /// It is remembered already, because a caller was told that its end is not known.
    is_remembered: bool,
}

impl InFlightGuard {
    pub(crate) fn new(unsettled: Arc<UnsettledWrites>, key: SnapshotKey) -> Self {
        Self(Arc::new(Slot {
            unsettled,
            key,
            state: Mutex::default(),
        }))
    }

    pub(crate) fn key(&self) -> &SnapshotKey {
        &self.0.key
    }

    /// What others are to be shown.
    pub(crate) fn under_way(&self) -> Arc<dyn UnderWay> {
        self.0.clone()
    }

    /// A request goes out.
    pub(crate) fn send(&mut self, sent: UnsettledWrite) {
        let mut state = self.0.state();
        if state.is_remembered {
            self.0.unsettled.remember(&self.0.key, sent.clone());
        }
        state.sent = Some(sent);
    }

    /// The write came to an end that is known.
    pub(crate) fn settled(&mut self) {
        let mut state = self.0.state();
        if let Some(sent) = state.sent.take()
            && state.is_remembered
        {
            self.0.unsettled.forget(&self.0.key, &sent);
        }
    }

    /// What an earlier write sent onto this version has been judged.
    pub(crate) fn judged(&self, version: Option<&Validator>) {
        self.0.unsettled.judged(&self.0.key, version);
    }
}

impl Slot {
    // Nothing panics while the state is locked.
    fn state(&self) -> MutexGuard<'_, GuardState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay for Slot {
    fn is_under_way(&self) -> bool {
        self.state().sent.is_some()
    }

    fn left_behind(&self) {
        let mut state = self.state();
        if let Some(sent) = &state.sent
            && !state.is_remembered
        {
            self.unsettled.remember(&self.key, sent.clone());
            state.is_remembered = true;
        }
    }
}

impl Drop for InFlightGuard {
    fn drop(&mut self) {
        // What went out stays under way for those that look at it.
        let state = self.0.state();
        if let Some(sent) = &state.sent
            && !state.is_remembered
        {
            self.0.unsettled.remember(&self.0.key, sent.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Failed = Box<dyn std::error::Error>;

    fn key(number: usize) -> Result<SnapshotKey, Failed> {
        Ok(SnapshotKey::of(&format!("http://h/{number}"), "")?)
    }

    fn version(number: usize) -> Result<Validator, Failed> {
        Ok(format!("\"{number}\"").parse()?)
    }

    fn sent(onto: usize, text: &str) -> Result<UnsettledWrite, Failed> {
        Ok(UnsettledWrite {
            onto: Some(version(onto)?),
            document: Some(Document::from_trusted(text)),
        })
    }

    #[test]
    fn what_was_judged_is_forgotten_and_what_was_sent_onto_another_version_stays()
    -> Result<(), Failed> {
        let (unsettled, key) = (UnsettledWrites::default(), key(1)?);
        for onto in [1, 2, 1] {
            unsettled.remember(&key, sent(onto, "[1]")?);
        }
        let open =
            |onto| Ok::<_, Failed>(unsettled.sent_onto(&key, Some(&version(onto)?)).documents);
        assert_eq!((open(1)?.len(), open(2)?.len()), (2, 1));
        unsettled.judged(&key, Some(&version(1)?));
        assert_eq!((open(1)?.len(), open(2)?.len()), (0, 1));
        assert_eq!(unsettled.ledger().bytes, 3);
        unsettled.judged(&key, Some(&version(2)?));
        assert_eq!((open(2)?.len(), unsettled.ledger().bytes), (0, 0));
        assert!(unsettled.ledger().by_age.is_empty());
        Ok(())
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() -> Result<(), Failed> {
        let unsettled = UnsettledWrites::default();
        for onto in 0..=WRITES {
            unsettled.remember(&key(0)?, sent(onto, "[1]")?);
        }
        assert!(!unsettled.outdates(&key(0)?, Some(&version(0)?)));
        assert!(unsettled.outdates(&key(0)?, Some(&version(1)?)));
        assert_eq!(unsettled.ledger().bytes, 3 * WRITES);
        for number in 1..=RESOURCES {
            unsettled.remember(&key(number)?, sent(0, "[1]")?);
        }
        let still = |number| Ok::<_, Failed>(unsettled.outdates(&key(number)?, Some(&version(0)?)));
        assert!(!unsettled.outdates(&key(0)?, Some(&version(1)?)));
        assert!(still(1)? && still(RESOURCES)?);
        assert_eq!(unsettled.ledger().bytes, 3 * RESOURCES);
        // One document that leaves room for nothing else.
        let large = format!("\"{}\"", "x".repeat(BYTES - 5));
        unsettled.remember(&key(0)?, sent(0, &large)?);
        assert!(still(0)? && still(RESOURCES)? && !still(RESOURCES - 1)?);
        assert_eq!(unsettled.ledger().bytes, BYTES);
        Ok(())
    }
}
