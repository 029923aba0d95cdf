//! Computes the differences between two sequences.
//!
//! Elements are represented by numbers. Equal elements have equal numbers (see [`Ids`]).

use std::convert::Infallible;
use std::ops::Range;

use similar::Algorithm;
use similar::algorithms::{DiffHook, diff_slices};

use super::ids::Ids;
use super::slide;
use super::tree::Tree;

/// A stretch of the old sequence and the stretch of the new sequence that replaces it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replaced {
    pub(crate) old: Range<usize>,
    pub(crate) new: Range<usize>,
}

impl Replaced {
    /// Returns the same change in sequences that have `by` more elements in front.
    pub(crate) fn shifted(self, by: usize) -> Self {
        let shift = |range: Range<usize>| range.start + by..range.end + by;
        Self {
            old: shift(self.old),
            new: shift(self.new),
        }
    }
}

/// Returns the differences between two arrays.
pub(crate) fn array_differences<'t, T: Tree<'t>>(old: &[T], new: &[T]) -> Vec<Replaced> {
    let mut ids = Ids::default();
    let [old, new] = [old, new].map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
    differences(&old, &new)
}

/// Work limit: the maximum number of element comparisons per element of the two sequences.
const PAIRS_FOR_EACH: usize = 400;

/// The maximum number of pairs in a short gap, which is compared directly. In a longer gap, runs of elements are
/// searched first.
const SHORT_GAP: usize = 64 * 64;

/// How often gaps are divided by runs within each other. The gaps that remain are compared directly, so the recursion
/// takes a bounded part of the stack.
const DIVISIONS: u32 = 8;

/// What a search for runs costs for each element, in comparisons of pairs.
const PAIRS_FOR_RUNS: usize = 16;

/// The maximum length of the runs that are searched.
const LONGEST_RUN: usize = 64;

/// Returns the differences between two sequences of numbers, in order.
///
/// Elements that occur exactly once on both sides anchor the sequences to each other. In a long gap between two
/// anchors, runs of 2, 4, 8, ... elements that occur exactly once serve as anchors. `similar`'s histogram
/// algorithm compares the rest. When the work limit ([`PAIRS_FOR_EACH`]) is reached, each element is compared with
/// the element at the same position, so the time stays linear in the length. If a change could be placed at
/// several positions, it is placed where `git merge-file` places it.
pub(crate) fn differences(old: &[u32], new: &[u32]) -> Vec<Replaced> {
    let front = common(old.iter(), new.iter());
    let back = common(old[front..].iter().rev(), new[front..].iter().rev());
    let mut comparison = Comparison {
        old,
        new,
        removed: vec![false; old.len()],
        added: vec![false; new.len()],
        offset: (0, 0),
        left: PAIRS_FOR_EACH.saturating_mul(old.len() + new.len()),
        depth: 0,
        search: 0,
        found: Vec::new(),
    };
    let (in_old, in_new) = (front..old.len() - back, front..new.len() - back);
    if !in_old.is_empty() && !in_new.is_empty() {
        let anchors = anchors(old, new, in_old.clone(), in_new.clone());
        comparison.between(anchors, in_old, in_new);
    } else {
        comparison.replace(in_old, in_new);
    }
    let Comparison {
        mut removed,
        mut added,
        ..
    } = comparison;
    slide::slide_changes(old, &mut removed, new, &mut added);
    stretches(&removed, &added)
}

fn common<'a>(a: impl Iterator<Item = &'a u32>, b: impl Iterator<Item = &'a u32>) -> usize {
    a.zip(b).take_while(|(a, b)| a == b).count()
}

