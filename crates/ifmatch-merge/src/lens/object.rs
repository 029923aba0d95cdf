//! Objects: members are found by what the type calls them, whatever the document calls them.

use std::borrow::Cow;
use std::collections::HashMap;

use super::learned::Doubt;
use super::put::{Put, Side, Source};
use crate::json::{Finder, Key, Node, Tree, same};
use crate::merge::{Cursor, Out, woven};
use crate::shape::Fields;

/// A member of the new object.
type Member<'t> = (Key<'t>, Out<'t, Node<'t>>);

#[expect(
    clippy::too_many_lines,
    reason = "one walk over what is claimed, shown and new, in the order of the document"
)]
pub(super) fn put<'t>(
    walk: &Put<'t, '_>,
    target: Side<'t>,
    source: Option<Source<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> Out<'t, Node<'t>> {
    let Side { raw, shown } = target;
    let (rm, am) = (raw.members(), after.members());
    let bm = shown.map(Tree::members).unwrap_or_default();
    let fields = cursor.fields(after);
    let earlier = shown.map(|shown| cursor.fields(shown));
    // Of another variant: no member is what it was.
    let varied = earlier
        .as_ref()
        .filter(|earlier| !earlier.agrees_with(&fields));
    let names = names_of(walk, &rm, &fields);
    let earlier_names = varied.map(|earlier| names_of(walk, &rm, earlier));
    let earlier_names = earlier_names.as_ref().unwrap_or(&names);
    let (mut slots, mut in_raw) = (Slots::new(&names), Finder::new(&rm));
    let (mut in_before, mut in_after) = (Finder::new(&bm), Finder::new(&am));
    let new_from = source.map(|source| Origin::new(source, cursor));

    let mut claimed: Vec<Option<usize>> = vec![None; rm.len()];
    let mut added: Vec<(Option<usize>, Member<'t>)> = Vec::new();
    let (mut anchor, mut doubtful) = (None, Vec::new());
    for (at, (key, value)) in am.iter().enumerate() {
        let known = fields.written_as(key.name);
        let place = cursor.known(known, key.name);
        let found = slots.get(key.name).or_else(|| {
            let mut aliases = place.aliases();
            aliases.find_map(|alias| in_raw.get(alias))
        });
        if let Some(found) = found {
            claimed[found] = Some(at);
            anchor = Some(found);
            continue;
        }
        let before = in_before.get(key.name).filter(|_| varied.is_none());
        if before.is_some_and(|before| same(bm[before].1, *value)) {
            // A default that the type filled in and that nothing changed is no change.
            continue;
        }
        if before.is_some() {
            doubtful.push((key.name, before));
        }
        let from = new_from.as_ref().and_then(|from| from.member(key.name));
        let name = known.and_then(|known| known.other_name());
        let name = name.unwrap_or(key.name);
        let key = if name == key.name {
            *key
        } else {
            Key { name, raw: "" }
        };
        let new = walk.at(key.name, || {
            walk.place(None, from, *value, place, depth + 1)
        });
        added.push((anchor, (key, new)));
    }
    let is_shown = |at: usize, in_before: &mut Finder<'_, 't, Node<'t>>| {
        let name = earlier_names[at].as_deref();
        let by_alias = || {
            let aliased = |(_, (key, _)): &(usize, &(Key<'t>, Node<'t>))| {
                let place = cursor.known(fields.written_as(key.name), key.name);
                place.aliases().any(|alias| alias == rm[at].0.name)
            };
            bm.iter().enumerate().find(aliased).map(|(at, _)| at)
        };
        name.and_then(|name| in_before.get(name)).or_else(by_alias)
    };
    let mut out: Vec<Member<'t>> = Vec::with_capacity(rm.len() + added.len());
    let mut place_of = vec![0; rm.len()];
    let mut unchanged = added.is_empty();
    for (at, (key, raw)) in rm.iter().enumerate() {
        let before = is_shown(at, &mut in_before);
        if let Some(after) = claimed[at] {
            let (name, value) = (am[after].0.name, am[after].1);
            let place = cursor.known(fields.written_as(name), name);
            let from = new_from.as_ref().and_then(|from| from.member(name));
            let shown = before.map(|before| bm[before].1);
            let target = Side { raw: *raw, shown };
            let member = walk.at(name, || {
                walk.place(Some(target), from, value, place, depth + 1)
            });
            unchanged = unchanged && member.is(*raw);
            out.push((*key, member));
        } else if let Some(before) = before {
            // The value has it no more, or it is the same member under a name that another one outdoes.
            let (name, shown) = (bm[before].0.name, Some(bm[before].1));
            let now = in_after.get(name).filter(|_| varied.is_none());
            if now.is_some_and(|now| same(bm[before].1, am[now].1)) {
                out.push((*key, Out::Take(*raw)));
            } else {
                walk.drop(Side { raw: *raw, shown }, None);
                unchanged = false;
            }
        } else {
            out.push((*key, Out::Take(*raw)));
        }
        place_of[at] = out.len();
    }
    if fields.is_open() {
        let removed = bm.iter().enumerate().filter(|(_, (key, _))| {
            in_after.get(key.name).is_none() && slots.get(key.name).is_none()
        });
        doubtful.extend(removed.map(|(at, (key, _))| (key.name, Some(at))));
        doubt(walk, &doubtful, &rm, &bm, earlier_names);
    }
    if let Some(from) = new_from {
        unchanged = !from.carry_hidden(&mut out, &claimed_names(&rm, &claimed)) && unchanged;
    }
    if unchanged {
        return Out::Take(raw);
    }
    // A new member stands where the type writes it; in front of all others only if nothing precedes it.
    let first = if rm.is_empty() { 0 } else { out.len() };
    let added = added
        .into_iter()
        .map(|(anchor, member)| (anchor.map_or(first, |at: usize| place_of[at]), member));
    // A new member may have the name of one that says nothing to the type: it takes its place.
    let added: Vec<_> = added.collect();
    let added = replace_namesakes(&mut out, added);
    Out::Object {
        like: Some(raw),
        members: woven(out, added),
    }
}

