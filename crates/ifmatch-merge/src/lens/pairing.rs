//! Pairs the elements of the new list with those of the previous list.

use std::collections::VecDeque;

use super::identity::{identity, telling};
use super::similarity::{has_parts, leaves_of, shared_leaves, shared_members};
use crate::json::{self, Node, Replaced, Table, Tree, same};
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
    let crossed = by_identity(before, after, &changes, &mut partners, &mut free);
    for (change, crossed) in changes.iter().zip(crossed) {
        let left: VecDeque<usize> = change.old.clone().filter(|at| free[*at]).collect();
        let new = change.new.clone().filter(|at| partners[*at].is_none());
        let new: Vec<usize> = new.collect();
        if left.len() == new.len() {
            one_to_one(before, after, left, new, crossed, &mut partners);
        } else {
            most_alike(before, after, left, new, &mut partners);
        }
    }
    partners
}

/// Maximum number of elements that are compared to find the one that is most alike.
const NEAR: usize = 16;

/// Pairs the remaining elements of a stretch in order, because both sides have equally many. An element that has nothing
/// in common with the one opposite is paired with one that it has something in common with. If there is none, the two
/// that lie opposite are paired, unless elements of the stretch have moved.
fn one_to_one<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    left: VecDeque<usize>,
    new: Vec<usize>,
    crossed: bool,
    partners: &mut [Option<usize>],
) {
    let (mut others, mut alone) = (VecDeque::new(), Vec::new());
    for (from, to) in left.into_iter().zip(new) {
        let bare = !has_parts(before[from]) && !has_parts(after[to]);
        if bare || shared_leaves(before[from], after[to]) > 0 {
            partners[to] = Some(from);
        } else {
            others.push_back(from);
            alone.push((from, to));
        }
    }
    let mut crossed = crossed;
    for (_, to) in &alone {
        let shared = |from: &usize| shared_leaves(before[*from], after[*to]);
        let near = others.iter().take(NEAR).map(shared).enumerate();
        let best = near.max_by_key(|(at, shared)| (*shared, usize::MAX - at));
        if let Some((at, 1..)) = best {
            partners[*to] = others.remove(at);
            crossed = true;
        }
    }
    if !crossed {
        for (from, to) in alone {
            partners[to] = Some(from);
        }
    }
}

/// Pairs each remaining element of a stretch with the one that is most alike, if at least half of it is equal.
fn most_alike<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    mut left: VecDeque<usize>,
    new: Vec<usize>,
    partners: &mut [Option<usize>],
) {
    for to in new.into_iter().filter(|to| has_parts(after[*to])) {
        let members = after[to].each_member().count();
        let shared = |from: usize| {
            let leaves = shared_leaves(before[from], after[to]);
            let all = leaves_of(before[from]).max(leaves_of(after[to]));
            let is_half =
                leaves * 2 >= all || shared_members(before[from], after[to]) * 2 >= members.max(1);
            if is_half { leaves } else { 0 }
        };
        let near = left.iter().take(NEAR).map(|from| shared(*from)).enumerate();
        let best = near.max_by_key(|(at, shared)| (*shared, usize::MAX - at));
        if let Some((at, 1..)) = best {
            partners[to] = left.remove(at);
        }
    }
}

/// Pairs elements that both moved and changed, by a value that identifies the elements, unless the element at the same
/// position is at least as similar. Returns for each change whether elements in it have moved.
fn by_identity<'t>(
    before: &[Node<'t>],
    after: &[Node<'t>],
    changes: &[Replaced],
    partners: &mut [Option<usize>],
    free: &mut [bool],
) -> Vec<bool> {
    let mut crossed = vec![false; changes.len()];
    if !free.contains(&true) || !partners.contains(&None) {
        return crossed;
    }
    let Some((place, mut places)) = identity(before) else {
        return crossed;
    };
    for (change, crossed) in changes.iter().zip(&mut crossed) {
        let in_place = change.old.len() == change.new.len();
        for (nth, to) in change.new.clone().enumerate() {
            if partners[to].is_some() {
                continue;
            }
            let found = telling(after[to], &place).and_then(|value| places.remove(&value));
            let Some(from) = found.filter(|from| free[*from]) else {
                continue;
            };
            let there = Some(change.old.start + nth).filter(|at| in_place && free[*at]);
            let shared = |at: usize| shared_leaves(before[at], after[to]);
            if there.is_none_or(|there| there == from || shared(there) < shared(from)) {
                *crossed |= from != change.old.start + nth;
                partners[to] = Some(from);
                free[from] = false;
            }
        }
    }
    crossed
}
