//! Determines which shown element each raw element of a list corresponds to. The type may sort, hash, filter, or
//! merge equal elements.

use std::collections::VecDeque;

use super::pairing;
use super::put::Put;
use crate::json::{Ids, Node, Table, Tree, View, same};
use crate::merge::Cursor;
use crate::shape::Fields;

/// Returns the position of the shown element for each raw element. Several raw elements may be shown as one, and
/// some not at all.
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
    if let Some(images) = walk.images(raw) {
        return by_image(images, shown);
    }
    let keys = (
        pairing::keys_of(raw, raw_list, cursor),
        pairing::keys(shown, shown_list, cursor),
    );
    let mut seen = match keys {
        // A raw element without a key is not an element of the type.
        (Some(r), Some(s)) => return by_key(walk, (raw, &r), (shown, &s), cursor),
        _ => equal(raw, shown),
    };
    let mut free: VecDeque<usize> = {
        let mut taken = vec![false; shown.len()];
        seen.iter().flatten().for_each(|at| taken[*at] = true);
        (0..shown.len()).filter(|at| !taken[*at]).collect()
    };
    // Pair each raw element that contains more than the type shows with the next shown element that fits it.
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
            seen[at] = free.remove(found);
        }
    }
    let alone: Vec<usize> = (0..raw.len()).filter(|at| seen[*at].is_none()).collect();
    // The remaining values are written differently by the type.
    if alone.len() == free.len() {
        for (r, s) in alone.into_iter().zip(free) {
            seen[r] = Some(s);
        }
    } else {
        // Equal raw elements are read once, however often they occur.
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

/// Work limit: the number of element comparisons for lists of any length. Each element allows a few more.
const TRIES: usize = 10_000;

fn is_alone(seen: &[Option<usize>], at: usize) -> bool {
    seen[at].is_none()
}

fn by_key<'t>(
    walk: &Put<'t, '_>,
    (raw, raw_keys): (&[Node<'t>], &[Option<String>]),
    (shown, shown_keys): (&[Node<'t>], &[String]),
    cursor: Cursor<'_>,
) -> Vec<Option<usize>> {
    let mut waiting: Table<&str, VecDeque<usize>> = Table::default();
    let mut last: Table<&str, usize> = Table::default();
    for (at, key) in shown_keys.iter().enumerate() {
        waiting.entry(key).or_default().push_back(at);
        last.insert(key, at);
    }
    let mut seen = vec![None; raw.len()];
    for exact in [true, false] {
        for (at, key) in raw_keys.iter().enumerate() {
            let waiting = key.as_deref().and_then(|key| waiting.get_mut(key));
            let (None, Some(waiting)) = (seen[at], waiting) else {
                continue;
            };
            let mut fits = waiting.iter().take(64);
            let found = fits
                .position(|s| !exact || shows(walk, raw[at], shown[*s], Some(cursor.element())));
            seen[at] = found.and_then(|at| waiting.remove(at));
        }
    }
    // A remaining element equals another element with its key, or is overridden by it.
    for (at, key) in raw_keys.iter().enumerate() {
        let same_key = || last.get(key.as_deref()?).copied();
        seen[at] = seen[at].or_else(same_key);
    }
    seen
}

/// Pairs by what the type shows for each raw element.
fn by_image(images: Vec<Option<u64>>, shown: &[Node<'_>]) -> Vec<Option<usize>> {
    let mut waiting: Table<u64, VecDeque<usize>> = Table::default();
    for (at, element) in shown.iter().enumerate() {
        waiting.entry(element.digest()).or_default().push_back(at);
    }
    let one = |image: Option<u64>| {
        let waiting = waiting.get_mut(&image?)?;
        // The last element stands for all remaining raw elements.
        if waiting.len() > 1 {
            waiting.pop_front()
        } else {
            waiting.front().copied()
        }
    };
    images.into_iter().map(one).collect()
}

/// Pairs by equality. Remaining equal elements are shown as one that is already paired.
fn equal<'t>(raw: &[Node<'t>], shown: &[Node<'t>]) -> Vec<Option<usize>> {
    let mut ids = Ids::default();
    let mut waiting: Table<u32, VecDeque<usize>> = Table::default();
    let mut last = Table::default();
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

/// Whether the type may show the raw value as `shown`. The raw value must contain all of `shown`, and may contain
/// more.
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

/// Whether the list may be shown in another order, or without elements that the type leaves out.
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
    let (fields, before) = match cursor {
        Some(cursor) => (cursor.fields(shown), cursor.fields(raw)),
        None => (Fields::unknown(), Fields::unknown()),
    };
    if !fields.agrees_with(&before) {
        return false;
    }
    let mut found = json_finder(&members);
    let under = |name: &str, of: &str| fields.canonical(name).as_deref() == Some(of);
    // The name is unknown, so any member counts that the type does not seem to know.
    let under_another_name = |s: Node<'t>| {
        let mut others = members.iter().filter(|(key, _)| {
            let mut known = shown.each_member().map(|(known, _)| known.name);
            !known.any(|known| under(key.name, known))
        });
        others.any(|(_, r)| same(*r, s))
    };
    shown.each_member().all(|(key, s)| {
        if fields.is_tag(key.name) {
            return true;
        }
        let place = cursor.map(|at| at.known(fields.written_as(key.name), key.name));
        let at = found
            .get(key.name)
            .filter(|_| under(key.name, key.name))
            .or_else(|| members.iter().rposition(|(k, _)| under(k.name, key.name)));
        match at {
            Some(at) => shows(walk, members[at].1, s, place),
            None if fields.is_open() => is_empty(s) || under_another_name(s),
            // The type may fill in a default for a member that the raw value lacks.
            None => !fields.requires(key.name),
        }
    })
}

/// Whether a type may fill in this value for a missing member.
fn is_empty(value: Node<'_>) -> bool {
    match value.view() {
        View::Null | View::Bool(false) => true,
        View::Number(number) => number.canonical() == "0",
        View::String(text) => text.is_empty(),
        View::Array => value.each_element().next().is_none(),
        View::Object => value.each_member().next().is_none(),
        View::Bool(true) | View::Torn(_) => false,
    }
}

fn json_finder<'m, 't>(
    members: &'m [(crate::json::Key<'t>, Node<'t>)],
) -> crate::json::Finder<'m, 't, Node<'t>> {
    crate::json::Finder::new(members)
}
