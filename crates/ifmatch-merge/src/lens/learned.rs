//! Facts about a type without a known shape, found by trial decodings: the raw members from which it reads what it
//! shows, and how it shows the elements of lists.

use std::collections::HashMap;

use crate::json::{Key, Table};

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

    /// Returns a copy with images of elements, in the document's order or in the type's order.
    pub(super) fn with_images(&self, images: HashMap<usize, Option<u64>>, raw_order: bool) -> Self {
        Self {
            names: self.names.clone(),
            images,
            raw_order,
        }
    }

    /// Returns a guess that reads each member from the first candidate that is still free.
    pub(super) fn guessed(groups: &[UnclearGroup<'_>]) -> Self {
        let mut learned = Self::default();
        for group in groups {
            for member in &group.members {
                let mut free = member.candidates.iter();
                let is_free = |it: &&Candidate| !learned.names.contains_key(&it.offset);
                if let Some(candidate) = free.find(is_free) {
                    learned.names.insert(candidate.offset, member.name.clone());
                }
            }
        }
        learned
    }

    /// Returns a copy in which each member of a group is read from its candidate at this position.
    pub(super) fn with(&self, group: &UnclearGroup<'_>, position: usize) -> Self {
        let mut learned = self.clone();
        for member in &group.members {
            let offset = member.candidates[position].offset;
            learned.names.insert(offset, member.name.clone());
        }
        learned
    }

    /// Removes the assignments of a group.
    pub(super) fn forget(&mut self, group: &UnclearGroup<'_>) {
        for member in &group.members {
            for Candidate { offset, .. } in &member.candidates {
                if self.names.get(offset) == Some(&member.name) {
                    self.names.remove(offset);
                }
            }
        }
    }
}

/// A member that the type shows, and the raw members from which it may be read.
#[derive(Debug, Clone)]
pub(super) struct UnclearMember {
    /// The pointer of the member in the new value.
    pub(super) pointer: String,
    pub(super) name: String,
    pub(super) candidates: Vec<Candidate>,
}

impl UnclearMember {
    /// Maximum number of candidates for a member.
    pub(super) const CANDIDATES: usize = 32;
}

/// A raw member from which the type may read another one.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    key: String,
    /// The offset of the key in the raw text.
    offset: usize,
}

impl Candidate {
    pub(super) fn new(key: Key<'_>, offset: usize) -> Self {
        let key = key.name.to_owned();
        Self { key, offset }
    }
}

/// Members with one name at the same place of different elements of a list, with candidates of the same names. The
/// type reads all of them in the same way.
#[derive(Debug)]
pub(super) struct UnclearGroup<'d> {
    members: Vec<&'d UnclearMember>,
}

impl<'d> UnclearGroup<'d> {
    pub(super) fn all(members: &'d [UnclearMember]) -> Vec<Self> {
        let mut places: Table<_, usize> = Table::default();
        let mut groups: Vec<Self> = Vec::new();
        for member in members {
            let candidates = member.candidates.iter();
            let keys: Vec<&str> = candidates.map(|candidate| candidate.key.as_str()).collect();
            let parent = member
                .pointer
                .rsplit_once('/')
                .map_or("", |(parent, _)| parent);
            let place = (in_any_element(parent), member.name.as_str(), keys);
            let at = *places.entry(place).or_insert(groups.len());
            match groups.get_mut(at) {
                Some(group) => group.members.push(member),
                None => groups.push(Self {
                    members: vec![member],
                }),
            }
        }
        groups
    }

    /// Returns the first member of the group.
    pub(super) fn first(&self) -> &'d UnclearMember {
        self.members[0]
    }
}

/// Returns a pointer without the positions of elements in lists.
fn in_any_element(pointer: &str) -> String {
    let is_position = |token: &str| token.bytes().all(|byte| byte.is_ascii_digit());
    let tokens = pointer
        .split('/')
        .map(|token| if is_position(token) { "" } else { token });
    tokens.collect::<Vec<_>>().join("/")
}
