//! Which raw element the type shows as which: it may sort, hash, filter, or read equal ones once.

use std::collections::{HashMap, VecDeque};

use super::pairing;
use super::put::Put;
use crate::json::{Ids, Node, Tree, View, same};
use crate::merge::Cursor;

/// For each raw element the one that it is shown as; several may be shown as one, and some not at all.
pub(super) fn seen<'t>(
    walk: &Put<'t, '_>,
    (raw_list, raw): (Node<'t>, &[Node<'t>]),
    (shown_list, shown): (Node<'t>, &[Node<'t>]),
    cursor: Cursor<'_>,
) -> Vec<Option<usize>> {
    let element = |at: usize| cursor.part(at);
    let in_order = raw.len() == shown.len()
        && (raw.iter().zip(shown).enumerate())
            .all(|(at, (r, s))| shows(walk, *r, *s, Some(element(at))));
    if in_order {
        return (0..raw.len()).map(Some).collect();
    }
    let keys = (
        pairing::keys(raw, raw_list, cursor),
        pairing::keys(shown, shown_list, cursor),
    );
    let mut seen = match keys {
        (Some(r), Some(s)) => return by_key(walk, (raw, &r), (shown, &s), cursor),
        _ => equal(raw, shown),
    };
    let mut free: Vec<usize> = {
        let mut taken = vec![false; shown.len()];
        seen.iter().flatten().for_each(|at| taken[*at] = true);
        (0..shown.len()).filter(|at| !taken[*at]).collect()
    };
    // Those that say more than the type shows: each with the next one that it can be shown as.
    let mut tries = TRIES + 8 * (raw.len() + shown.len());
    for (at, r) in raw
        .iter()
        .enumerate()
        .filter(|(at, _)| is_alone(&seen, *at))
        .collect::<Vec<_>>()
    {
        let fits = |s: &usize| {
            tries = tries.saturating_sub(1);
            tries > 0 && shows(walk, *r, shown[*s], Some(element(0)))
        };
        if let Some(found) = free.iter().position(fits) {
            seen[at] = Some(free.remove(found));
        }
    }
    let alone: Vec<usize> = (0..raw.len()).filter(|at| seen[*at].is_none()).collect();
    // Values that the type spells in another way.
    if alone.len() == free.len() {
        for (r, s) in alone.into_iter().zip(free) {
            seen[r] = Some(s);
        }
    } else {
        // Elements that are read once, however often they stand there.
        for r in alone {
            let fits = |s: &usize| {
                tries = tries.saturating_sub(1);
                tries > 0 && shows(walk, raw[r], shown[*s], Some(element(0)))
            };
            seen[r] = (0..shown.len()).find(fits);
        }
    }
    seen
}

/// So many elements are held against each other, whatever the lists' lengths.
const TRIES: usize = 10_000;

fn is_alone(seen: &[Option<usize>], at: usize) -> bool {
    seen[at].is_none()
}

