//! Which element of the new list came from which of the list before.

use std::collections::VecDeque;

use crate::json::{self, Ids, Node, Replaced, Table, Tree, View, same};
use crate::merge::{Cursor, Rule, key_of};

/// The keys of the elements, where a rule declares them and all elements have one.
pub(super) fn keys<'t>(
    elements: &[Node<'t>],
    list: Node<'t>,
    cursor: Cursor<'_>,
) -> Option<Vec<String>> {
    keys_of(elements, list, cursor)?.into_iter().collect()
}

/// The keys of those that have one, where a rule declares them.
pub(super) fn keys_of<'t>(
    elements: &[Node<'t>],
    list: Node<'t>,
    cursor: Cursor<'_>,
) -> Option<Vec<Option<String>>> {
    let Rule::Keyed(by) = cursor.rule(list.view()) else {
        return None;
    };
    let keys = elements.iter().map(|element| key_of(*element, by, cursor));
    Some(keys.collect())
}

/// For each element after the change the one before it that it came from, if one can be told.
pub(super) fn pair<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    keys: Option<(&[String], &[String])>,
) -> Vec<Option<usize>> {
    match keys {
        Some((b, a)) => by_key(before, after, b, a),
        None => by_alignment(before, after),
    }
}

/// By key; of several with one key an equal one first.
fn by_key<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    before_keys: &[String],
    after_keys: &[String],
) -> Vec<Option<usize>> {
    let mut waiting: Table<&str, VecDeque<usize>> = Table::default();
    for (at, key) in before_keys.iter().enumerate() {
        waiting.entry(key).or_default().push_back(at);
    }
    let mut partners = vec![None; after.len()];
    for equal in [true, false] {
        for (at, key) in after_keys.iter().enumerate() {
            let (None, Some(waiting)) = (partners[at], waiting.get_mut(key.as_str())) else {
                continue;
            };
            let mut fits = waiting.iter().take(ALIKE);
            let found = fits.position(|b| !equal || same(before[*b], after[at]));
            partners[at] = found.and_then(|at| waiting.remove(at));
        }
    }
    partners
}

/// So many elements are looked at for one that is alike.
const ALIKE: usize = 64;

fn by_alignment<'t>(before: &[Node<'t>], after: &[Node<'t>]) -> Vec<Option<usize>> {
    let mut ids = Ids::default();
    let [b, a] = [before, after].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    let mut partners = vec![None; a.len()];
    let mut free = vec![false; b.len()];
    let changes = json::differences(&b, &a);
    let (mut at_before, mut at_after) = (0, 0);
    for change in &changes {
        for (b, a) in (at_before..change.old.start).zip(at_after..change.new.start) {
            partners[a] = Some(b);
        }
        (at_before, at_after) = (change.old.end, change.new.end);
        free[change.old.clone()].fill(true);
    }
    for (b, a) in (at_before..b.len()).zip(at_after..a.len()) {
        partners[a] = Some(b);
    }
    // Elements that moved are found again by their value.
    let mut moved: Table<u32, Vec<usize>> = Table::default();
    for at in (0..b.len()).rev().filter(|at| free[*at]) {
        moved.entry(b[at]).or_default().push(at);
    }
    for change in &changes {
        for at in change.new.clone() {
            if let Some(from) = moved.get_mut(&a[at]).and_then(Vec::pop) {
                partners[at] = Some(from);
                free[from] = false;
            }
        }
    }
    by_identity(before, after, &changes, &mut partners, &mut free);
    for change in &changes {
        let mut left: Vec<usize> = change.old.clone().filter(|at| free[*at]).collect();
        let new = change.new.clone().filter(|at| partners[*at].is_none());
        let new: Vec<usize> = new.collect();
        // What is left of a stretch is paired in order if both sides have as many of it.
        if left.len() == new.len() {
            for (from, to) in left.into_iter().zip(new) {
                partners[to] = Some(from);
            }
            continue;
        }
        // Else each with the one that shares most members with it, if that is half of them.
        for to in new {
            let shared = left.iter().take(ALIKE).enumerate();
            let shared = shared.map(|(at, from)| (at, shared_members(before[*from], after[to])));
            let best = shared.max_by_key(|(at, shared)| (*shared, usize::MAX - at));
            let members = after[to].each_member().count();
            if let Some((at, shared)) = best
                && shared > 0
                && shared * 2 >= members
            {
                partners[to] = Some(left.remove(at));
            }
        }
    }
    partners
}

/// Pairs elements that moved and were changed on the way: by the first member that tells the elements apart,
/// unless the element that stood in the place is as much like it.
fn by_identity<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    changes: &[Replaced],
    partners: &mut [Option<usize>],
    free: &mut [bool],
) {
    if !free.contains(&true) || !partners.contains(&None) {
        return;
    }
    let Some((name, mut places)) = identity(before) else {
        return;
    };
    for change in changes {
        let in_place = change.old.len() == change.new.len();
        for (nth, to) in change.new.clone().enumerate() {
            if partners[to].is_some() {
                continue;
            }
            let found = telling(after[to], name).and_then(|value| places.remove(&value));
            let Some(from) = found.filter(|from| free[*from]) else {
                continue;
            };
            let there = Some(change.old.start + nth).filter(|at| in_place && free[*at]);
            let shared = |at: usize| shared_members(before[at], after[to]);
            if there.is_none_or(|there| there == from || shared(there) < shared(from)) {
                partners[to] = Some(from);
                free[from] = false;
            }
        }
    }
}

/// The first member that all elements have and no two with the same value, and where each value stands.
fn identity<'t>(elements: &[Node<'t>]) -> Option<(&'t str, Table<u64, usize>)> {
    /// So many names are tried.
    const NAMES: usize = 8;
    let [first, _, ..] = elements else {
        return None;
    };
    first.each_member().take(NAMES).find_map(|(key, _)| {
        let mut places = Table::default();
        let is_new = |(at, element): (usize, &Node<'t>)| {
            telling(*element, key.name).is_some_and(|value| places.insert(value, at).is_none())
        };
        let tells = elements.iter().enumerate().all(is_new);
        tells.then_some((key.name, places))
    })
}

/// A member that can tell an element from others: a text or a number.
fn telling(element: Node<'_>, name: &str) -> Option<u64> {
    let mut members = element.each_member();
    let (_, value) = members.find(|(key, _)| key.name == name)?;
    let is_scalar = matches!(value.view(), View::String(_) | View::Number(_));
    is_scalar.then(|| value.digest())
}

/// How many members of `after` are as they were.
pub(super) fn shared_members<'t>(before: Node<'t>, after: Node<'t>) -> usize {
    let (View::Object, View::Object) = (before.view(), after.view()) else {
        return 0;
    };
    let before = before.members();
    let mut before = (json::Finder::new(&before), &before);
    let is_shared = |(key, value): &(json::Key<'t>, Node<'t>)| {
        let at = before.0.get(key.name);
        at.is_some_and(|at| same(before.1[at].1, *value))
    };
    after.each_member().filter(is_shared).count()
}
