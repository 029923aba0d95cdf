//! Checks the account of a merged list: no element is doubled, brought back or lost.
//!
//! The account covers everything that either side changed, and is checked once a list was merged without a
//! conflict. If a merge is wrong, for example because two sides moved one element or a move met a removal, the
//! account does not balance and the list is a conflict.

use super::conflict::Side;
use super::pairs::{is_mostly_same, part_digests};
use crate::json::{Replaced, Table, Tree};

/// The changes in the number of equal elements.
#[derive(Debug, Default, Clone, Copy)]
struct Balance {
    /// How many more of them local and remote have than the base.
    grew: [i32; 2],
    /// How many more of them the merged list has than the base.
    merged: i32,
    /// Whether each side removed some, and whether it added some.
    took: [bool; 2],
    put: [bool; 2],
}

impl Balance {
    fn is_moved(&self) -> bool {
        (0..2).any(|side| self.took[side] && self.put[side])
    }

    /// Whether the merged list has the number that both sides want, as for a set that counts its duplicates. A
    /// side must not add what the other side removes.
    fn is_even(&self) -> bool {
        let [ours, theirs] = self.grew;
        let wanted = match (ours, theirs) {
            (0, theirs) => theirs,
            (ours, 0) => ours,
            (ours, theirs) if ours == theirs => ours,
            (ours, theirs) => ours + theirs,
        };
        self.merged == wanted && ours.signum() * theirs.signum() >= 0
    }
}

/// The changes recorded while a list is merged. Elements are represented by their numbers.
pub(super) struct Account<T> {
    /// By number.
    balances: Vec<Balance>,
    /// Elements that both sides removed, and elements that a side added.
    gone: Vec<T>,
    added: Vec<T>,
}

impl<'t, T: Tree<'t>> Account<T> {
    pub(super) fn new() -> Self {
        Self {
            balances: Vec::new(),
            gone: Vec::new(),
            added: Vec::new(),
        }
    }

    fn of(&mut self, number: u32) -> &mut Balance {
        let at = number as usize;
        if self.balances.len() <= at {
            self.balances.resize(at + 1, Balance::default());
        }
        &mut self.balances[at]
    }

    /// Records the changes of a side.
    pub(super) fn changed(&mut self, side: Side, base: &[u32], now: &[u32], changes: &[Replaced]) {
        let side = usize::from(side == Side::Remote);
        for Replaced { old, new } in changes {
            for element in &base[old.clone()] {
                let balance = self.of(*element);
                balance.grew[side] -= 1;
                balance.took[side] = true;
            }
            for element in &now[new.clone()] {
                let balance = self.of(*element);
                balance.grew[side] += 1;
                balance.put[side] = true;
            }
        }
    }

    /// Records that a stretch of a side does not count, because the other side's stretch was preferred.
    pub(super) fn dropped(&mut self, side: Side, base: &[u32], now: &[u32]) {
        let side = usize::from(side == Side::Remote);
        for e in base {
            self.of(*e).grew[side] += 1;
        }
        for e in now {
            self.of(*e).grew[side] -= 1;
        }
    }

    /// Records the merged elements for a stretch of the base.
    pub(super) fn merged(&mut self, base: &[u32], out: &[u32]) {
        for e in base {
            self.of(*e).merged -= 1;
        }
        for e in out {
            self.of(*e).merged += 1;
        }
    }

    /// Records an element that was merged inside and therefore differs from all three sides.
    pub(super) fn inside(&mut self, [base, local, remote]: [u32; 3]) {
        self.dropped(Side::Local, &[base], &[local]);
        self.dropped(Side::Remote, &[base], &[remote]);
    }

    /// Records elements that both sides removed.
    pub(super) fn gone(&mut self, gone: impl Iterator<Item = T>) {
        self.gone.extend(gone);
    }

    pub(super) fn added(&mut self, added: &[T]) {
        self.added.extend(added);
    }

    /// Whether the merged list holds what it should. A sequence keeps all added elements, even equal ones, so only
    /// elements that moved are counted there.
    pub(super) fn balances(&mut self, sequence: bool) -> bool {
        let counted = |balance: &&Balance| !sequence || balance.is_moved();
        self.balances.iter().filter(counted).all(Balance::is_even) && !self.returned()
    }

    /// Whether no side added an element that was not there before.
    pub(super) fn nothing_new(&self) -> bool {
        self.balances
            .iter()
            .all(|b| b.grew.iter().all(|grew| *grew <= 0))
    }

    /// Whether an element that both sides removed occurs elsewhere with a change, because one side both moved and
    /// changed it.
    fn returned(&self) -> bool {
        /// Work limit: the number of comparisons per member of both lists. Beyond it, an element is treated as
        /// returned, which causes a conflict but never a wrong merge.
        const COMPARED: usize = 16;
        if self.gone.is_empty() || self.added.is_empty() {
            return false;
        }
        // Members that only one of the elements had. Members shared by several elements identify none.
        let mut had: Table<u64, Option<usize>> = Table::default();
        let mut left = 0;
        for (at, element) in self.gone.iter().enumerate() {
            for member in part_digests(*element) {
                left += COMPARED;
                had.entry(member)
                    .and_modify(|at| *at = None)
                    .or_insert(Some(at));
            }
        }
        for element in &self.added {
            let parts: Vec<u64> = part_digests(*element).collect();
            let size = parts.len();
            left += size * COMPARED;
            let mut last = None;
            for member in parts {
                let found = had.get(&member).copied().flatten();
                if let Some(at) = found.filter(|at| last != Some(*at)) {
                    last = Some(at);
                    let Some(rest) = left.checked_sub(size + 1) else {
                        return true;
                    };
                    left = rest;
                    if is_mostly_same(self.gone[at], *element) {
                        return true;
                    }
                }
            }
        }
        false
    }
}
