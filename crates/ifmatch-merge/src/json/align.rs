//! Differences of sequences.
//!
//! Elements are numbers here: equal elements have the same one (see [`Ids`]).

use std::convert::Infallible;
use std::ops::Range;

use similar::Algorithm;
use similar::algorithms::{DiffHook, diff_slices};

use super::ids::Ids;
use super::slide;
use super::tree::Tree;

/// A stretch of one sequence that another stretch stands for in the other sequence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
}

/// The difference of two arrays.
pub(crate) fn array_differences<'t, T: Tree<'t>>(old: &[T], new: &[T]) -> Vec<Replaced> {
    let mut ids = Ids::default();
    let [old, new] = [old, new].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    differences(&old, &new)
}

/// Work limit: the largest number of pairs of elements compared in one difference, anchors aside. It allows
/// two texts of 140 000 lines each of which occurs often. The work for them takes about two seconds.
const COMPARED: usize = 20_000_000_000;

/// The difference of two sequences of numbers, in order.
///
/// Elements that occur once on both sides hold the sequences together; what lies between them is left to
/// `similar`'s histogram, and where even that would be too much work ([`COMPARED`]), each element is held
/// against the one that stands at the same place. Where a change may lie at several places, it lies where
/// `git merge-file` puts it.
pub(crate) fn differences(old: &[u32], new: &[u32]) -> Vec<Replaced> {
    let mut flags = Flags {
        removed: vec![false; old.len()],
        added: vec![false; new.len()],
        offset: (0, 0),
        left: COMPARED,
    };
    let front = common(old.iter(), new.iter());
    let back = common(old[front..].iter().rev(), new[front..].iter().rev());
    let (old_end, new_end) = (old.len() - back, new.len() - back);
    let (mut o, mut n) = (front, front);
    if o < old_end && n < new_end {
        for (anchor_old, anchor_new) in anchors(old, new, o..old_end, n..new_end) {
            // An anchor may lie in what the one before it was extended over.
            if anchor_old >= o && anchor_new >= n {
                flags.gap(old, new, o..anchor_old, n..anchor_new);
                let run = common(
                    old[anchor_old..old_end].iter(),
                    new[anchor_new..new_end].iter(),
                );
                (o, n) = (anchor_old + run, anchor_new + run);
            }
        }
    }
    flags.gap(old, new, o..old_end, n..new_end);
    let Flags {
        mut removed,
        mut added,
        ..
    } = flags;
    slide::slide_changes(old, &mut removed, new, &mut added);
    stretches(&removed, &added)
}

fn common<'a>(a: impl Iterator<Item = &'a u32>, b: impl Iterator<Item = &'a u32>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Pairs of elements that occur once on either side, as many as keep their order.
fn anchors(
    old: &[u32],
    new: &[u32],
    in_old: Range<usize>,
    in_new: Range<usize>,
) -> Vec<(usize, usize)> {
    const MANY: u32 = u32::MAX;
    let most = in_old
        .clone()
        .map(|at| old[at])
        .chain(in_new.clone().map(|at| new[at]))
        .max()
        .unwrap_or(0);
    // For each number the place where it stands in `new`, counted from 1.
    let mut place = vec![0_u32; most as usize + 1];
    for at in in_new {
        let slot = &mut place[new[at] as usize];
        *slot = if *slot == 0 {
            u32::try_from(at + 1).unwrap_or(MANY)
        } else {
            MANY
        };
    }
    let mut times = vec![0_u8; place.len()];
    for at in in_old.clone() {
        let slot = &mut times[old[at] as usize];
        *slot = slot.saturating_add(1);
    }
    let pairs: Vec<(usize, usize)> = in_old
        .filter(|at| times[old[*at] as usize] == 1)
        .filter_map(|at| match place[old[at] as usize] {
            0 | MANY => None,
            place => Some((at, place as usize - 1)),
        })
        .collect();
    longest_rising(&pairs)
}

/// The longest selection of pairs in which both numbers rise; the first numbers rise already.
pub(crate) fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    if pairs.windows(2).all(|pair| pair[0].1 < pair[1].1) {
        return pairs.to_vec();
    }
    // For each length the pair that ends the selection lowest, and for each pair the one before it.
    let mut ends: Vec<usize> = Vec::new();
    let mut before = vec![usize::MAX; pairs.len()];
    for (at, pair) in pairs.iter().enumerate() {
        let length = match ends.last() {
            Some(last) if pairs[*last].1 < pair.1 => ends.len(),
            _ => ends.partition_point(|end| pairs[*end].1 < pair.1),
        };
        if length > 0 {
            before[at] = ends[length - 1];
        }
        if length == ends.len() {
            ends.push(at);
        } else {
            ends[length] = at;
        }
    }
    let mut chosen = Vec::with_capacity(ends.len());
    let mut next = ends.last().copied();
    while let Some(at) = next {
        chosen.push(pairs[at]);
        next = Some(before[at]).filter(|before| *before != usize::MAX);
    }
    chosen.reverse();
    chosen
}

