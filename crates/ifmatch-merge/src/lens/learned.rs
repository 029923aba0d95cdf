//! Facts about a type without a known shape, found by trial decodings: the raw members from which it reads what it
//! shows, and how it shows the elements of lists.

use std::collections::HashMap;

/// Knowledge about a type beyond its shape.
#[derive(Debug, Clone)]
pub(super) struct Learned {
    /// The type's names for raw members, by the offset of their keys.
    names: HashMap<usize, String>,
    /// Whether lists keep the order of the document where the type may reorder what it reads.
    pub(super) raw_order: bool,
    /// The digests of what the type shows for raw elements, by the offset at which each element begins.
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

    /// Returns a copy in which a raw member is read under this name.
    pub(super) fn with(&self, offset: usize, name: &str) -> Self {
        let mut learned = self.clone();
        learned.names.insert(offset, name.to_owned());
        learned
    }

    /// Returns a copy with images of elements, in the document's order or in the type's order.
    pub(super) fn with_images(&self, images: HashMap<usize, Option<u64>>, raw_order: bool) -> Self {
        Self {
            names: self.names.clone(),
            images,
            raw_order,
        }
    }

    /// Returns a copy without the assignment of this member.
    pub(super) fn without(&self, doubt: &UnclearMember) -> Self {
        let mut learned = self.clone();
        let is_it = |offset: &usize, name: &String| {
            *name == doubt.name && doubt.candidates.contains(offset)
        };
        learned.names.retain(|offset, name| !is_it(offset, name));
        learned
    }

    /// Returns a guess that reads each member from the first candidate that is still free.
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

/// A member that the type shows, and the offsets of the raw members from which it may be read.
#[derive(Debug, Clone)]
pub(super) struct UnclearMember {
    /// The pointer of the member in the new value.
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) candidates: Vec<usize>,
}