fn by_key<'t>(
    walk: &Put<'t, '_>,
    (raw, raw_keys): (&[Node<'t>], &[String]),
    (shown, shown_keys): (&[Node<'t>], &[String]),
    cursor: Cursor<'_>,
) -> Vec<Option<usize>> {
    let mut waiting: HashMap<&str, VecDeque<usize>> = HashMap::new();
    let mut last: HashMap<&str, usize> = HashMap::new();
    for (at, key) in shown_keys.iter().enumerate() {
        waiting.entry(key).or_default().push_back(at);
        last.insert(key, at);
    }
    let mut seen = vec![None; raw.len()];
    for exact in [true, false] {
        for (at, key) in raw_keys.iter().enumerate() {
            let (None, Some(waiting)) = (seen[at], waiting.get_mut(key.as_str())) else {
                continue;
            };
            let mut fits = waiting.iter().take(64);
            let found = fits
                .position(|s| !exact || shows(walk, raw[at], shown[*s], Some(cursor.element())));
            seen[at] = found.and_then(|at| waiting.remove(at));
        }
    }
    // One that is left over says the same as another one of its key, or is outdone by it.
    for (at, key) in raw_keys.iter().enumerate() {
        seen[at] = seen[at].or_else(|| last.get(key.as_str()).copied());
    }
    seen
}

/// By equality; equal ones that are left over are shown as one that is taken.
fn equal<'t>(raw: &[Node<'t>], shown: &[Node<'t>]) -> Vec<Option<usize>> {
    let mut ids = Ids::default();
    let mut waiting: HashMap<u32, VecDeque<usize>> = HashMap::new();
    let mut last = HashMap::new();
    for (at, element) in shown.iter().enumerate() {
        let id = ids.of(*element);
        waiting.entry(id).or_default().push_back(at);
        last.insert(id, at);
    }
    let one = |element: &Node<'t>| {
        let id = ids.of(*element);
        let next = waiting.get_mut(&id).and_then(VecDeque::pop_front);
        next.or_else(|| last.get(&id).copied())
    };
    raw.iter().map(one).collect()
}

/// Whether the type may show the raw value as this one: it says all of it, and perhaps more.
pub(super) fn shows<'t>(
    walk: &Put<'t, '_>,
    raw: Node<'t>,
    shown: Node<'t>,
    cursor: Option<Cursor<'_>>,
) -> bool {
    if same(raw, shown) {
        return true;
    }
    match (raw.view(), shown.view()) {
        (View::Object, View::Object) => shows_members(walk, raw, shown, cursor),
        (View::Array, View::Array) => {
            let (r, s) = (raw.elements(), shown.elements());
            let at = |at: usize| cursor.map(|cursor| cursor.part(at));
            r.len() == s.len()
                && (r.iter().zip(&s).enumerate()).all(|(i, (r, s))| shows(walk, *r, *s, at(i)))
                || is_list_that_shows(walk, (raw, &r), (shown, &s), cursor)
        }
        (View::String(r), View::String(s)) => {
            let shape = cursor.and_then(Cursor::shape);
            shape.is_some_and(|shape| shape.is_same_variant(r, s))
        }
        _ => false,
    }
}

/// In another order, or with elements that the type leaves out.
fn is_list_that_shows<'t>(
    walk: &Put<'t, '_>,
    raw: (Node<'t>, &[Node<'t>]),
    shown: (Node<'t>, &[Node<'t>]),
    cursor: Option<Cursor<'_>>,
) -> bool {
    const FEW: usize = 32;
    let Some(cursor) = cursor else { return false };
    if raw.1.len() < shown.1.len() || raw.1.len() > FEW {
        return false;
    }
    let seen = seen(walk, raw, shown, cursor);
    let mut covered = vec![false; shown.1.len()];
    let fits = |(r, s): (&Node<'t>, Option<usize>)| {
        s.is_none_or(|s| {
            covered[s] = true;
            shows(walk, *r, shown.1[s], Some(cursor.element()))
        })
    };
    raw.1.iter().zip(seen).all(fits) && covered.iter().all(|covered| *covered)
}

fn shows_members<'t>(
    walk: &Put<'t, '_>,
    raw: Node<'t>,
    shown: Node<'t>,
    cursor: Option<Cursor<'_>>,
) -> bool {
    let members = raw.members();
    let Some(cursor) = cursor else {
        let mut found = json_finder(&members);
        return shown.each_member().all(|(key, s)| {
            let raw = found.get(key.name).map(|at| members[at].1);
            raw.is_none_or(|r| shows(walk, r, s, None))
        });
    };
    let (fields, before) = (cursor.fields(shown), cursor.fields(raw));
    if !fields.agrees_with(&before) {
        return false;
    }
    let mut found = json_finder(&members);
    shown.each_member().all(|(key, s)| {
        if fields.is_tag(key.name) {
            return true;
        }
        let known = fields.written_as(key.name);
        let under = |name: &str| fields.canonical(name).as_deref() == Some(key.name);
        let at = found
            .get(key.name)
            .filter(|_| under(key.name))
            .or_else(|| members.iter().rposition(|(key, _)| under(key.name)));
        // What the raw value lacks may be a default of the type's.
        at.is_none_or(|at| shows(walk, members[at].1, s, Some(cursor.known(known, key.name))))
    })
}

fn json_finder<'m, 't>(
    members: &'m [(crate::json::Key<'t>, Node<'t>)],
) -> crate::json::Finder<'m, 't, Node<'t>> {
    crate::json::Finder::new(members)
}