/// Returns the largest set of pairs of elements that occur once on either side and have the same order on both.
fn anchors(
    old: &[u32],
    new: &[u32],
    in_old: Range<usize>,
    in_new: Range<usize>,
) -> Vec<(usize, usize)> {
    const MANY: u32 = u32::MAX;
    /// Maximum number of elements that are searched without a table.
    const FEW: usize = 32;
    if in_old.len() + in_new.len() <= FEW {
        let only = |of: &[u32], range: &Range<usize>, number: u32| {
            let mut places = range.clone().filter(|at| of[*at] == number);
            places.next().filter(|_| places.next().is_none())
        };
        let pair = |at: usize| {
            only(old, &in_old, old[at])?;
            Some((at, only(new, &in_new, old[at])?))
        };
        return longest_rising(&in_old.clone().filter_map(pair).collect::<Vec<_>>());
    }
    let most = in_old
        .clone()
        .map(|at| old[at])
        .chain(in_new.clone().map(|at| new[at]))
        .max()
        .unwrap_or(0);
    // For each number, its position in `new`, counted from 1.
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

/// Returns the longest selection of pairs in which both numbers rise. The first numbers must already be in
/// ascending order.
pub(crate) fn longest_rising(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    if pairs.windows(2).all(|pair| pair[0].1 < pair[1].1) {
        return pairs.to_vec();
    }
    // For each length, the lowest pair that ends a selection of that length. For each pair, the pair before it.
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

/// Two sequences, and the elements that the difference removes and adds.
struct Comparison<'s> {
    old: &'s [u32],
    new: &'s [u32],
    removed: Vec<bool>,
    added: Vec<bool>,
    /// Start of the part that the histogram algorithm compares.
    offset: (usize, usize),
    /// Number of pairs that may still be compared.
    left: usize,
    /// Number of divisions that the current gap lies within.
    depth: u32,
    /// Number of searches for a shared element, and for each number, the last search whose first stretch has it.
    search: u32,
    found: Vec<u32>,
}

impl Comparison<'_> {
    /// Compares the gaps between pairs of equal elements. Each pair is first extended over the equal elements that
    /// follow it.
    fn between(
        &mut self,
        anchors: Vec<(usize, usize)>,
        in_old: Range<usize>,
        in_new: Range<usize>,
    ) {
        let (mut o, mut n) = (in_old.start, in_new.start);
        for (anchor_old, anchor_new) in anchors {
            // Skip an anchor that lies within the extension of the previous one.
            if anchor_old >= o && anchor_new >= n {
                self.gap(o..anchor_old, n..anchor_new);
                let run = common(
                    self.old[anchor_old..in_old.end].iter(),
                    self.new[anchor_new..in_new.end].iter(),
                );
                (o, n) = (anchor_old + run, anchor_new + run);
            }
        }
        self.gap(o..in_old.end, n..in_new.end);
    }

    /// Compares the elements between two anchors.
    fn gap(&mut self, in_old: Range<usize>, in_new: Range<usize>) {
        let (old, new) = (self.old, self.new);
        let (a, b) = (&old[in_old.clone()], &new[in_new.clone()]);
        let back = common(a.iter().rev(), b.iter().rev());
        let (a, b) = (&a[..a.len() - back], &b[..b.len() - back]);
        let in_old = in_old.start..in_old.start + a.len();
        let in_new = in_new.start..in_new.start + b.len();
        let pairs = a.len().saturating_mul(b.len());
        // Most gaps have no element in common.
        if pairs == 0 || !self.share(a, b) {
            self.replace(in_old, in_new);
            return;
        }
        let search = PAIRS_FOR_RUNS.saturating_mul(a.len() + b.len());
        if pairs > SHORT_GAP && self.depth < DIVISIONS && self.spend(search) {
            let anchors = run_anchors(a, b);
            if !anchors.is_empty() {
                let (o, n) = (in_old.start, in_new.start);
                let anchors = anchors.into_iter().map(|(a, b)| (o + a, n + b));
                self.depth += 1;
                self.between(anchors.collect(), in_old, in_new);
                self.depth -= 1;
                return;
            }
        }
        if self.spend(pairs) {
            self.offset = (in_old.start, in_new.start);
            // The hook cannot fail.
            let Ok(()) = diff_slices(Algorithm::Histogram, self, a, b);
        } else {
            self.by_place(in_old, in_new);
        }
    }

    /// Whether an element of one stretch is also in the other. The stretches are looked through once.
    fn share(&mut self, a: &[u32], b: &[u32]) -> bool {
        /// Maximum number of pairs that are compared directly.
        const FEW: usize = 256;
        if a.len() * b.len() <= FEW {
            return a.iter().any(|x| b.contains(x));
        }
        self.search += 1;
        if self.found.is_empty() {
            let highest = self.old.iter().chain(self.new).max();
            self.found = vec![0; highest.map_or(0, |highest| *highest as usize + 1)];
        }
        for x in a {
            self.found[*x as usize] = self.search;
        }
        b.iter().any(|x| self.found[*x as usize] == self.search)
    }

    /// Whether the work limit allows this many more comparisons. If it does, they are counted as done.
    fn spend(&mut self, pairs: usize) -> bool {
        let left = self.left.checked_sub(pairs);
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Replaces one stretch by the other as a whole.
    fn replace(&mut self, in_old: Range<usize>, in_new: Range<usize>) {
        self.removed[in_old].fill(true);
        self.added[in_new].fill(true);
    }

    /// Keeps elements that are equal at the same position.
    fn by_place(&mut self, in_old: Range<usize>, in_new: Range<usize>) {
        let shared = in_old.len().min(in_new.len());
        for (o, n) in in_old.clone().zip(in_new.clone()) {
            let differs = self.old[o] != self.new[n];
            (self.removed[o], self.added[n]) = (differs, differs);
        }
        self.replace(
            in_old.start + shared..in_old.end,
            in_new.start + shared..in_new.end,
        );
    }
}

/// Returns pairs of positions where the same run of elements begins, using the shortest runs that occur once on
/// either side.
fn run_anchors(a: &[u32], b: &[u32]) -> Vec<(usize, usize)> {
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    let mut length = 1;
    while length < LONGEST_RUN && a.len().min(b.len()) > length {
        // A run of twice the length is a pair of runs.
        let mut ids = Ids::default();
        [a, b] = [a, b].map(|runs| {
            let pairs = runs.iter().zip(&runs[length..]);
            pairs.map(|(x, y)| ids.of_pair((*x, *y))).collect()
        });
        length *= 2;
        let found = anchors(&a, &b, 0..a.len(), 0..b.len());
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

impl DiffHook for Comparison<'_> {
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

    /// Returns numbers below four in an order that does not repeat.
    fn drawn(count: u32, seed: u32) -> Vec<u32> {
        let next = |state: &mut u32| {
            *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(*state >> 30)
        };
        (0..count).scan(seed, |state, _| next(state)).collect()
    }

    #[test]
    fn edits_between_elements_that_come_again_and_again_are_found_one_by_one() {
        let old = drawn(300_000, 1);
        let mut new = old.clone();
        for at in [299_990, 150_000, 3] {
            new.insert(at, 9);
        }
        let places: Vec<_> = differences(&old, &new)
            .into_iter()
            .map(|it| (it.old, it.new))
            .collect();
        let inserted = [3, 150_000, 299_990].iter().zip(0..);
        let expected = inserted.map(|(at, before)| (*at..*at, at + before..at + before + 1));
        assert_eq!(places, expected.collect::<Vec<_>>());
    }

    #[test]
    fn every_difference_leads_from_the_one_sequence_to_the_other() {
        let periodic = |count: u32, of: u32| (0..count).map(|at| at % of).collect::<Vec<_>>();
        let sequences = [
            drawn(40_000, 1),
            drawn(40_000, 2),
            drawn(300, 3),
            periodic(30_000, 3),
            periodic(30_001, 4),
            vec![0; 20_000],
            Vec::new(),
        ];
        for old in &sequences {
            for new in &sequences {
                let (mut made, mut at) = (Vec::new(), 0);
                for replaced in differences(old, new) {
                    made.extend_from_slice(&old[at..replaced.old.start]);
                    made.extend_from_slice(&new[replaced.new.clone()]);
                    assert_eq!(made.len(), replaced.new.end);
                    at = replaced.old.end;
                }
                made.extend_from_slice(&old[at..]);
                assert!(made == *new);
            }
        }
    }

    /// Blocks of which each begins with the pair that ends the one before. The last element of a block differs
    /// between the sides, so only the outermost pairs occur once.
    fn nested(blocks: u32, side: u32) -> Vec<u32> {
        let pair = |at: u32| [at / 100, 100 + at % 100];
        let block = |at: u32| {
            [
                pair(at)[0],
                pair(at)[1],
                300,
                pair(at + 1)[0],
                pair(at + 1)[1],
                side,
            ]
        };
        let equal = std::iter::repeat_n(303, 1_000_000);
        equal.chain((0..blocks).flat_map(block)).collect()
    }

    #[test]
    fn gaps_within_gaps_take_a_bounded_part_of_the_stack() -> std::io::Result<()> {
        let compare = || differences(&nested(4_000, 301), &nested(4_000, 302)).len();
        let small = std::thread::Builder::new().stack_size(256 * 1024);
        assert!(small.spawn(compare)?.join().is_ok_and(|found| found > 0));
        Ok(())
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
