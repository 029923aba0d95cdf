//! The books: what the clients were told against what the server applied.

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
        self.marks_balance(&mut wrong);
        self.counters_balance(&mut wrong);
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

    /// How often each mark was set, by path and mark.
    fn applied(&self) -> HashMap<(&str, &str), usize> {
        let mut applied: HashMap<(&str, &str), usize> = HashMap::new();
        for entry in &self.log {
            for mark in entry.added.iter().chain(&entry.titled) {
                *applied.entry((&entry.path, mark)).or_default() += 1;
            }
        }
        applied
    }

    fn marks_balance(&self, wrong: &mut Vec<String>) {
        let applied = self.applied();
        let present: HashMap<&String, Vec<String>> = self
            .documents
            .iter()
            .map(|(path, document)| (path, marks(document)))
            .collect();
        for edit in &self.edits {
            let key = (edit.path.as_str(), edit.mark.as_str());
            let times = applied.get(&key).copied().unwrap_or(0);
            let there = present
                .get(&edit.path)
                .is_some_and(|marks| marks.contains(&edit.mark));
            let right = match (edit.kind, edit.told) {
                (Kind::Counter | Kind::Stamped, _) => continue,
                (Kind::Title, Told::Acknowledged) => times == 1,
                (_, Told::Unknown) => times <= 1,
                (_, Told::Acknowledged) => times == 1 && there,
                (_, Told::Failed(_)) => times == 0 && !there,
            };
            if !right {
                let Edit {
                    path, mark, told, ..
                } = edit;
                wrong.push(format!(
                    "{path}: {mark} was told as {told:?} and applied {times} times"
                ));
            }
        }
    }

    /// Edits of a counter look alike, so they are balanced in sum.
    fn counters_balance(&self, wrong: &mut Vec<String>) {
        let mut sums: BTreeMap<&str, (i64, i64, i64)> = BTreeMap::new();
        for edit in self
            .edits
            .iter()
            .filter(|edit| matches!(edit.kind, Kind::Counter | Kind::Stamped))
        {
            let (acknowledged, unknown, _) = sums.entry(&edit.path).or_default();
            match edit.told {
                Told::Acknowledged => *acknowledged += 1,
                Told::Unknown => *unknown += 1,
                Told::Failed(_) => {}
            }
        }
        for entry in &self.log {
            if let Some((.., counted)) = sums.get_mut(entry.path.as_str()) {
                *counted += entry.counted;
            }
        }
        for (path, (acknowledged, unknown, counted)) in sums {
            if !(acknowledged..=acknowledged + unknown).contains(&counted) {
                wrong.push(format!(
                    "{path}: {counted} were counted, {acknowledged} were acknowledged, {unknown} are unknown"
                ));
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
