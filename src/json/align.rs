//! Equal values found again, and differences of sequences.

use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::{BuildHasherDefault, DefaultHasher};
use std::ops::Range;

use similar::Algorithm;
use similar::algorithms::{DiffHook, diff_slices};

use super::slide;
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
/// that grows more slowly than the square of the size. Where a change may lie at several places, it lies
/// where `git merge-file` puts it.
pub(crate) fn differences(old: &[u32], new: &[u32]) -> Vec<Replaced> {
    let mut flags = Flags {
        removed: vec![false; old.len()],
        added: vec![false; new.len()],
    };
    // The hook cannot fail.
    let Ok(()) = diff_slices(Algorithm::Histogram, &mut flags, old, new);
    let Flags {
        mut removed,
        mut added,
    } = flags;
    slide::settle(old, &mut removed, new, &mut added);
    let mut found: Vec<Replaced> = Vec::new();
    let (mut o, mut n) = (0, 0);
    while o < old.len() || n < new.len() {
        let (start, from) = (o, n);
        while removed.get(o) == Some(&true) {
            o += 1;
        }
        while added.get(n) == Some(&true) {
            n += 1;
        }
        if (o, n) != (start, from) {
            found.push(Replaced {
                old: start..o,
                new: from..n,
            });
        }
        (o, n) = (o + 1, n + 1);
    }
    found
}

/// Which elements a diff removes and adds.
struct Flags {
    removed: Vec<bool>,
    added: Vec<bool>,
}

impl DiffHook for Flags {
    type Error = Infallible;

    fn delete(&mut self, old: usize, length: usize, _: usize) -> Result<(), Infallible> {
        self.removed[old..old + length].fill(true);
        Ok(())
    }

    fn insert(&mut self, _: usize, new: usize, length: usize) -> Result<(), Infallible> {
        self.added[new..new + length].fill(true);
        Ok(())
    }
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
