//! What stands where it stood, found without a diff.

use super::conflict::same;
use crate::json::{Ids, Replaced, TableSet, Tree};

/// The changes of sides on which no element moved: each stands where it stood, or is unlike all that were
/// changed. Cheap, because only changed elements are looked at twice.
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

/// Whether what stands at one of the places now stood at one of them before.
fn any_stands_elsewhere<'t, T: Tree<'t>>(places: &[usize], base: &[T], side: &[T]) -> bool {
    /// Up to here comparing each with each is cheaper than digests.
    const FEW: usize = 4;
    if places.len() <= FEW {
        let stood = |now: T| places.iter().any(|at| same(base[*at], now));
        return places.iter().any(|at| stood(side[*at]));
    }
    let mut ids = Ids::default();
    let before: TableSet<u32> = places.iter().map(|at| ids.of(base[*at])).collect();
    places.iter().any(|at| before.contains(&ids.of(side[*at])))
}

/// How many elements are the same on all three sides, in front and at the back.
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
