//! What trials showed about a type of which nothing is said: where it reads what it shows.

use std::collections::HashMap;

/// What is known beside the type's own tree.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    /// What the type calls the raw members whose keys stand at these offsets.
    names: HashMap<usize, String>,
    /// Lists stay in the order of the document where the type may reorder what it reads.
    pub(super) raw_order: bool,
    /// What the type shows the raw elements as that begin at these offsets, by digest.
    pub(super) images: HashMap<usize, Option<u64>>,
}

impl Default for Learned {
    fn default() -> Self {
        Self {
            names: HashMap::new(),
            raw_order: true,
            images: HashMap::new(),
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

    /// The same with images of elements, in the document's order or in the type's.
    pub(super) fn with_images(&self, images: HashMap<usize, Option<u64>>, raw_order: bool) -> Self {
        Self {
            names: self.names.clone(),
            images,
            raw_order,
        }
    }

    /// The same without what it said of this member.
    pub(super) fn without(&self, doubt: &UnclearMember) -> Self {
        let mut learned = self.clone();
        let is_it = |offset: &usize, name: &String| {
            *name == doubt.name && doubt.candidates.contains(offset)
        };
        learned.names.retain(|offset, name| !is_it(offset, name));
        learned
    }

    /// Each member is read from the first place that no other one has.
    pub(super) fn guessed(doubts: &[UnclearMember]) -> Self {
        let mut learned = Self::default();
        for doubt in doubts {
            let mut free = doubt.candidates.iter();
            if let Some(offset) = free.find(|at| !learned.names.contains_key(at)) {
                learned = learned.with(*offset, &doubt.name);
            }
        }
        learned
    }
}

/// A member that the type shows, and the offsets of raw members one of which it may be read from.
#[derive(Debug, Clone)]
pub(super) struct UnclearMember {
    /// Where it stands in the new value.
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) candidates: Vec<usize>,
}
