//! Equal values found again, and differences of sequences.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ops::Range;

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::tree::{Tree, same};

/// A stretch of one sequence that another stretch stands for in the other sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
}

/// The difference of two sequences of numbers, in order.
///
/// The work is bounded: where the histogram finds no rare elements, `similar` searches on with a limit
/// that grows more slowly than the square of the size.
pub(crate) fn differences(old: &[u32], new: &[u32]) -> Vec<Replaced> {
    let mut found: Vec<Replaced> = Vec::new();
    for op in capture_diff_slices(Algorithm::Histogram, old, new) {
        if let DiffOp::Equal { .. } = op {
            continue;
        }
        let (old, new) = (op.old_range(), op.new_range());
        match found.last_mut() {
            Some(last) if last.old.end == old.start && last.new.end == new.start => {
                (last.old.end, last.new.end) = (old.end, new.end);
            }
            _ => found.push(Replaced { old, new }),
        }
    }
    found
}

/// The difference of two arrays.
pub(crate) fn array_differences<'t, T: Tree<'t>>(old: &[T], new: &[T]) -> Vec<Replaced> {
    let mut ids = Ids::default();
    let [old, new] = [old, new].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    differences(&old, &new)
}

/// Gives equal values equal numbers.
pub(crate) struct Ids<T> {
    first: HashMap<u64, u32, BuildHasherDefault<DefaultHasher>>,
    /// Each value that was seen, with the next one of the same digest.
    seen: Vec<(T, Option<u32>)>,
}

impl<T> Default for Ids<T> {
    fn default() -> Self {
        Self {
            first: HashMap::default(),
            seen: Vec::new(),
        }
    }
}

impl<T> Ids<T> {
    /// So many different values of one digest are told apart. Whoever forges more gets elements that
    /// match nothing, hence a conflict at worst, and not a slow merge.
    const CHAIN: usize = 16;

    pub(crate) fn of<'t>(&mut self, value: T) -> u32
    where
        T: Tree<'t>,
    {
        let new = u32::try_from(self.seen.len()).unwrap_or(u32::MAX);
        let mut at = *self.first.entry(value.digest()).or_insert(new);
        for _ in 0..Self::CHAIN {
            let Some((known, next)) = self.seen.get_mut(at as usize) else {
                break;
            };
            if same(*known, value) {
                return at;
            }
            at = *next.get_or_insert(new);
        }
        self.seen.push((value, None));
        new
    }
}
