//! Arrays without declared identity, merged three-way by aligning their elements.

use super::aligned::Changes;
use super::conflict::{Side, same};
use super::diff::{Region, RegionFate};
use super::engine::{Ancestor, Engine, MergeInput};
use super::merged_value::MergedValue;
use super::one_value::is_changed_by_rules;
use crate::json::{self, Replaced, Tree, View};

/// Merges arrays. In a `sequence`, changes that only touch do not conflict, and the insertions of both sides at
/// one position are kept, remote first.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    input: MergeInput<'_, T>,
    sequence: bool,
    is_element: bool,
) -> MergedValue<'t, T> {
    let remote = input.remote;
    let base = input.base.value().map(Tree::elements).unwrap_or_default();
    let arrays = Arrays {
        base,
        local: input.local.elements(),
        remote: remote.elements(),
        input,
        sequence,
    };
    if arrays.is_one_value(is_element) {
        return engine.atomic(input, None);
    }
    let mark = engine.conflicts.len();
    let Some(items) = arrays.merged(engine, mark) else {
        // The array as a whole is in conflict, so conflicts inside it are not reported separately.
        engine.conflicts.truncate(mark);
        return engine.fall_back(input, None);
    };
    let unchanged = items.len() == arrays.remote.len()
        && items
            .iter()
            .zip(&arrays.remote)
            .all(|(item, e)| item.is(*e));
    if unchanged {
        return MergedValue::Take(remote);
    }
    MergedValue::Array {
        like: Some(remote),
        items,
    }
}

