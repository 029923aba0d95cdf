//! What the program reported, compared with what the server has.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde_json::Value;

/// The edits that the program reported.
#[derive(Debug, Default)]
pub(crate) struct Books {
    /// Those of which it knew that they were queued.
    queued: BTreeSet<String>,
    /// Those that it began to queue.
    begun: BTreeSet<String>,
}

/// The differences.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) queued: usize,
    pub(crate) applied: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
}

impl Books {
    /// Reads what the program printed: `begun TOKEN` before each edit, and `queued TOKEN` once it is queued.
    pub(crate) fn read(&mut self, told: &str) {
        // The last line may be cut off.
        let whole = told.rfind('\n').map_or("", |end| &told[..end]);
        for line in whole.lines() {
            // The test harness may print on the same line.
            if let Some((_, token)) = line.split_once("begun ") {
                self.begun.insert(token.to_owned());
            } else if let Some((_, token)) = line.split_once("queued ") {
                self.queued.insert(token.to_owned());
            }
        }
    }

    pub(crate) fn queued(&self) -> usize {
        self.queued.len()
    }

    /// Compares the reports with the documents. Each document has the tokens of its edits, and their number.
    pub(crate) fn compared(&self, documents: &[Value]) -> Found {
        let mut applied = BTreeMap::<&str, usize>::new();
        let mut counted = 0;
        for document in documents {
            for token in document["tokens"].as_array().into_iter().flatten() {
                *applied.entry(token.as_str().unwrap()).or_default() += 1;
            }
            counted += usize::try_from(document["n"].as_u64().unwrap()).unwrap();
        }
        let unknown: Vec<_> = applied
            .keys()
            .filter(|token| !self.begun.contains(**token))
            .collect();
        assert!(unknown.is_empty(), "never begun: {unknown:?}");
        let times: usize = applied.values().sum();
        let is_lost = |token: &&String| !applied.contains_key(token.as_str());
        let lost = self.queued.iter().filter(is_lost).count();
        let twice = applied.values().filter(|times| **times > 1).count();
        Found {
            queued: self.queued.len(),
            applied: applied.len(),
            lost,
            // An edit that was merged twice may have left one token and counted two.
            doubled: twice.max(counted.abs_diff(times)),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} edits reported as queued, {} applied, {} lost, {} doubled",
            self.queued, self.applied, self.lost, self.doubled
        )
    }
}
