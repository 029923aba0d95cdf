//! The type's names for the members of a raw object.

use std::borrow::Cow;

use super::put::Put;
use crate::json::{Key, Node, Table};
use crate::shape::Fields;

/// Returns the type's name for each raw member, or `None` if the type knows no such member.
pub(super) fn names_of<'n, 't: 'n>(
    walk: &'n Put<'t, '_>,
    members: &[(Key<'t>, Node<'t>)],
    fields: &Fields<'_, '_>,
) -> Vec<Option<Cow<'n, str>>> {
    let name = |(key, _): &(Key<'t>, Node<'t>)| match walk.learned.name(walk.offset(*key)) {
        Some(name) => Some(Cow::Borrowed(name)),
        None => fields.canonical(key.name),
    };
    members.iter().map(name).collect()
}

impl<'t> Put<'t, '_> {
    /// Returns the offset of a key in the raw text.
    pub(super) fn offset(&self, key: Key<'t>) -> usize {
        (key.raw.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize)
    }
}

/// Finds raw members by the type's name for them. Among several, the last one is found, because that is the one
/// readers keep.
pub(super) struct Slots<'n> {
    names: &'n [Option<Cow<'n, str>>],
    table: Option<Table<&'n str, usize>>,
}

impl<'n> Slots<'n> {
    const SCANNED: usize = 12;

    pub(super) fn new(names: &'n [Option<Cow<'n, str>>]) -> Self {
        Self { names, table: None }
    }

    pub(super) fn get(&mut self, name: &str) -> Option<usize> {
        let names = self.names;
        let is = |at: &usize| names[*at].as_deref() == Some(name);
        if names.len() <= Self::SCANNED {
            (0..names.len()).rev().find(is)
        } else {
            let fill = || {
                names
                    .iter()
                    .enumerate()
                    .filter_map(|(at, name)| Some((name.as_deref()?, at)))
                    .collect()
            };
            let table: &Table<&str, usize> = self.table.get_or_insert_with(fill);
            table.get(name).copied()
        }
    }
}