/// A new object, its members under the names that the type reads.
pub(super) fn fresh<'t>(
    walk: &Put<'t, '_>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> Out<'t, Node<'t>> {
    let fields = cursor.fields(after);
    let mut unchanged = true;
    let member = |(key, value): (Key<'t>, Node<'t>)| {
        let known = fields.written_as(key.name);
        let place = cursor.known(known, key.name);
        let name = known.and_then(|known| known.other_name());
        let name = name.unwrap_or(key.name);
        let member = walk.at(key.name, || walk.place(None, None, value, place, depth + 1));
        unchanged = unchanged && member.is(value) && name == key.name;
        let key = if name == key.name {
            key
        } else {
            Key { name, raw: "" }
        };
        (key, member)
    };
    let members: Vec<_> = after.each_member().map(member).collect();
    if unchanged {
        return Out::Take(after);
    }
    Out::Object {
        like: Some(after),
        members,
    }
}

type Members<'t> = Vec<Member<'t>>;

fn replace_namesakes<'t>(
    out: &mut Members<'t>,
    added: Vec<(usize, (Key<'t>, Out<'t, Node<'t>>))>,
) -> Vec<(usize, (Key<'t>, Out<'t, Node<'t>>))> {
    let places: HashMap<&str, usize> = out.iter().map(|(key, _)| key.name).zip(0..).collect();
    let places: Vec<Option<usize>> = added
        .iter()
        .map(|(_, (key, _))| places.get(key.name).copied())
        .collect();
    let mut rest = Vec::with_capacity(added.len());
    for (new, place) in added.into_iter().zip(places) {
        match place {
            Some(at) => out[at].1 = new.1.1,
            None => rest.push(new),
        }
    }
    rest
}

fn claimed_names<'t>(rm: &[(Key<'t>, Node<'t>)], claimed: &[Option<usize>]) -> Vec<&'t str> {
    let members = rm.iter().zip(claimed);
    members
        .filter(|(_, claimed)| claimed.is_some())
        .map(|((key, _), _)| key.name)
        .collect()
}

/// Notes members that the type shows and that stand nowhere under the name it shows: one of those that it
/// seems to know nothing of may be what it reads.
fn doubt<'t>(
    walk: &Put<'t, '_>,
    doubtful: &[(&'t str, Option<usize>)],
    rm: &[(Key<'t>, Node<'t>)],
    bm: &[(Key<'t>, Node<'t>)],
    names: &[Option<Cow<'_, str>>],
) {
    for (name, before) in doubtful {
        let Some(before) = before.map(|at| bm[at].1) else {
            continue;
        };
        let is_free = |at: &usize| {
            let known = names[*at].as_deref();
            !bm.iter().any(|(key, _)| Some(key.name) == known)
        };
        let alike = (0..rm.len())
            .filter(is_free)
            .filter(|at| super::seen::shows(walk, rm[*at].1, before, None));
        let candidates: Vec<usize> = alike.map(|at| walk.offset(rm[at].0)).collect();
        if !candidates.is_empty() {
            let mut pointer = walk.path.borrow().clone();
            crate::json::push_token(&mut pointer, name);
            walk.doubts.borrow_mut().push(Doubt {
                pointer,
                name: (*name).to_owned(),
                candidates,
            });
        }
    }
}

/// What the type calls each raw member; `None`: it knows none of that name.
fn names_of<'n, 't: 'n>(
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
    /// Where a key stands in the raw text.
    pub(super) fn offset(&self, key: Key<'t>) -> usize {
        (key.raw.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize)
    }
}

/// Finds raw members by what the type calls them; of several the last one, which is what readers keep.
struct Slots<'n> {
    names: &'n [Option<Cow<'n, str>>],
    table: Option<HashMap<&'n str, usize>>,
}

impl<'n> Slots<'n> {
    const SCANNED: usize = 12;

    fn new(names: &'n [Option<Cow<'n, str>>]) -> Self {
        Self { names, table: None }
    }

    fn get(&mut self, name: &str) -> Option<usize> {
        let names = self.names;
        let is = |at: &usize| names[*at].as_deref() == Some(name);
        if names.len() <= Self::SCANNED {
            (0..names.len()).rev().find(is)
        } else {
            let fill = || {
                let all = names.iter().enumerate();
                all.filter_map(|(at, name)| Some((name.as_deref()?, at)))
                    .collect()
            };
            let table: &HashMap<&str, usize> = self.table.get_or_insert_with(fill);
            table.get(name).copied()
        }
    }
}

