//! [`MemberOrigin`]: the object that a value was read from, and from which its new members are taken.

use std::borrow::Cow;
use std::cell::OnceCell;

use super::put::PutSource;
use super::put_object::MergedMembers;
use crate::json::{Key, Node, Table, TableSet, Tree, same};
use crate::merge::{Cursor, MergedValue};
use crate::shape::Fields;

/// The object from which new members are taken.
pub(super) struct MemberOrigin<'t, 'p> {
    raw: Vec<(Key<'t>, Node<'t>)>,
    shown: Vec<(Key<'t>, Node<'t>)>,
    began: Vec<(Key<'t>, Node<'t>)>,
    fields: Fields<'p, 't>,
    tables: OnceCell<Tables<'t>>,
}

/// The members by the type's names for them. Among several raw members with one name, the last one counts.
struct Tables<'t> {
    raw: Table<Cow<'t, str>, Node<'t>>,
    shown: Table<&'t str, Node<'t>>,
    began: Table<Cow<'t, str>, Node<'t>>,
}

impl<'t, 'p> MemberOrigin<'t, 'p> {
    pub(super) fn new(source: PutSource<'t>, cursor: Cursor<'p>) -> Self {
        Self {
            raw: source.raw.members(),
            shown: source.shown.members(),
            began: source.origin.map(Tree::members).unwrap_or_default(),
            fields: cursor.fields(source.shown),
            tables: OnceCell::new(),
        }
    }

    fn tables(&self) -> &Tables<'t> {
        let by_name = |members: &[(Key<'t>, Node<'t>)]| {
            let members = members.iter();
            members
                .filter_map(|(key, value)| Some((self.fields.canonical(key.name)?, *value)))
                .collect()
        };
        self.tables.get_or_init(|| Tables {
            raw: by_name(&self.raw),
            shown: self
                .shown
                .iter()
                .map(|(key, value)| (key.name, *value))
                .collect(),
            began: by_name(&self.began),
        })
    }

    /// Returns the source of a member.
    pub(super) fn member(&self, name: &str) -> Option<PutSource<'t>> {
        let tables = self.tables();
        Some(PutSource {
            raw: *tables.raw.get(name)?,
            shown: *tables.shown.get(name)?,
            origin: tables.began.get(name).copied(),
        })
    }

    /// Copies the source's changes to members that its type does not show, such as a password that is only
    /// written. Returns whether there were any.
    pub(super) fn carry_hidden(
        &self,
        out: &mut MergedMembers<'t>,
        claimed: &TableSet<&str>,
    ) -> bool {
        let shown = &self.tables().shown;
        let is_hidden = |(key, _): &&(Key<'t>, Node<'t>)| {
            let name = self.fields.canonical(key.name);
            !name.is_some_and(|name| shown.contains_key(&*name)) && !claimed.contains(key.name)
        };
        let hidden: Vec<_> = self.raw.iter().filter(is_hidden).collect();
        if hidden.is_empty() {
            return false;
        }
        let began: Table<&str, Node<'t>> = self
            .began
            .iter()
            .map(|(key, value)| (key.name, *value))
            .collect();
        let mut places: Table<&str, usize> = Table::default();
        for (at, (key, _)) in out.iter().enumerate() {
            places.entry(key.name).or_insert(at);
        }
        let mut carried = false;
        for (key, value) in hidden {
            if began
                .get(key.name)
                .is_some_and(|began| same(*began, *value))
            {
                continue;
            }
            match places.get(key.name).map(|at| &mut out[*at].1) {
                Some(MergedValue::Take(there)) if same(*there, *value) => continue,
                Some(there) => *there = MergedValue::Take(*value),
                None => out.push((*key, MergedValue::Take(*value))),
            }
            carried = true;
        }
        carried
    }
}
