//! Finds the changes of both sides to an array by aligning its elements.

use super::account::Account;
use super::array::Arrays;
use super::conflict::Side;
use super::diff::{self, Adjacent, Region, RegionFate, SideChange};
use super::pairs::{Identity, Strays, is_kept};
use super::unmoved::{Numbers, edges};
use crate::json::{self, Replaced, Tree, View};

/// The changes of both sides to a list.
pub(super) struct Changes<'t, T> {
    pub(super) regions: Vec<Region>,
    pub(super) strays: [Strays; 2],
    pub(super) identity: Identity<'t>,
    pub(super) account: Account<T>,
    /// The numbers of the elements that some side changed.
    pub(super) numbers: [Vec<u32>; 3],
}

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    pub(super) fn changes(&self) -> Changes<'t, T> {
        let (base, local, remote) = (&self.base[..], &self.local[..], &self.remote[..]);
        let sides = [base, local, remote];
        let mut numbers = Numbers::new(sides);
        if let Some(changes) = numbers.by_place(sides) {
            return self.changes_of(numbers.of, changes, base.len(), true);
        }
        let (front, back) = edges(base, local, remote);
        numbers.complete(sides, (front, back));
        let [b, l, r] = numbers
            .of
            .each_ref()
            .map(|side| &side[front..side.len() - back]);
        let differences = [l, r].map(|side| {
            let found = json::differences(b, side).into_iter();
            found.map(|replaced| replaced.shifted(front)).collect()
        });
        let end = |side: &[T]| side.len() - back..side.len();
        let edge = Region {
            fate: RegionFate::Unchanged,
            base: end(base),
            local: end(local),
            remote: end(remote),
            is_level: true,
        };
        let mut changes = self.changes_of(numbers.of, differences, base.len() - back, false);
        changes.regions.push(edge);
        changes
    }

    /// Returns the changes of both sides before `end` as regions, and records them in the account. `stayed` states
    /// that no element moved.
    fn changes_of(
        &self,
        numbers: [Vec<u32>; 3],
        changes: [Vec<Replaced>; 2],
        end: usize,
        stayed: bool,
    ) -> Changes<'t, T> {
        let [ours, theirs] = changes;
        let [b, l, r] = numbers.each_ref().map(Vec::as_slice);
        let mut account = Account::new();
        account.changed(Side::Local, b, l, &ours);
        account.changed(Side::Remote, b, r, &theirs);
        let base = &self.base[..];
        let is_object = |element: &T| matches!(element.view(), View::Object);
        let strays = |side: &[T], numbers: &[u32], changes: &[Replaced]| {
            let mut replaced = changes.iter().flat_map(|it| &base[it.old.clone()]);
            if stayed && !replaced.any(is_object) {
                // Without objects, no part of an element could have moved elsewhere.
                return Strays::default();
            }
            Strays::of([base, side], [b, numbers], changes)
        };
        let strays = [
            strays(&self.local, l, &ours),
            strays(&self.remote, r, &theirs),
        ];
        let changes = |changes: Vec<Replaced>, side: &[T], strays: &Strays| {
            let changes = changes.into_iter();
            changes
                .flat_map(|stretch| in_place(stretch, base, side, strays))
                .collect()
        };
        let adjacent = if self.sequence {
            Adjacent::Apart
        } else {
            Adjacent::Together
        };
        let (ours, theirs) = (
            changes(ours, &self.local, &strays[0]),
            changes(theirs, &self.remote, &strays[1]),
        );
        let regions = diff::regions_of(end, ours, theirs, adjacent, |ours, theirs| {
            l[ours] == r[theirs]
        });
        Changes {
            regions,
            strays,
            identity: Identity::default(),
            account,
            numbers,
        }
    }
}

/// Splits a stretch into its elements if it kept its length and each element is still the same one.
fn in_place<'t, T: Tree<'t>>(
    stretch: Replaced,
    base: &[T],
    side: &[T],
    strays: &Strays,
) -> Vec<SideChange> {
    let (old, new) = (stretch.old.clone(), stretch.new.clone());
    let kept = old.len() == new.len()
        && old
            .clone()
            .zip(new.clone())
            .all(|(old, new)| !strays.has(old) && is_kept(base[old], side[new]));
    if !kept {
        return vec![stretch.into()];
    }
    let one = |(old, new)| SideChange {
        stretch: Replaced {
            old: old..old + 1,
            new: new..new + 1,
        },
        in_place: true,
    };
    old.zip(new).map(one).collect()
}