/// The object that new members are taken from.
struct Origin<'t, 'p> {
    raw: Vec<(Key<'t>, Node<'t>)>,
    shown: Vec<(Key<'t>, Node<'t>)>,
    began: Vec<(Key<'t>, Node<'t>)>,
    fields: Fields<'p, 't>,
}

impl<'t, 'p> Origin<'t, 'p> {
    fn new(source: Source<'t>, cursor: Cursor<'p>) -> Self {
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

    /// Where the member comes from.
    fn member(&self, name: &str) -> Option<Source<'t>> {
        let (_, shown) = self.shown.iter().find(|(key, _)| key.name == name)?;
        let is_it = |(key, _): &&(Key<'t>, Node<'t>)| self.name(*key).as_deref() == Some(name);
        let (_, raw) = self.raw.iter().rev().find(is_it)?;
        let origin = self.began.iter().rev().find(is_it);
        Some(Source {
            raw: *raw,
            shown: *shown,
            origin: origin.map(|(_, origin)| *origin),
        })
    }

    /// What the source changed of members that its type does not show, a password that is only written, say.
    /// Tells whether there was any.
    fn carry_hidden(&self, out: &mut Members<'t>, claimed: &[&str]) -> bool {
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
                Some((_, Out::Take(there))) if same(*there, *value) => continue,
                Some((_, there)) => *there = Out::Take(*value),
                None => out.push((*key, Out::Take(*value))),
            }
            carried = true;
        }
        carried
    }
}
