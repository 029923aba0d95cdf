//! Merges objects.

use super::cursor::Cursor;
use super::engine::{Ancestor, Engine, MergeInput};
use super::interleave::interleave;
use super::merged_value::MergedValue;
use super::names::Named;
use super::policy::Tag;
use crate::json::{Key, Tree, View};

/// Merges objects member by member, in the order of the remote. Local additions are placed beside their
/// neighbours.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    input: MergeInput<'_, T>,
) -> MergedValue<'t, T> {
    let cursor = input.cursor;
    let (bm, lm, rm) = (
        input.base.value().map(Tree::members).unwrap_or_default(),
        input.local.members(),
        input.remote.members(),
    );
    let fields = cursor.fields(input.remote);
    let (mut in_base, mut in_local, mut in_remote) =
        (Named::new(&bm), Named::new(&lm), Named::new(&rm));
    let mut out: Vec<(Key<'t>, MergedValue<'t, T>)> = Vec::with_capacity(rm.len());
    // For each local member that remote has, the length of `out` at that point.
    let mut place_of = vec![None; lm.len()];
    let mut as_remote = true;
    let base_at = |at: Option<usize>| input.base.of_part(at.map(|at| bm[at].1));
    for (key, theirs) in &rm {
        let at = in_local.get(key.name, &fields, |name| in_remote.has(name));
        let ours = at.map(|at| lm[at].1);
        let before = in_base.get(key.name, &fields, |name| in_remote.has(name));
        let at_it = || cursor.member(&fields, key.name);
        let merged = member(engine, *key, base_at(before), ours, Some(*theirs), at_it);
        as_remote = as_remote && merged.as_ref().is_some_and(|m| m.is(*theirs));
        out.extend(merged.map(|m| (*key, m)));
        if let Some(at) = at {
            place_of[at] = Some(out.len());
        }
    }
    let mut added = Vec::new();
    let mut anchor = 0;
    for (at, (key, ours)) in lm.iter().enumerate() {
        if let Some(place) = place_of[at] {
            anchor = place;
            continue;
        }
        let before = in_base.get(key.name, &fields, |name| in_local.has(name));
        let at_it = || cursor.member(&fields, key.name);
        if let Some(m) = member(engine, *key, base_at(before), Some(*ours), None, at_it) {
            added.push((anchor, (*key, m)));
        }
    }
    if as_remote && added.is_empty() {
        return MergedValue::Take(input.remote);
    }
    MergedValue::Object {
        like: Some(input.remote),
        members: interleave(out, added),
    }
}

fn member<'t, 'p, T: Tree<'t>>(
    engine: &mut Engine,
    key: Key<'t>,
    base: Ancestor<T>,
    local: Option<T>,
    remote: Option<T>,
    cursor: impl FnOnce() -> Cursor<'p>,
) -> Option<MergedValue<'t, T>> {
    // The common case first: the local member is unchanged.
    if let (Ancestor::Is(b), Some(l), Some(r)) = (base, local, remote)
        && l.surely_same(b)
    {
        return Some(MergedValue::Take(r));
    }
    engine.at(key.name, |engine| {
        engine.place(base, local, remote, cursor())
    })
}

/// Whether the sides hold different variants of an enum.
pub(super) fn variants_differ<'t, T: Tree<'t>>(input: MergeInput<'_, T>) -> bool {
    let (cursor, base) = (input.cursor, input.base.value());
    let mut others = [Some(input.local), base].into_iter().flatten();
    others.any(|other| variant_differs(cursor, other, input.remote))
}

/// Whether two values hold different variants of an enum.
pub(super) fn variant_differs<'t, T: Tree<'t>>(cursor: Cursor<'_>, one: T, other: T) -> bool {
    let mut tags = cursor.tags();
    if tags.any(|tag| variant(one, tag) != variant(other, tag)) {
        return true;
    }
    let other = cursor.fields(other);
    other.has_variants() && !cursor.fields(one).agrees_with(&other)
}

fn variant<'t, T: Tree<'t>>(side: T, tag: &Tag) -> Option<&'t str> {
    let mut members = side.each_member();
    match tag {
        Tag::Key => members.next().map(|(key, _)| key.name),
        Tag::Keys(names) => {
            let members: Vec<_> = members.map(|(key, _)| key.name).collect();
            let known = members
                .iter()
                .find(|key| names.iter().any(|name| name == *key));
            // A variant that only the other side knows is recognized as the only member.
            known
                .or(members.first().filter(|_| members.len() == 1))
                .copied()
        }
        Tag::Member(name) => {
            let (_, value) = members.find(|(key, _)| key.name == name)?;
            match value.view() {
                View::String(name) => Some(name),
                _ => None,
            }
        }
    }
}