pub(super) struct Arrays<'p, T> {
    pub(super) base: Vec<T>,
    pub(super) local: Vec<T>,
    pub(super) remote: Vec<T>,
    pub(super) input: MergeInput<'p, T>,
    pub(super) sequence: bool,
}

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    /// Whether the array is a text: strings, some of which end a line, as in the `source` of a notebook. Its lines
    /// have no identity.
    pub(super) fn is_text(&self) -> bool {
        let mut ends = false;
        let sides = [&self.base, &self.local, &self.remote];
        sides
            .into_iter()
            .flatten()
            .all(|element| match element.view() {
                View::String(line) => {
                    ends |= line.ends_with('\n');
                    true
                }
                _ => false,
            })
            && ends
    }

    /// Returns the merged elements, or `None` if the array as a whole is in conflict.
    fn merged(&self, engine: &mut Engine, mark: usize) -> Option<Vec<MergedValue<'t, T>>> {
        let mut changes = self.changes();
        let mut items = Vec::with_capacity(self.remote.len());
        for region in std::mem::take(&mut changes.regions) {
            if !self.merge_region(engine, &region, &mut changes, &mut items) {
                return None;
            }
        }
        // If a conflict inside is open, it is reported, so the account does not have to balance.
        let wrong = || engine.conflicts.len() == mark && !self.is_text();
        if changes.account.balances(self.sequence) || !wrong() {
            return Some(items);
        }
        // A sequence to which both sides gave the same new order.
        let agreed = self.sequence
            && changes.account.nothing_new()
            && same(self.input.local, self.input.remote);
        agreed.then(|| taken(&self.remote).collect())
    }

    /// Adds the merged elements of a region. Returns `false` if the array is in conflict.
    fn merge_region(
        &self,
        engine: &mut Engine,
        region: &Region,
        changes: &mut Changes<'t, T>,
        items: &mut Vec<MergedValue<'t, T>>,
    ) -> bool {
        let is_changed_by_both = match region.fate {
            RegionFate::Conflict => true,
            RegionFate::Agreed => self.input.cursor.element().is_operation_like(),
            RegionFate::Unchanged | RegionFate::Local | RegionFate::Remote => false,
        };
        let known = !matches!(self.input.base, Ancestor::Unknown);
        if known && is_changed_by_both && self.is_opposite(region, changes) {
            return self.merge_opposite(engine, region, changes, items);
        }
        self.merge_whole(region, changes, items)
    }

    /// Adds the elements of a region that one side wins, or that no side changed inside.
    fn merge_whole(
        &self,
        region: &Region,
        changes: &mut Changes<'t, T>,
        items: &mut Vec<MergedValue<'t, T>>,
    ) -> bool {
        let bs = &self.base[region.base.clone()];
        let (ls, rs) = (
            &self.local[region.local.clone()],
            &self.remote[region.remote.clone()],
        );
        let (account, numbers) = (&mut changes.account, &changes.numbers);
        let (bn, ln, rn) = (
            &numbers[0][region.base.clone()],
            &numbers[1][region.local.clone()],
            &numbers[2][region.remote.clone()],
        );
        let mut take = |elements: &[T], numbers: &[u32]| {
            account.merged(bn, numbers);
            items.extend(taken(elements));
        };
        match region.fate {
            RegionFate::Unchanged => items.extend(taken(rs)),
            RegionFate::Remote => {
                take(rs, rn);
                account.added(rs);
            }
            RegionFate::Local => {
                take(ls, ln);
                account.added(ls);
            }
            _ if self.sequence && bs.is_empty() => {
                take(rs, rn);
                take(ls, ln);
                account.added(rs);
                account.added(ls);
            }
            RegionFate::Agreed => {
                take(rs, rn);
                if rs.is_empty() {
                    account.gone(bs.iter().copied());
                }
            }
            RegionFate::Conflict => {
                let kept = kept_by_both(bs, ls, rs);
                match (kept, self.input.cursor.prefer()) {
                    (Some(kept), _) => {
                        let (kept, numbers): (Vec<T>, Vec<u32>) =
                            kept.into_iter().map(|at| (bs[at], bn[at])).unzip();
                        take(&kept, &numbers);
                        account.gone(bs.iter().copied());
                    }
                    (None, Some(Side::Local)) => {
                        take(ls, ln);
                        account.dropped(Side::Remote, bn, rn);
                    }
                    (None, Some(Side::Remote)) => {
                        take(rs, rn);
                        account.dropped(Side::Local, bn, ln);
                    }
                    (None, None) => return false,
                }
            }
        }
        true
    }

    /// Whether each element of a region lies opposite its original element on both sides and can be merged with
    /// it.
    fn is_opposite(&self, region: &Region, changes: &Changes<'t, T>) -> bool {
        let at_home = |at: usize| changes.strays.iter().all(|strays| !strays.has(at));
        if matches!(
            region.fate,
            RegionFate::Unchanged | RegionFate::Local | RegionFate::Remote
        ) || !region.is_level
            || !region.base.clone().all(at_home)
        {
            return false;
        }
        if region.base.len() < 2 {
            return true;
        }
        // Adjacent values: a change of one touches the other.
        let places = 0..region.base.len();
        let sides = [&self.base, &self.local, &self.remote];
        let numbers = changes.numbers.each_ref();
        !places.into_iter().any(|at| {
            let [b, l, r] = opposite(numbers, region, at);
            !(b == l && b == r)
                && opposite(sides, region, at)
                    .into_iter()
                    .any(|e| self.is_whole(e))
        })
    }

    /// Merges the elements of a region one by one.
    fn merge_opposite(
        &self,
        engine: &mut Engine,
        region: &Region,
        changes: &mut Changes<'t, T>,
        items: &mut Vec<MergedValue<'t, T>>,
    ) -> bool {
        for at in 0..region.base.len() {
            let elements = opposite([&self.base, &self.local, &self.remote], region, at);
            let input = MergeInput {
                base: Ancestor::Is(elements[0]),
                local: elements[1],
                remote: elements[2],
                cursor: self.input.cursor,
            };
            let mark = engine.conflicts.len();
            let out = engine.at(&items.len().to_string(), |engine| engine.element(input));
            let is_clean = engine.conflicts.len() == mark;
            let numbers = opposite(changes.numbers.each_ref(), region, at);
            if !self.account_for(elements, numbers, out.as_ref(), is_clean, changes) {
                return false;
            }
            items.extend(out);
        }
        true
    }

    /// Records an element that was merged. Returns `false` if a clean merge combined two different elements. An open
    /// conflict is reported at its place.
    fn account_for(
        &self,
        [base, local, remote]: [T; 3],
        numbers: [u32; 3],
        out: Option<&MergedValue<'t, T>>,
        is_clean: bool,
        changes: &mut Changes<'t, T>,
    ) -> bool {
        let [bn, ln, rn] = numbers;
        let by_both = bn != ln && bn != rn && ln != rn;
        let is_other = by_both
            && is_clean
            && self.input.cursor.prefer().is_none()
            && [[base, local, remote], [base, remote, local]]
                .into_iter()
                .any(|triple| {
                    !is_changed_by_rules(self.input.cursor.element(), triple[0], triple[1])
                        && changes.identity.is_lost(&self.base, triple)
                })
            && !out.is_some_and(|out| out.says(local) || out.says(remote));
        if is_other {
            return false;
        }
        let is = |side: T| !by_both && out.is_some_and(|out| out.is(side));
        let account = &mut changes.account;
        if is(local) {
            account.merged(&[bn], &[ln]);
        } else if is(remote) {
            account.merged(&[bn], &[rn]);
        } else {
            account.inside(numbers);
        }
        true
    }
}

/// Returns what the three sides have at one place of a region.
fn opposite<P: Copy>([base, local, remote]: [&Vec<P>; 3], region: &Region, at: usize) -> [P; 3] {
    [
        base[region.base.start + at],
        local[region.local.start + at],
        remote[region.remote.start + at],
    ]
}

fn taken<'t, T: Tree<'t>>(elements: &[T]) -> impl Iterator<Item = MergedValue<'t, T>> {
    elements.iter().map(|element| MergedValue::Take(*element))
}

/// Returns the positions of the remaining elements of a stretch from which both sides only removed elements.
fn kept_by_both<'t, T: Tree<'t>>(base: &[T], local: &[T], remote: &[T]) -> Option<Vec<usize>> {
    let mut kept = vec![true; base.len()];
    for side in [local, remote] {
        for Replaced { old, new } in json::array_differences(base, side) {
            if !new.is_empty() {
                return None;
            }
            kept[old].fill(false);
        }
    }
    Some((0..base.len()).filter(|at| kept[*at]).collect())
}
