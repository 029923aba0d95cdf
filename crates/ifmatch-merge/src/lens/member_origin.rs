//! [`MemberOrigin`]: the object that a value was read from, and from which its new members are taken.

use std::borrow::Cow;

use super::put::PutSource;
use super::put_object::MergedMembers;
use crate::json::{Key, Node, Tree, same};
use crate::merge::{Cursor, MergedValue};
use crate::shape::Fields;

/// The object from which new members are taken.
pub(super) struct MemberOrigin<'t, 'p> {
    raw: Vec<(Key<'t>, Node<'t>)>,
    shown: Vec<(Key<'t>, Node<'t>)>,
    began: Vec<(Key<'t>, Node<'t>)>,
    fields: Fields<'p, 't>,
}

impl<'t, 'p> MemberOrigin<'t, 'p> {
    pub(super) fn new(source: PutSource<'t>, cursor: Cursor<'p>) -> Self {
        Self {
            raw: source.raw.members(),
            shown: source.shown.members(),
            began: source.origin.map(Tree::members).unwrap_or_default(),
            fields: cursor.fields(source.shown),
        }
    }

    fn name<'a>(&self, key: Key<'a>) -> Option<Cow<'a, str>> {
        self.fields.canonical(key.name)
    }

    /// Returns the source of a member.
    pub(super) fn member(&self, name: &str) -> Option<PutSource<'t>> {
        let (_, shown) = self.shown.iter().find(|(key, _)| key.name == name)?;
        let is_it = |(key, _): &&(Key<'t>, Node<'t>)| self.name(*key).as_deref() == Some(name);
        let (_, raw) = self.raw.iter().rev().find(is_it)?;
        let origin = self.began.iter().rev().find(is_it);
        Some(PutSource {
            raw: *raw,
            shown: *shown,
            origin: origin.map(|(_, origin)| *origin),
        })
    }

    /// Copies the source's changes to members that its type does not show, such as a password that is only
    /// written. Returns whether there were any.
    pub(super) fn carry_hidden(&self, out: &mut MergedMembers<'t>, claimed: &[&str]) -> bool {
        let mut carried = false;
        for (key, value) in &self.raw {
            let shown = self.name(*key);
            let shown = shown.is_some_and(|name| self.shown.iter().any(|(k, _)| k.name == name));
            let mut began = self.began.iter().filter(|(k, _)| k.name == key.name);
            let is_old = began.any(|(_, began)| same(*began, *value));
            if shown || is_old || claimed.contains(&key.name) {
                continue;
            }
            match out.iter_mut().find(|(k, _)| k.name == key.name) {
                Some((_, MergedValue::Take(there))) if same(*there, *value) => continue,
                Some((_, there)) => *there = MergedValue::Take(*value),
                None => out.push((*key, MergedValue::Take(*value))),
            }
            carried = true;
        }
        carried
    }
}
