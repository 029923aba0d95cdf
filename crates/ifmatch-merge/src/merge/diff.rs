//! Computes the regions of a three-way merge of two changed sequences, for texts and arrays.
//!
//! Elements are represented by numbers. Equal elements have equal numbers.

use std::collections::VecDeque;
use std::hash::Hash;
use std::ops::Range;

use crate::json::{Replaced, Table, differences};

/// The outcome for a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RegionFate {
    Unchanged,
    Local,
    Remote,
    /// Both sides made the same change.
    Agreed,
    Conflict,
}

/// A stretch of the base and the corresponding stretches of both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Region {
    pub(crate) fate: RegionFate,
    pub(crate) base: Range<usize>,
    pub(crate) local: Range<usize>,
    pub(crate) remote: Range<usize>,
    /// Whether each change within added as many elements as it removed, so that each element lies opposite its
    /// original.
    pub(crate) is_level: bool,
}

/// How changes of both sides are treated if they touch without overlapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adjacent {
    /// They form one region, as in `git merge-file`.
    Together,
    /// They stay separate, unless both insert at the same position.
    Apart,
}

/// The change of one side to a stretch of the base.
#[derive(Debug, Clone)]
pub(crate) struct SideChange {
    pub(crate) stretch: Replaced,
    /// Whether one element was changed and is still the same element. Such a change does not touch its neighbours.
    pub(crate) in_place: bool,
}

impl From<Replaced> for SideChange {
    fn from(stretch: Replaced) -> Self {
        Self {
            stretch,
            in_place: false,
        }
    }
}

/// Returns the regions of a three-way merge.
pub(crate) fn regions(
    base: &[u32],
    local: &[u32],
    remote: &[u32],
    adjacent: Adjacent,
) -> Vec<Region> {
    let changes = |side| {
        differences(base, side)
            .into_iter()
            .map(SideChange::from)
            .collect()
    };
    regions_of(
        base.len(),
        changes(local),
        changes(remote),
        adjacent,
        |l, r| local[l] == remote[r],
    )
}

/// Groups the changes of both sides into regions. It passes once over both lists, so the cost is linear. `agree`
/// decides whether two stretches are equal.
pub(crate) fn regions_of(
    base: usize,
    ours: Vec<SideChange>,
    theirs: Vec<SideChange>,
    adjacent: Adjacent,
    agree: impl Fn(Range<usize>, Range<usize>) -> bool,
) -> Vec<Region> {
    let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    let mut regions = Vec::new();
    // Start of the next region, in base, local and remote.
    let (mut b, mut l, mut r) = (0, 0, 0);
    loop {
        let first = [ours.peek(), theirs.peek()]
            .into_iter()
            .flatten()
            .map(|c| c.stretch.old.start)
            .min();
        let start = first.unwrap_or(base);
        if start > b {
            let length = start - b;
            regions.push(Region {
                fate: RegionFate::Unchanged,
                base: b..start,
                local: l..l + length,
                remote: r..r + length,
                is_level: true,
            });
            (b, l, r) = (start, l + length, r + length);
        }
        if first.is_none() {
            return regions;
        }
        let mut mine = Absorbed {
            end: start,
            ..Absorbed::default()
        };
        let mut yours = mine;
        // The first change opens the region. An insertion sorts before a change that starts at the same position.
        let key = |c: &SideChange| (c.stretch.old.start, c.stretch.old.end);
        let ours_first = ours
            .peek()
            .is_some_and(|a| theirs.peek().is_none_or(|b| key(a) <= key(b)));
        let (opening, first) = if ours_first {
            (&mut ours, &mut mine)
        } else {
            (&mut theirs, &mut yours)
        };
        if let Some(change) = opening.next() {
            first.take(&change);
        }
        loop {
            let end = mine.end.max(yours.end);
            let edge_in_place = [&mine, &yours]
                .iter()
                .all(|side| !side.has_change || side.end < end || side.in_place);
            // An element that was changed in place does not touch additions or removals beside it. After the last
            // element there is no next element to separate them, so an addition there does touch it.
            let apart =
                |c: &SideChange| c.in_place || (edge_in_place && c.stretch.old.start < base);
            let joins = |c: &SideChange| {
                let old = &c.stretch.old;
                old.start < end
                    || match adjacent {
                        Adjacent::Together => old.start == end && !apart(c),
                        Adjacent::Apart => old.end == start,
                    }
            };
            if let Some(change) = ours.next_if(joins) {
                mine.take(&change);
            } else if let Some(change) = theirs.next_if(joins) {
                yours.take(&change);
            } else {
                break;
            }
        }
        let end = mine.end.max(yours.end);
        let (l_end, r_end) = (l + mine.length(end - start), r + yours.length(end - start));
        let fate = match (mine.has_change, yours.has_change) {
            (true, false) => RegionFate::Local,
            (false, true) => RegionFate::Remote,
            _ if agree(l..l_end, r..r_end) => RegionFate::Agreed,
            _ => RegionFate::Conflict,
        };
        regions.push(Region {
            fate,
            base: b..end,
            local: l..l_end,
            remote: r..r_end,
            is_level: !(mine.changes_length || yours.changes_length),
        });
        (b, l, r) = (end, l_end, r_end);
    }
}

