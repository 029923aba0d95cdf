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
        let MergeInput { base, cursor, .. } = self.input;
        let bs = &self.base[region.base.clone()];
        let (ls, rs) = (
            &self.local[region.local.clone()],
            &self.remote[region.remote.clone()],
        );
        let known = !matches!(base, Ancestor::Unknown);
        let is_opposite = known && self.is_opposite(region, changes);
        let account = &mut changes.account;
        let mut take = |elements: &[T]| {
            if region.fate != RegionFate::Unchanged {
                account.merged(bs, elements);
            }
            items.extend(taken(elements));
        };
        match region.fate {
            RegionFate::Unchanged => take(rs),
            RegionFate::Remote => {
                take(rs);
                account.added(rs);
            }
            RegionFate::Local => {
                take(ls);
                account.added(ls);
            }
            _ if self.sequence && bs.is_empty() => {
                take(rs);
                take(ls);
                account.added(rs);
                account.added(ls);
            }
            RegionFate::Agreed if !(is_opposite && cursor.element().is_operation_like()) => {
                take(rs);
                if rs.is_empty() {
                    account.gone(bs.iter().copied());
                }
            }
            RegionFate::Agreed | RegionFate::Conflict if is_opposite => {
                return self.merge_opposite(engine, region, changes, items);
            }
            RegionFate::Agreed | RegionFate::Conflict => {
                let kept = kept_by_both(bs, ls, rs);
                match (kept, cursor.prefer()) {
                    (Some(kept), _) => {
                        take(&kept);
                        account.gone(bs.iter().copied());
                    }
                    (None, Some(Side::Local)) => {
                        take(ls);
                        account.dropped(Side::Remote, bs, rs);
                    }
                    (None, Some(Side::Remote)) => {
                        take(rs);
                        account.dropped(Side::Local, bs, ls);
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
        let at_home = |at: usize| {
            changes
                .strays
                .iter()
                .all(|strays| !strays.has(at - changes.front))
        };
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
        !places.into_iter().any(|at| {
            let [b, l, r] = self.opposite(region, at);
            [b, l, r].into_iter().any(|e| self.is_whole(e)) && !(same(b, l) && same(b, r))
        })
    }

    fn opposite(&self, region: &Region, at: usize) -> [T; 3] {
        [
            self.base[region.base.start + at],
            self.local[region.local.start + at],
            self.remote[region.remote.start + at],
        ]
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
            let [base, local, remote] = self.opposite(region, at);
            let by_both = !(same(base, local) || same(base, remote) || same(local, remote));
            let input = MergeInput {
                base: Ancestor::Is(base),
                local,
                remote,
                cursor: self.input.cursor,
            };
            let mark = engine.conflicts.len();
            let out = engine.at(&items.len().to_string(), |engine| engine.element(input));
            // An open conflict is reported at its place. A clean merge must concern one element only.
            let is_other = by_both
                && engine.conflicts.len() == mark
                && self.input.cursor.prefer().is_none()
                && [[base, local, remote], [base, remote, local]]
                    .into_iter()
                    .any(|triple| {
                        !is_changed_by_rules(self.input.cursor.element(), triple[0], triple[1])
                            && changes.identity.is_lost(&self.base, triple)
                    })
                && !out
                    .as_ref()
                    .is_some_and(|out| out.says(local) || out.says(remote));
            if is_other {
                return false;
            }
            match &out {
                Some(MergedValue::Take(one)) if !by_both => {
                    changes.account.merged(&[base], &[*one]);
                }
                _ => changes.account.inside(base, local, remote),
            }
            items.extend(out);
        }
        true
    }
}

fn taken<'t, T: Tree<'t>>(elements: &[T]) -> impl Iterator<Item = MergedValue<'t, T>> {
    elements.iter().map(|element| MergedValue::Take(*element))
}

/// Returns the remaining elements of a stretch from which both sides only removed elements.
fn kept_by_both<'t, T: Tree<'t>>(base: &[T], local: &[T], remote: &[T]) -> Option<Vec<T>> {
    let mut kept = vec![true; base.len()];
    for side in [local, remote] {
        for Replaced { old, new } in json::array_differences(base, side) {
            if !new.is_empty() {
                return None;
            }
            kept[old].fill(false);
        }
    }
    Some(
        base.iter()
            .zip(kept)
            .filter(|(_, kept)| *kept)
            .map(|(element, _)| *element)
            .collect(),
    )
}
