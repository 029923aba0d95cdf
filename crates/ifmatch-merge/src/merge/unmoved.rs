//! Finds elements that kept their position, without a diff.

use super::conflict::same;
use crate::json::{Ids, Replaced, Tree};

/// The numbers of the elements of base, local and remote. Equal elements have equal numbers.
pub(crate) struct Numbers<T> {
    ids: Ids<T>,
    pub(crate) of: [Vec<u32>; 3],
}

impl<'t, T: Tree<'t>> Numbers<T> {
    /// Marks an element without a number, which is equal on all sides.
    const NONE: u32 = u32::MAX;

    pub(crate) fn new(sides: [&[T]; 3]) -> Self {
        Self {
            ids: Ids::default(),
            of: sides.map(|side| vec![Self::NONE; side.len()]),
        }
    }

    /// Returns the changes of each side if no element moved, that is, if each element kept its position or equals
    /// none of the changed elements. This is cheap, because only changed elements are numbered.
    pub(crate) fn by_place(&mut self, sides: [&[T]; 3]) -> Option<[Vec<Replaced>; 2]> {
        let [base, local, remote] = sides;
        if [local, remote].iter().any(|side| side.len() != base.len()) {
            return None;
        }
        let mut changed = [Vec::new(), Vec::new()];
        for (at, element) in base.iter().enumerate() {
            let differs = [local, remote].map(|side| !same(side[at], *element));
            if differs == [false; 2] {
                continue;
            }
            let number = self.ids.of(*element);
            self.of[0][at] = number;
            for (side, differs) in differs.into_iter().enumerate() {
                self.of[side + 1][at] = if differs {
                    changed[side].push(at);
                    self.ids.of(sides[side + 1][at])
                } else {
                    number
                };
            }
        }
        let moved = |side: usize| self.any_stands_elsewhere(&changed[side], side + 1);
        if moved(0) || moved(1) {
            return None;
        }
        let replaced = |places: &[usize]| {
            let places = places[0]..places[0] + places.len();
            Replaced {
                old: places.clone(),
                new: places,
            }
        };
        let stretches =
            |changed: Vec<usize>| changed.chunk_by(|a, b| a + 1 == *b).map(replaced).collect();
        Some(changed.map(stretches))
    }

    /// Whether an element now at one of the positions was at one of them before.
    fn any_stands_elsewhere(&self, places: &[usize], side: usize) -> bool {
        let mut stood = vec![false; self.ids.len()];
        for at in places {
            stood[self.of[0][*at] as usize] = true;
        }
        places.iter().any(|at| stood[self.of[side][*at] as usize])
    }

    /// Numbers all elements except some at the start and at the end.
    pub(crate) fn complete(&mut self, sides: [&[T]; 3], (front, back): (usize, usize)) {
        for (side, numbers) in sides.into_iter().zip(&mut self.of) {
            let middle = front..side.len() - back;
            for (number, element) in numbers[middle.clone()].iter_mut().zip(&side[middle]) {
                if *number == Self::NONE {
                    *number = self.ids.of(*element);
                }
            }
        }
    }
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
