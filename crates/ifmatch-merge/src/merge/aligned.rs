//! Finds the changes of both sides to an array by aligning its elements.

use super::account::Account;
use super::array::Arrays;
use super::conflict::{Side, same};
use super::diff::{self, Adjacent, Region, RegionFate, SideChange};
use super::pairs::{Identity, Strays, is_kept};
use super::unmoved::{by_place, edges};
use crate::json::{self, Ids, Replaced, Tree, View};

/// The changes of both sides to the middle of a list, between the elements that are the same on all sides.
pub(super) struct Changes<'t, T> {
    pub(super) front: usize,
    pub(super) regions: Vec<Region>,
    pub(super) strays: [Strays; 2],
    pub(super) identity: Identity<'t>,
    pub(super) account: Account<T>,
}

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    pub(super) fn changes(&self) -> Changes<'t, T> {
        let (base, local, remote) = (&self.base[..], &self.local[..], &self.remote[..]);
        if let [Some(ours), Some(theirs)] = by_place(base, [local, remote]) {
            return self.changes_of(0, [base, local, remote], [ours, theirs], true);
        }
        let (front, back) = edges(base, local, remote);
        let sides = [base, local, remote].map(|side| &side[front..side.len() - back]);
        let mut ids = Ids::default();
        let [b, l, r] = sides.map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
        let differences = [&l, &r].map(|side| json::differences(&b, side));
        let end = |side: &[T]| side.len() - back..side.len();
        let edge = |base, local, remote| Region {
            fate: RegionFate::Unchanged,
            base,
            local,
            remote,
            is_level: true,
        };
        let mut changes = self.changes_of(front, sides, differences, false);
        let between = std::mem::take(&mut changes.regions).into_iter();
        changes.regions.push(edge(0..front, 0..front, 0..front));
        changes
            .regions
            .extend(between.map(|region| region.shifted(front)));
        changes
            .regions
            .push(edge(end(base), end(local), end(remote)));
        changes
    }

    /// Returns the changes of both sides as regions, and records them in the account. `stayed` states that no
    /// element moved.
    fn changes_of(
        &self,
        front: usize,
        sides: [&[T]; 3],
        changes: [Vec<Replaced>; 2],
        stayed: bool,
    ) -> Changes<'t, T> {
        let [base, local, remote] = sides;
        let [ours, theirs] = changes;
        let mut account = Account::new();
        account.changed(Side::Local, base, local, &ours);
        account.changed(Side::Remote, base, remote, &theirs);
        let is_object = |element: &T| matches!(element.view(), View::Object);
        let strays = |side: &[T], changes: &[Replaced]| {
            let mut replaced = changes.iter().flat_map(|it| &base[it.old.clone()]);
            if stayed && !replaced.any(is_object) {
                // Without objects, no part of an element could have moved elsewhere.
                return Strays::default();
            }
            Strays::of(base, side, changes)
        };
        let strays = [strays(local, &ours), strays(remote, &theirs)];
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
            changes(ours, local, &strays[0]),
            changes(theirs, remote, &strays[1]),
        );
        let regions = diff::regions_of(base.len(), ours, theirs, adjacent, |ours, theirs| {
            let (ours, theirs) = (&local[ours], &remote[theirs]);
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(l, r)| same(*l, *r))
        });
        Changes {
            front,
            regions,
            strays,
            identity: Identity::default(),
            account,
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
