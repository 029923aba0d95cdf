//! Writes whose future was dropped, or whose outcome is unknown. They are remembered until they are judged.
//!
//! A request in flight may be applied even if the caller no longer waits for its response. So a later write onto
//! the same version first checks whether a change that it finds is its own client's. Saving the same value again
//! after a timeout is the common case. Unsettled writes are found by address, whatever the credentials, because
//! their content is not shown to any caller.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::journal::{Fold, Journal, JournalError, MarkAt};
use crate::json::Document;
use crate::protocol::Validator;
use crate::store::{KeyDigest, SnapshotKey};

/// Limits: resources with remembered writes, writes for each of them, and bytes in total. The oldest are dropped
/// first. With a journal, its quota is the limit for all resources together, and nothing is dropped to stay below it.
const RESOURCES: usize = 10_000;
const WRITES: usize = 8;
const BYTES: usize = 64 * 1024 * 1024;

/// A write that may have been applied, or may still be.
#[derive(Clone)]
pub(crate) struct UnsettledWrite {
    /// The version that the write was pinned to. `None` if it required that the resource did not exist.
    pub(crate) onto: Option<Validator>,
    /// The document that was sent. `None` for a removal.
    pub(crate) document: Option<Document>,
    /// Its mark in the journal, which is removed with it.
    pub(crate) mark: Option<MarkAt>,
}

/// The unsettled writes of one client: those in its journal, or as many as fit into memory.
#[derive(Default)]
pub(crate) struct UnsettledWrites {
    ledger: Mutex<Ledger>,
    journal: Option<Journal>,
    /// How often the journal had taken over marks of other processes when they were last loaded, and one.
    loaded: AtomicU64,
    /// How often the journal had forgotten the requests of awaited calls when they were last forgotten here.
    forgotten: AtomicU64,
    /// The number of its files whose marks are loaded. Later marks in them are of this process, which knows its own.
    loaded_files: AtomicUsize,
}

#[derive(Default)]
struct Ledger {
    by_address: HashMap<KeyDigest, VecDeque<UnsettledWrite>>,
    by_age: VecDeque<KeyDigest>,
    bytes: usize,
}

impl Ledger {
    fn knows(&self, address: &KeyDigest, write: &UnsettledWrite) -> bool {
        let writes = self.by_address.get(address).into_iter().flatten();
        writes.into_iter().any(|known| known.is_same(write))
    }

    /// Forgets the writes whose mark is no longer in the journal.
    fn forget_marked(&mut self, journal: &Journal) {
        let is_kept = |write: &UnsettledWrite| match write.mark {
            Some(mark) => journal.read(|fold| fold.has(mark)),
            None => true,
        };
        self.by_address.retain(|_, writes| {
            writes.retain(is_kept);
            !writes.is_empty()
        });
        let left = &self.by_address;
        self.by_age.retain(|address| left.contains_key(address));
        let left = self.by_address.values().flatten();
        self.bytes = left.map(UnsettledWrite::size).sum();
    }
}

/// Earlier writes onto one version.
#[derive(Clone, Default)]
pub(crate) struct UnsettledOnVersion {
    /// The documents. At most one of them can have been applied.
    pub(crate) documents: Vec<Document>,
    /// Whether a removal was among the writes.
    pub(crate) is_removal: bool,
}

impl UnsettledWrites {
    /// Creates the view of a journal, which holds what earlier processes left behind.
    pub(crate) fn of(journal: Option<Journal>) -> Self {
        Self {
            ledger: Mutex::default(),
            journal,
            loaded: AtomicU64::new(0),
            forgotten: AtomicU64::new(0),
            loaded_files: AtomicUsize::new(0),
        }
    }

