//! Finds elements that kept their position, without a diff.

use super::conflict::same;
use crate::json::{Ids, Replaced, TableSet, Tree};

/// Returns the changes of each side on which no element moved, that is, on which each element kept its position or
/// equals none of the changed elements. This is cheap, because only changed elements are compared again.
pub(super) fn by_place<'t, T: Tree<'t>>(
    base: &[T],
    sides: [&[T]; 2],
) -> [Option<Vec<Replaced>>; 2] {
    if sides.iter().any(|side| side.len() != base.len()) {
        return [None, None];
    }
    let mut changed = [Vec::new(), Vec::new()];
    for (at, element) in base.iter().enumerate() {
        for (side, changed) in sides.iter().zip(&mut changed) {
            if !same(side[at], *element) {
                changed.push(at);
            }
        }
    }
    let mut sides = sides.into_iter();
    changed.map(|changed| {
        let moved = sides
            .next()
            .is_some_and(|side| any_stands_elsewhere(&changed, base, side));
        let stretches = || changed.chunk_by(|a, b| a + 1 == *b);
        let replaced = |places: &[usize]| {
            let places = places[0]..places[0] + places.len();
            Replaced {
                old: places.clone(),
                new: places,
            }
        };
        (!moved).then(|| stretches().map(replaced).collect())
    })
}

/// Whether an element now at one of the positions was at one of them before.
fn any_stands_elsewhere<'t, T: Tree<'t>>(places: &[usize], base: &[T], side: &[T]) -> bool {
    /// Up to this number, comparing all pairs is cheaper than computing digests.
    const FEW: usize = 4;
    if places.len() <= FEW {
        let stood = |now: T| places.iter().any(|at| same(base[*at], now));
        return places.iter().any(|at| stood(side[*at]));
    }
    let mut ids = Ids::default();
    let before: TableSet<u32> = places.iter().map(|at| ids.of(base[*at])).collect();
    places.iter().any(|at| before.contains(&ids.of(side[*at])))
}

/// Returns how many elements are equal on all three sides, at the start and at the end.
pub(super) fn edges<'t, T: Tree<'t>>(b: &[T], l: &[T], r: &[T]) -> (usize, usize) {
    let shortest = b.len().min(l.len()).min(r.len());
    let all_same = |b: T, l: T, r: T| same(b, l) && same(b, r);
    let front = (0..shortest)
        .take_while(|&i| all_same(b[i], l[i], r[i]))
        .count();
    let from_end = |side: &[T], i: usize| side[side.len() - 1 - i];
    let back = (0..shortest - front)
        .take_while(|&i| all_same(from_end(b, i), from_end(l, i), from_end(r, i)));
    (front, back.count())
}
