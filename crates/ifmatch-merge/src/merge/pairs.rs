//! Determines which elements of one side are the elements of the base that lie opposite them.
//!
//! A diff names stretches that were replaced, so an element of such a stretch lies opposite an element of the
//! base. It may be a different element that moved there or is new. A change by one side is applied to the other
//! side's element only if nothing contradicts the pair.

use super::conflict::same;
use crate::json::{Digest, Finder, Replaced, Table, TableSet, Tree, View, WALKED_DEPTH};

/// For each element of the base, whether a different element lies opposite it on one side. `false` beyond the end.
#[derive(Debug, Default)]
pub(super) struct Strays(Vec<bool>);

/// What is known about an element of the base.
#[derive(Clone, Copy, Default)]
struct Pair {
    /// The element that lies opposite.
    partner: Option<usize>,
    /// How many members hold the two together, lead away from the old element, and came to the new element.
    own: usize,
    left: usize,
    came: usize,
}

impl Strays {
    /// Compares the members of the replaced elements. A member that only one old and one new element have shows
    /// where an element went. A pair counts only if more members hold it together than lead away from it.
    pub(super) fn of<'t, T: Tree<'t>>(
        [base, side]: [&[T]; 2],
        [base_numbers, side_numbers]: [&[u32]; 2],
        changes: &[Replaced],
    ) -> Self {
        if changes.iter().all(|it| it.old.len() != it.new.len()) {
            return Self::default();
        }
        // The digest of each member, with its element and whether that is a new one.
        let mut members: Vec<(u64, bool, usize)> = Vec::new();
        // For each number, whether it occurs before and after.
        let mut stands: Vec<[bool; 2]> = Vec::new();
        let mut stand = |number: u32, after: bool| {
            let at = number as usize;
            if stands.len() <= at {
                stands.resize(at + 1, [false; 2]);
            }
            stands[at][usize::from(after)] = true;
        };
        let mut pairs = vec![Pair::default(); base.len()];
        let mut opposite = vec![None; side.len()];
        for change in changes {
            for at in change.old.clone() {
                stand(base_numbers[at], false);
                members.extend(member_digests(base[at]).map(|member| (member, false, at)));
            }
            for at in change.new.clone() {
                stand(side_numbers[at], true);
                members.extend(member_digests(side[at]).map(|member| (member, true, at)));
            }
            if change.old.len() == change.new.len() {
                for (old, new) in change.old.clone().zip(change.new.clone()) {
                    (pairs[old].partner, opposite[new]) = (Some(new), Some(old));
                }
            }
        }
        members.sort_unstable();
        for found in members.chunk_by(|a, b| a.0 == b.0) {
            let [(_, false, old), (_, true, new)] = *found else {
                continue;
            };
            if pairs[old].partner == Some(new) {
                pairs[old].own += 1;
            } else {
                pairs[old].left += 1;
                if let Some(old) = opposite[new] {
                    pairs[old].came += 1;
                }
            }
        }
        let is_stray = |(old, pair): (usize, &Pair)| {
            let away = pair.left.max(pair.came);
            let went = |number: u32| stands[number as usize] == [true; 2];
            pair.partner.is_some_and(|new| {
                (away > 0 && away >= pair.own) || went(base_numbers[old]) || went(side_numbers[new])
            })
        };
        Self(pairs.iter().enumerate().map(is_stray).collect())
    }

    pub(super) fn has(&self, old: usize) -> bool {
        self.0.get(old).is_some_and(|is_stray| *is_stray)
    }
}

/// Returns a digest for each member of an object, from its name and value.
fn member_digests<'t, T: Tree<'t>>(element: T) -> impl Iterator<Item = u64> {
    let members = element.each_member();
    members.map(|(key, value)| member_digest(key.name, value))
}

fn member_digest<'t, T: Tree<'t>>(name: &str, value: T) -> u64 {
    let mut digest = Digest::default();
    digest.bytes(name.as_bytes());
    digest.word(value.digest());
    digest.finish()
}

/// Whether an object is still the same object, which requires at least half of its members to be unchanged.
pub(super) fn is_kept<'t, T: Tree<'t>>(before: T, after: T) -> bool {
    let after = after.members();
    let mut in_after = Finder::new(&after);
    let (mut count, mut kept) = (0, 0);
    for (key, value) in before.each_member() {
        let now = in_after.get(key.name).map(|at| after[at].1);
        count += 1;
        kept += usize::from(now.is_some_and(|now| same(value, now)));
    }
    kept > 0 && kept * 2 >= after.len().max(count)
}