    /// Loads what earlier processes left behind, unless it is loaded already.
    ///
    /// A request that cannot be read is reported as damage and ignored.
    ///
    /// # Errors
    ///
    /// Returns the error of the journal if it fails.
    pub(crate) async fn load(&self) -> Result<(), JournalError> {
        let Some(journal) = &self.journal else {
            return Ok(());
        };
        let forgotten = journal.forgotten();
        if self.forgotten.swap(forgotten, Ordering::AcqRel) != forgotten {
            self.ledger().forget_marked(journal);
        }
        let present = journal.adoptions() + 1;
        if self.loaded.load(Ordering::Acquire) == present {
            return Ok(());
        }
        let files = journal.files();
        let known = self.loaded_files.load(Ordering::Acquire);
        for (at, sent) in journal.read(Fold::requests) {
            if usize::from(at.file) < known {
                continue;
            }
            let kept = match journal.present_documents(at).await {
                Ok(Some(kept)) => kept,
                Ok(None) => continue,
                Err(JournalError::Damaged(why)) => {
                    journal.told_damage(format!("a request of an earlier call: {why}"));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let document = kept.local;
            let onto = sent.onto.as_deref().map(str::parse);
            let onto = onto.transpose().map_err(JournalError::damaged)?;
            let write = UnsettledWrite {
                onto,
                document: document.filter(|_| !sent.removes),
                // The marks of a queued write are removed by its own end.
                mark: Some(at).filter(|_| sent.intent.is_none()),
            };
            let known = self.ledger().knows(&sent.address, &write);
            if !known {
                self.remember(&sent.address, write);
            }
        }
        self.loaded_files.store(files, Ordering::Release);
        self.loaded.store(present, Ordering::Release);
        Ok(())
    }

    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a write onto this version may have made it outdated.
    pub(crate) fn outdates(&self, key: &SnapshotKey, version: Option<&Validator>) -> bool {
        let ledger = self.ledger();
        let sent = ledger.by_address.get(key.address());
        sent.is_some_and(|sent| sent.iter().any(|sent| sent.onto.as_ref() == version))
    }

    /// Returns the writes that were sent onto this version.
    pub(crate) fn sent_onto(
        &self,
        key: &SnapshotKey,
        version: Option<&Validator>,
    ) -> UnsettledOnVersion {
        let ledger = self.ledger();
        let mut inherited = UnsettledOnVersion::default();
        for sent in ledger.by_address.get(key.address()).into_iter().flatten() {
            if sent.onto.as_ref() == version {
                inherited.is_removal |= sent.document.is_none();
                inherited.documents.extend(sent.document.clone());
            }
        }
        inherited
    }

    /// Forgets a write whose outcome is known.
    pub(super) fn forget(&self, key: &SnapshotKey, known: &UnsettledWrite) {
        self.retain(key, |sent| !sent.is_same(known));
    }

    /// Forgets the writes onto this version, because they have been judged.
    pub(super) fn judged(&self, key: &SnapshotKey, version: Option<&Validator>) {
        self.retain(key, |sent| sent.onto.as_ref() != version);
    }

    fn forget_mark(&self, write: &UnsettledWrite) {
        if let (Some(journal), Some(mark)) = (&self.journal, write.mark) {
            journal.judged(None, &[mark]);
        }
    }

    fn retain(&self, key: &SnapshotKey, mut keep: impl FnMut(&UnsettledWrite) -> bool) {
        let mut ledger = self.ledger();
        let Some(mut sent) = ledger.by_address.remove(key.address()) else {
            return;
        };
        let before: usize = sent.iter().map(UnsettledWrite::size).sum();
        let mut marks = Vec::new();
        sent.retain(|sent| {
            let keeps = keep(sent);
            marks.extend(sent.mark.filter(|_| !keeps));
            keeps
        });
        if let Some(journal) = &self.journal {
            journal.judged(None, &marks);
        }
        ledger.bytes -= before - sent.iter().map(UnsettledWrite::size).sum::<usize>();
        if sent.is_empty() {
            ledger.by_age.retain(|other| other != key.address());
        } else {
            ledger.by_address.insert(*key.address(), sent);
        }
    }

    pub(super) fn remember(&self, address: &KeyDigest, sent: UnsettledWrite) {
        let mut ledger = self.ledger();
        ledger.bytes += sent.size();
        if !ledger.by_address.contains_key(address) {
            ledger.by_age.push_back(*address);
        }
        let writes = ledger.by_address.entry(*address);
        let writes = writes.or_default();
        writes.push_back(sent);
        if writes.len() > WRITES
            && let Some(oldest) = writes.pop_front()
        {
            ledger.bytes -= oldest.size();
            self.forget_mark(&oldest);
        }
        if self.journal.is_some() {
            return;
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
    /// Returns the approximate memory that the write uses, in bytes.
    fn size(&self) -> usize {
        self.document.as_ref().map_or(0, Document::len)
    }

    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let same_document = match (&self.document, &other.document) {
            (Some(one), Some(other)) => one.same_text(other),
            (None, None) => true,
            _ => false,
        };
        self.onto == other.onto && same_document
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
            mark: None,
        })
    }

    #[test]
    fn what_was_judged_is_forgotten_and_what_was_sent_onto_another_version_stays()
    -> Result<(), Failed> {
        let (unsettled, key) = (UnsettledWrites::default(), key(1)?);
        for onto in [1, 2, 1] {
            unsettled.remember(key.address(), sent(onto, "[1]")?);
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

    #[tokio::test]
    async fn what_the_journal_was_told_to_forget_is_forgotten() -> Result<(), Failed> {
        let journal = Journal::in_memory();
        let unsettled = UnsettledWrites::of(Some(journal.clone()));
        let (kept, marked) = (key(1)?, key(2)?);
        unsettled.remember(kept.address(), sent(1, "[1]")?);
        let mark = Some(MarkAt { file: 0, number: 7 });
        let write = UnsettledWrite {
            mark,
            ..sent(1, "[1]")?
        };
        unsettled.remember(marked.address(), write);
        journal.forget_unsettled();
        unsettled.load().await?;
        let version = version(1)?;
        assert!(unsettled.outdates(&kept, Some(&version)));
        assert!(!unsettled.outdates(&marked, Some(&version)));
        assert_eq!(unsettled.ledger().bytes, 3);
        Ok(())
    }

    #[test]
    fn the_oldest_go_first_when_there_are_too_many() -> Result<(), Failed> {
        let unsettled = UnsettledWrites::default();
        for onto in 0..=WRITES {
            unsettled.remember(key(0)?.address(), sent(onto, "[1]")?);
        }
        assert!(!unsettled.outdates(&key(0)?, Some(&version(0)?)));
        assert!(unsettled.outdates(&key(0)?, Some(&version(1)?)));
        assert_eq!(unsettled.ledger().bytes, 3 * WRITES);
        for number in 1..=RESOURCES {
            unsettled.remember(key(number)?.address(), sent(0, "[1]")?);
        }
        let still = |number| Ok::<_, Failed>(unsettled.outdates(&key(number)?, Some(&version(0)?)));
        assert!(!unsettled.outdates(&key(0)?, Some(&version(1)?)));
        assert!(still(1)? && still(RESOURCES)?);
        assert_eq!(unsettled.ledger().bytes, 3 * RESOURCES);
        // One document that leaves room for nothing else.
        let large = format!("\"{}\"", "x".repeat(BYTES - 5));
        unsettled.remember(key(0)?.address(), sent(0, &large)?);
        assert!(still(0)? && still(RESOURCES)? && !still(RESOURCES - 1)?);
        assert_eq!(unsettled.ledger().bytes, BYTES);
        Ok(())
    }
}