fn stretches(removed: &[bool], added: &[bool]) -> Vec<Replaced> {
    let mut found: Vec<Replaced> = Vec::new();
    let (mut o, mut n) = (0, 0);
    while o < removed.len() || n < added.len() {
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
    /// Where the part that is being compared begins.
    offset: (usize, usize),
    /// How many pairs may still be compared.
    left: usize,
}

impl Flags {
    /// Compares what lies between two anchors.
    fn gap(&mut self, old: &[u32], new: &[u32], in_old: Range<usize>, in_new: Range<usize>) {
        // Small enough to look for a shared element one by one, which most gaps do not have.
        const LOOKED_THROUGH: usize = 256;
        let (a, b) = (&old[in_old.clone()], &new[in_new.clone()]);
        let back = common(a.iter().rev(), b.iter().rev());
        let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
        if a.is_empty()
            || b.is_empty()
            || (a.len() * b.len() <= LOOKED_THROUGH && !a.iter().any(|x| b.contains(x)))
        {
            self.removed[in_old.start..in_old.start + a.len()].fill(true);
            self.added[in_new.start..in_new.start + b.len()].fill(true);
            return;
        }
        let Some(left) = self.left.checked_sub(a.len().saturating_mul(b.len())) else {
            self.by_place(a, b, in_old.start, in_new.start);
            return;
        };
        self.left = left;
        self.offset = (in_old.start, in_new.start);
        // The hook cannot fail.
        let Ok(()) = diff_slices(Algorithm::Histogram, self, a, b);
    }

    /// Keeps what stands at the same place.
    fn by_place(&mut self, a: &[u32], b: &[u32], in_old: usize, in_new: usize) {
        for at in 0..a.len().max(b.len()) {
            if a.get(at) != b.get(at) {
                if at < a.len() {
                    self.removed[in_old + at] = true;
                }
                if at < b.len() {
                    self.added[in_new + at] = true;
                }
            }
        }
    }
}

impl DiffHook for Flags {
    type Error = Infallible;

    fn delete(&mut self, old: usize, length: usize, _: usize) -> Result<(), Infallible> {
        let at = self.offset.0 + old;
        self.removed[at..at + length].fill(true);
        Ok(())
    }

    fn insert(&mut self, _: usize, new: usize, length: usize) -> Result<(), Infallible> {
        let at = self.offset.1 + new;
        self.added[at..at + length].fill(true);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_names_what_was_replaced() {
        let found = differences(&[1, 2, 3, 4, 5], &[1, 9, 3, 5, 6]);
        let expected =
            [(1..2, 1..2), (3..4, 3..3), (5..5, 4..5)].map(|(old, new)| Replaced { old, new });
        assert_eq!(found, expected);
        assert_eq!(differences(&[1, 2], &[1, 2]), []);
        assert_eq!(
            differences(&[], &[7]),
            [Replaced {
                old: 0..0,
                new: 0..1
            }]
        );
    }

    #[test]
    fn what_would_be_too_much_work_is_compared_place_by_place() {
        // Four numbers, none of which holds the sequences together.
        let old: Vec<u32> = (0..300_000_u32).map(|at| at % 1_009 * at % 7 % 4).collect();
        let mut new = old.clone();
        for at in [3, 150_000, 299_990] {
            new[at] = (new[at] + 1) % 4;
        }
        let places: Vec<_> = differences(&old, &new).into_iter().map(|r| r.old).collect();
        assert_eq!(places, [3..4, 150_000..150_001, 299_990..299_991]);
    }

    #[test]
    fn a_moved_block_is_removed_and_added() {
        let found = differences(&[1, 2, 3, 4, 5, 6], &[4, 5, 6, 1]);
        let kept = 6 - found.iter().map(|r| r.old.len()).sum::<usize>();
        assert_eq!(kept, 3);
    }

    #[test]
    fn a_change_with_several_places_lies_at_the_last_one() {
        let found = differences(&[1, 2, 1, 2, 3], &[1, 2, 3]);
        assert_eq!(
            found,
            [Replaced {
                old: 2..4,
                new: 2..2
            }]
        );
    }
}