/// Returns a digest for each member of an object, or for each element of an array with its position.
pub(super) fn part_digests<'t, T: Tree<'t>>(element: T) -> impl Iterator<Item = u64> {
    let elements = element.elements().into_iter().enumerate();
    let elements = elements.map(|(at, value)| member_digest(&at.to_string(), value));
    member_digests(element).chain(elements)
}

/// Whether an object is still the same object, as in [`is_kept`], or an array has kept at least half of its values
/// at their positions.
pub(super) fn is_mostly_same<'t, T: Tree<'t>>(before: T, after: T) -> bool {
    let (View::Array, View::Array) = (before.view(), after.view()) else {
        return is_kept(before, after);
    };
    let (before, after) = (before.elements(), after.elements());
    let kept = before.iter().zip(&after).filter(|(b, a)| same(**b, **a));
    let kept = kept.count();
    kept > 0 && kept * 2 >= before.len().max(after.len())
}

/// Distinguishes objects that were changed from objects that were replaced.
///
/// One instance is used for a whole list, so that the list is searched once for each name.
#[derive(Default)]
pub(super) struct Identity<'t> {
    /// For each name, whether its values identify the elements of the base.
    telling: Table<&'t str, bool>,
}

impl<'t> Identity<'t> {
    /// Maximum number of members of an element that are examined, and maximum number of names for a list.
    const LOOKED_AT: usize = 16;

    /// Whether the element of one side is another element than the one before. This requires that no identifying
    /// member (an ID, a name) is unchanged or equal to the other side's, and that most of the rest differs as
    /// well. A list of one element has no identifying members.
    pub(super) fn is_lost<T: Tree<'t>>(
        &mut self,
        base: &[T],
        [before, after, other]: [T; 3],
    ) -> bool {
        if !matches!((before.view(), after.view()), (View::Object, View::Object)) {
            return false;
        }
        let (after_members, other) = (after.members(), other.members());
        let (mut in_after, mut in_other) = (Finder::new(&after_members), Finder::new(&other));
        let mut lost = base.len() == 1;
        for (key, value) in before.each_member().take(Self::LOOKED_AT) {
            if !is_scalar(value) || !self.tells(base, key.name) {
                continue;
            }
            lost = true;
            let Some(now) = in_after.get(key.name).map(|at| after_members[at].1) else {
                continue;
            };
            let agreed = in_other
                .get(key.name)
                .is_some_and(|at| same(other[at].1, now));
            if agreed || same(value, now) {
                return false;
            }
        }
        lost && !is_mostly_kept(before, after)
    }

    /// Whether all elements of the base have the member, with distinct values.
    fn tells<T: Tree<'t>>(&mut self, base: &[T], name: &'t str) -> bool {
        if self.telling.len() >= Self::LOOKED_AT && !self.telling.contains_key(name) {
            return false;
        }
        *self.telling.entry(name).or_insert_with(|| {
            let mut values = TableSet::default();
            base.len() > 1
                && base.iter().all(|element| {
                    let member = element.each_member().find(|(key, _)| key.name == name);
                    member
                        .is_some_and(|(_, value)| is_scalar(value) && values.insert(value.digest()))
                })
        })
    }
}

fn is_scalar<'t, T: Tree<'t>>(value: T) -> bool {
    matches!(
        value.view(),
        View::String(_) | View::Torn(_) | View::Number(_)
    )
}

/// Whether more than half of the scalars within a value, each with its name, also occur in another value.
fn is_mostly_kept<'t, T: Tree<'t>>(before: T, after: T) -> bool {
    let (mut old, mut new) = (Vec::new(), Vec::new());
    leaves(before, "", WALKED_DEPTH, &mut old);
    leaves(after, "", WALKED_DEPTH, &mut new);
    let size = old.len().max(new.len());
    let mut left: Table<u64, usize> = Table::default();
    for leaf in old {
        *left.entry(leaf).or_default() += 1;
    }
    let is_old = |leaf: &u64| match left.get_mut(leaf) {
        Some(left @ 1..) => {
            *left -= 1;
            true
        }
        _ => false,
    };
    new.into_iter().filter(is_old).count() * 2 > size
}

fn leaves<'t, T: Tree<'t>>(value: T, name: &str, depth: usize, found: &mut Vec<u64>) {
    match value.view() {
        View::Array if depth > 0 => {
            value
                .each_element()
                .for_each(|e| leaves(e, name, depth - 1, found));
        }
        View::Object if depth > 0 => {
            value
                .each_member()
                .for_each(|(key, e)| leaves(e, key.name, depth - 1, found));
        }
        _ => found.push(member_digest(name, value)),
    }
}
