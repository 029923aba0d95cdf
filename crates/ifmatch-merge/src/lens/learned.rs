//! What trials told about a type of which nothing is said: where it reads what it shows.

use std::collections::HashMap;

/// What is known beside the type's own tree.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    /// What the type calls the raw members whose keys stand at these offsets.
    names: HashMap<usize, String>,
    /// Lists stay in the order of the document where the type may reorder what it reads.
    pub(super) raw_order: bool,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            raw_order: true,
        }
    }
}

impl Learned {
    pub(super) fn name(&self, offset: usize) -> Option<&str> {
        if self.names.is_empty() {
            return None;
        }
        self.names.get(&offset).map(String::as_str)
    }

    /// The same, and that a member is read as this one.
    pub(super) fn with(&self, offset: usize, name: &str) -> Self {
        let mut learned = self.clone();
        learned.names.insert(offset, name.to_owned());
        learned
    }
}

/// A member that the type shows, and the offsets of raw members one of which it may be read from.
#[derive(Debug, Clone)]
pub(super) struct Doubt {
    /// Where it stands in the new value.
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) candidates: Vec<usize>,
}
