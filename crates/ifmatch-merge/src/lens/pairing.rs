//! Pairs the elements of the new list with those of the previous list.

use std::collections::VecDeque;

use crate::json::{self, Node, Replaced, Table, Tree, View, same};
use crate::merge::{Cursor, Numbers, Rule, key_of};

/// Returns the keys of the elements, if a rule declares a key and all elements have one.
pub(super) fn keys<'t>(
    elements: &[Node<'t>],
    list: Node<'t>,
    cursor: Cursor<'_>,
) -> Option<Vec<String>> {
    keys_of(elements, list, cursor)?.into_iter().collect()
}

/// Returns the key of each element that has one, if a rule declares a key.
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

/// Returns, for each element after the change, the previous element that it came from, if it can be determined.
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

/// Pairs by key. Among several elements with one key, an equal element is preferred.
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

/// Maximum number of elements that are searched for a similar one.
const ALIKE: usize = 64;

fn by_alignment<'t>(before: &[Node<'t>], after: &[Node<'t>]) -> Vec<Option<usize>> {
    let sides = [before, after, after];
    let mut numbers = Numbers::new(sides);
    let in_place = numbers.by_place(sides).map(|[changes, _]| changes);
    let changes = in_place.unwrap_or_else(|| {
        numbers.complete(sides, (0, 0));
        json::differences(&numbers.of[0], &numbers.of[1])
    });
    let [b, a, _] = numbers.of;
    let mut partners = vec![None; a.len()];
    let mut free = vec![false; b.len()];
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
    // Elements that moved are found by their value.
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
        let mut left: VecDeque<usize> = change.old.clone().filter(|at| free[*at]).collect();
        let new = change.new.clone().filter(|at| partners[*at].is_none());
        let new: Vec<usize> = new.collect();
        // Pair the remaining elements of a stretch in order if both sides have equally many.
        if left.len() == new.len() {
            for (from, to) in left.into_iter().zip(new) {
                partners[to] = Some(from);
            }
            continue;
        }
        // Otherwise, pair each with the element that shares most members with it, if it shares at least half.
        for to in new {
            let shared = left.iter().take(ALIKE).enumerate();
            let shared = shared.map(|(at, from)| (at, shared_members(before[*from], after[to])));
            let best = shared.max_by_key(|(at, shared)| (*shared, usize::MAX - at));
            let members = after[to].each_member().count();
            if let Some((at, shared)) = best
                && shared > 0
                && shared * 2 >= members
            {
                partners[to] = left.remove(at);
            }
        }
    }
    partners
}

/// Pairs elements that both moved and changed, by the first member that identifies the elements, unless the
/// element at the same position is at least as similar.
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

/// Returns the first member that all elements have with distinct values, and the position of each value.
fn identity<'t>(elements: &[Node<'t>]) -> Option<(&'t str, Table<u64, usize>)> {
    /// Maximum number of names that are tried.
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

/// Returns the digest of a member that can identify an element, which must be a text or a number.
fn telling(element: Node<'_>, name: &str) -> Option<u64> {
    let mut members = element.each_member();
    let (_, value) = members.find(|(key, _)| key.name == name)?;
    let is_scalar = matches!(value.view(), View::String(_) | View::Number(_));
    is_scalar.then(|| value.digest())
}

/// Returns the number of members of `after` that are unchanged.
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