/// The changes of one side that belong to a region.
#[derive(Debug, Clone, Copy, Default)]
struct Absorbed {
    has_change: bool,
    /// Whether the last change was in place.
    in_place: bool,
    /// Whether a change added more or fewer elements than it removed.
    changes_length: bool,
    end: usize,
    removed: usize,
    added: usize,
}

impl Absorbed {
    fn take(&mut self, change: &SideChange) {
        self.has_change = true;
        self.in_place = change.in_place;
        self.changes_length |= change.stretch.old.len() != change.stretch.new.len();
        self.end = change.stretch.old.end;
        self.removed += change.stretch.old.len();
        self.added += change.stretch.new.len();
    }

    /// Returns the length of the region on this side, given its length in the base.
    fn length(&self, base: usize) -> usize {
        base - self.removed + self.added
    }
}

/// Pairs elements by key, each at most once, and also lists elements without a partner. Elements without a key
/// have no partner.
pub(crate) fn matched<K: Eq + Hash>(
    before: &[Option<K>],
    after: &[Option<K>],
) -> Vec<(Option<usize>, Option<usize>)> {
    let mut waiting: Table<&K, VecDeque<usize>> = Table::default();
    for (at, key) in before.iter().enumerate() {
        if let Some(key) = key {
            waiting.entry(key).or_default().push_back(at);
        }
    }
    let mut taken = vec![false; before.len()];
    let mut pairs = Vec::with_capacity(after.len());
    for (at, key) in after.iter().enumerate() {
        let partner = key
            .as_ref()
            .and_then(|key| waiting.get_mut(key)?.pop_front());
        if let Some(partner) = partner {
            taken[partner] = true;
        }
        pairs.push((partner, Some(at)));
    }
    pairs.extend(
        (0..before.len())
            .filter(|at| !taken[*at])
            .map(|at| (Some(at), None)),
    );
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fates(base: &[u32], local: &[u32], remote: &[u32]) -> Vec<RegionFate> {
        regions(base, local, remote, Adjacent::Together)
            .into_iter()
            .map(|r| r.fate)
            .collect()
    }

    #[test]
    fn changes_apart_are_clean_and_touching_ones_conflict() {
        use RegionFate::{Conflict, Local, Remote, Unchanged};
        assert_eq!(
            fates(&[1, 2, 3], &[9, 2, 3], &[1, 2, 8]),
            [Local, Unchanged, Remote]
        );
        assert_eq!(fates(&[1, 2], &[9, 2], &[1, 8]), [Conflict]);
    }

    #[test]
    fn the_same_change_agrees() {
        assert_eq!(
            fates(&[1, 2, 3], &[1, 9, 3], &[1, 9, 3]),
            [
                RegionFate::Unchanged,
                RegionFate::Agreed,
                RegionFate::Unchanged
            ]
        );
        assert_eq!(fates(&[], &[1], &[1]), [RegionFate::Agreed]);
    }

    #[test]
    fn a_region_covers_what_each_side_made_of_it() {
        let all = regions(&[1, 2, 3, 4], &[1, 4], &[1, 2, 7, 7, 4], Adjacent::Together);
        assert_eq!(
            all[1],
            Region {
                fate: RegionFate::Conflict,
                base: 1..3,
                local: 1..1,
                remote: 1..4,
                is_level: false,
            }
        );
        assert_eq!(all.len(), 3);
    }
}
