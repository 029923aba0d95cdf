//! The final accounts: results reported to the clients against writes applied by the server.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde_json::Value;

use crate::clients::{Edit, Kind, Told};
use crate::server::{Entry, Server, marks};

pub(crate) struct Books {
    edits: Vec<Edit>,
    log: Vec<Entry>,
    documents: HashMap<String, Value>,
    pub(crate) requests: u64,
    pub(crate) faults: u64,
    pub(crate) acknowledged: usize,
}

impl Books {
    pub(crate) fn new(edits: Vec<Edit>, server: &Server, requests: u64, faults: u64) -> Self {
        let (log, documents) = server.close();
        let acknowledged = edits
            .iter()
            .filter(|edit| edit.told == Told::Acknowledged)
            .count();
        Self {
            edits,
            log,
            documents,
            requests,
            faults,
            acknowledged,
        }
    }

    /// Every entry that does not balance, in words.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        self.nothing_was_taken_away(&mut wrong);
        self.nothing_was_done_for_another(&mut wrong);
        self.edits_balance(&mut wrong);
        self.only_what_cannot_be_known_is_unknown(&mut wrong);
        wrong
    }

    /// No edit of these clients removes anything, so whatever was removed is a lost update.
    fn nothing_was_taken_away(&self, wrong: &mut Vec<String>) {
        for entry in &self.log {
            for mark in &entry.removed {
                wrong.push(format!("{}: {mark} was taken away", entry.path));
            }
            if entry.counted < 0 {
                wrong.push(format!("{}: {} was taken away", entry.path, -entry.counted));
            }
        }
        for (path, document) in &self.documents {
            if document["untouched"] != 1.1 {
                wrong.push(format!(
                    "{path}: the member that nobody knows was taken away"
                ));
            }
        }
    }

    /// Every write is for one edit, and does nothing for another one.
    fn nothing_was_done_for_another(&self, wrong: &mut Vec<String>) {
        for Entry {
            path,
            edit,
            added,
            titled,
            ..
        } in &self.log
        {
            for mark in added.iter().chain(titled) {
                if mark != edit {
                    wrong.push(format!("{path}: a write for {edit} left {mark} behind"));
                }
            }
        }
    }

    /// How often each edit was applied, by its mark: for each write that was for it, what the write
    /// counted, or the marks that it left.
    fn applied(&self) -> HashMap<&str, i64> {
        let mut applied: HashMap<&str, i64> = HashMap::new();
        for entry in &self.log {
            let marks = entry.added.len() + usize::from(entry.titled.is_some());
            *applied.entry(&entry.edit).or_default() +=
                entry.counted + i64::try_from(marks).unwrap();
        }
        applied
    }

    fn edits_balance(&self, wrong: &mut Vec<String>) {
        let applied = self.applied();
        let present: HashMap<&String, Vec<String>> = self
            .documents
            .iter()
            .map(|(path, document)| (path, marks(document)))
            .collect();
        for edit in &self.edits {
            let Edit {
                path, mark, told, ..
            } = edit;
            let times = applied.get(mark.as_str()).copied().unwrap_or(0);
            let right = match told {
                Told::Acknowledged => times == 1,
                Told::Failed(_) => times == 0,
                Told::Unknown => (0..=1).contains(&times),
            };
            if !right {
                wrong.push(format!(
                    "{path}: {mark} was told as {told:?} and applied {times} times"
                ));
            }
            let stays = matches!(edit.kind, Kind::Set | Kind::Text);
            let there = present.get(path).is_some_and(|marks| marks.contains(mark));
            if stays && there != (times > 0) {
                wrong.push(format!(
                    "{path}: {mark} was applied {times} times and is gone"
                ));
            }
        }
    }

    /// An edit is unknown only where that cannot be known: something happened to a write of it that leaves
    /// a doubt, and then no look at the state came through, or none tells. That no look tells is so of
    /// what others write over, and of counts without a stamp.
    fn only_what_cannot_be_known_is_unknown(&self, wrong: &mut Vec<String>) {
        for edit in self.edits.iter().filter(|edit| edit.told == Told::Unknown) {
            let looks_tell = matches!(edit.kind, Kind::Set | Kind::Text | Kind::Stamped);
            if !edit.learnt.doubt || edit.learnt.state && looks_tell {
                let Edit { path, mark, .. } = edit;
                wrong.push(format!("{path}: {mark} is unknown, and could have known"));
            }
        }
    }
}

impl fmt::Display for Books {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut told: BTreeMap<String, usize> = BTreeMap::new();
        for edit in &self.edits {
            *told
                .entry(format!("{:?} {:?}", edit.kind, edit.told))
                .or_default() += 1;
        }
        write!(
            f,
            "{} requests, {} faults, {} writes applied; {told:?}",
            self.requests,
            self.faults,
            self.log.len(),
        )
    }
}
