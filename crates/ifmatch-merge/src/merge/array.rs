//! Arrays without declared identity: three-way by alignment of their elements.

use std::collections::HashSet;

use super::account::Account;
use super::conflict::{Side, same};
use super::diff::{self, Adjacent, Change, Fate, Region};
use super::engine::{Base, Engine, Three};
use super::out::Out;
use super::pairs::{Identity, Strays, is_kept};
use super::rule::Rule;
use crate::json::{self, Ids, Replaced, Tree, View};

/// Merges arrays. As a `sequence`, changes that only touch are clean, and what both sides put at one
/// place stays, remote first.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    three: Three<'_, T>,
    sequence: bool,
) -> Out<'t, T> {
    let remote = three.remote;
    let base = three.base.value().map(Tree::elements).unwrap_or_default();
    let arrays = Arrays {
        base,
        local: three.local.elements(),
        remote: remote.elements(),
        three,
        sequence,
    };
    if arrays.is_tuple() {
        return engine.atomic(three, None);
    }
    let mark = engine.conflicts.len();
    let Some(items) = arrays.merged(engine, mark) else {
        // The array as a whole is in conflict, so what lies inside is not told apart from it.
        engine.conflicts.truncate(mark);
        return engine.settle(three, None);
    };
    let unchanged = items.len() == arrays.remote.len()
        && items
            .iter()
            .zip(&arrays.remote)
            .all(|(item, e)| item.is(*e));
    if unchanged {
        return Out::Take(remote);
    }
    Out::Array {
        like: Some(remote),
        items,
    }
}

struct Arrays<'p, T> {
    base: Vec<T>,
    local: Vec<T>,
    remote: Vec<T>,
    three: Three<'p, T>,
    sequence: bool,
}

/// What both sides did to the middle of a list, behind the elements that are the same on all sides.
struct Changes<T> {
    front: usize,
    regions: Vec<Region>,
    strays: [Strays; 2],
    account: Account<T>,
}

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    /// Numbers, as many on each side as before: a point, a range, a colour. They mean something together,
    /// and of two changes nobody wrote both.
    fn is_tuple(&self) -> bool {
        let sides = [&self.base, &self.local, &self.remote];
        let is_number =
            |element: &T| matches!(element.view(), View::Number(_)) && self.is_bare(*element);
        self.base.len() > 1
            && sides
                .iter()
                .all(|side| side.len() == self.base.len() && side.iter().all(is_number))
    }

    /// Whether an element has nothing inside that could be merged, by its value and by the rules.
    fn is_bare(&self, element: T) -> bool {
        let view = element.view();
        !matches!(view, View::Array | View::Object)
            && matches!(self.three.cursor.element().rule(view), Rule::Auto)
    }

    /// Strings of which some end a line are a text, whose lines have no identity (`source` of a notebook).
    fn is_text(&self) -> bool {
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

    /// The merged elements; `None` if there is a conflict of the array as such.
    fn merged(&self, engine: &mut Engine, mark: usize) -> Option<Vec<Out<'t, T>>> {
        let mut changes = self.changes();
        let mut items = Vec::with_capacity(self.remote.len());
        for region in std::mem::take(&mut changes.regions) {
            if !self.merge_region(engine, &region, &mut changes, &mut items) {
                return None;
            }
        }
        // An open conflict inside is not settled, so nothing is wrong without a word.
        let wrong = || engine.conflicts.len() == mark && !self.is_text();
        if changes.account.balances(self.sequence) || !wrong() {
            return Some(items);
        }
        // A sequence to which both gave the same new order.
        let agreed = self.sequence
            && changes.account.nothing_new()
            && same(self.three.local, self.three.remote);
        agreed.then(|| taken(&self.remote).collect())
    }

    fn changes(&self) -> Changes<T> {
        let (base, local, remote) = (&self.base[..], &self.local[..], &self.remote[..]);
        if let [Some(ours), Some(theirs)] = by_place(base, [local, remote]) {
            return self.changes_of(0, [base, local, remote], [ours, theirs]);
        }
        let (front, back) = edges(base, local, remote);
        let sides = [base, local, remote].map(|side| &side[front..side.len() - back]);
        let mut ids = Ids::default();
        let [b, l, r] = sides.map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
        let differences = [&l, &r].map(|side| json::differences(&b, side));
        let end = |side: &[T]| side.len() - back..side.len();
        let edge = |base, local, remote| Region {
            fate: Fate::Unchanged,
            base,
            local,
            remote,
            level: true,
        };
        let mut changes = self.changes_of(front, sides, differences);
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

    /// What both sides changed, as regions and in the account.
    fn changes_of(
        &self,
        front: usize,
        sides: [&[T]; 3],
        changes: [Vec<Replaced>; 2],
    ) -> Changes<T> {
        let [base, local, remote] = sides;
        let [ours, theirs] = changes;
        let mut account = Account::new();
        account.changed(Side::Local, base, local, &ours);
        account.changed(Side::Remote, base, remote, &theirs);
        let strays = [
            Strays::of(base, local, &ours),
            Strays::of(base, remote, &theirs),
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
            account,
        }
    }

    /// Adds what becomes of a region; `false` if that is a conflict of the array.
    fn merge_region(
        &self,
        engine: &mut Engine,
        region: &Region,
        changes: &mut Changes<T>,
        items: &mut Vec<Out<'t, T>>,
    ) -> bool {
        let Three { base, cursor, .. } = self.three;
        let bs = &self.base[region.base.clone()];
        let (ls, rs) = (
            &self.local[region.local.clone()],
            &self.remote[region.remote.clone()],
        );
        let known = !matches!(base, Base::Unknown);
        let is_opposite = known && self.is_opposite(region, changes);
        let account = &mut changes.account;
        let mut take = |elements: &[T]| {
            if region.fate != Fate::Unchanged {
                account.merged(bs, elements);
            }
            items.extend(taken(elements));
        };
        match region.fate {
            Fate::Unchanged => take(rs),
            Fate::Remote => {
                take(rs);
                account.added(rs);
            }
            Fate::Local => {
                take(ls);
                account.added(ls);
            }
            _ if self.sequence && bs.is_empty() => {
                take(rs);
                take(ls);
                account.added(rs);
                account.added(ls);
            }
            Fate::Agreed if !(is_opposite && cursor.element().is_operation_like()) => {
                take(rs);
                if rs.is_empty() {
                    account.gone(bs.iter().copied());
                }
            }
            Fate::Agreed | Fate::Conflict if is_opposite => {
                return self.merge_opposite(engine, region, changes, items);
            }
            Fate::Agreed | Fate::Conflict => {
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

    /// Whether each element of a region stands opposite the one that it was, on both sides, and can be
    /// merged with it.
    fn is_opposite(&self, region: &Region, changes: &Changes<T>) -> bool {
        let at_home = |at: usize| {
            changes
                .strays
                .iter()
                .all(|strays| !strays.has(at - changes.front))
        };
        if matches!(region.fate, Fate::Unchanged | Fate::Local | Fate::Remote)
            || !region.level
            || !region.base.clone().all(at_home)
        {
            return false;
        }
        if region.base.len() < 2 {
            return true;
        }
        // Scalars beside each other: a change of one touches the other.
        let places = 0..region.base.len();
        !places.into_iter().any(|at| {
            let [b, l, r] = self.opposite(region, at);
            [b, l, r].into_iter().any(|e| self.is_bare(e)) && !(same(b, l) && same(b, r))
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
        changes: &mut Changes<T>,
        items: &mut Vec<Out<'t, T>>,
    ) -> bool {
        let mut identity = Identity::new(&self.base);
        for at in 0..region.base.len() {
            let [base, local, remote] = self.opposite(region, at);
            let by_both = !(same(base, local) || same(base, remote) || same(local, remote));
            let three = Three {
                base: Base::Is(base),
                local,
                remote,
                cursor: self.three.cursor,
            };
            let mark = engine.conflicts.len();
            let out = element(engine, items.len(), three);
            // What is open inside is told where it lies; what is clean must be of one element.
            let is_other = by_both
                && engine.conflicts.len() == mark
                && self.three.cursor.prefer().is_none()
                && (identity.is_lost(base, local, remote) || identity.is_lost(base, remote, local))
                && !out
                    .as_ref()
                    .is_some_and(|out| out.says(local) || out.says(remote));
            if is_other {
                return false;
            }
            match &out {
                Some(Out::Take(one)) if !by_both => changes.account.merged(&[base], &[*one]),
                _ => changes.account.inside(base, local, remote),
            }
            items.extend(out);
        }
        true
    }
}

fn taken<'t, T: Tree<'t>>(elements: &[T]) -> impl Iterator<Item = Out<'t, T>> {
    elements.iter().map(|element| Out::Take(*element))
}

/// What is left of a stretch from which both sides only removed elements.
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

/// The changes of sides on which no element moved: each stands where it stood, or is unlike all that were
/// changed. Cheap, because only changed elements are looked at twice.
fn by_place<'t, T: Tree<'t>>(base: &[T], sides: [&[T]; 2]) -> [Option<Vec<Replaced>>; 2] {
    if sides.iter().any(|side| side.len() != base.len()) {
        return [None, None];
    }
    let mut changed = [Vec::new(), Vec::new()];
    for (at, element) in base.iter().enumerate() {
        for (side, changed) in sides.iter().zip(&mut changed) {
            if !same(side[at], *element) {
                changed.push(at);
            }
        }
    }
    let mut sides = sides.into_iter();
    changed.map(|changed| {
        let moved = sides
            .next()
            .is_some_and(|side| any_stands_elsewhere(&changed, base, side));
        let stretches = || changed.chunk_by(|a, b| a + 1 == *b);
        let replaced = |places: &[usize]| {
            let places = places[0]..places[0] + places.len();
            Replaced {
                old: places.clone(),
                new: places,
            }
        };
        (!moved).then(|| stretches().map(replaced).collect())
    })
}

/// Whether what stands at one of the places now stood at one of them before.
fn any_stands_elsewhere<'t, T: Tree<'t>>(places: &[usize], base: &[T], side: &[T]) -> bool {
    /// Up to here comparing each with each is cheaper than digests.
    const FEW: usize = 4;
    if places.len() <= FEW {
        let stood = |now: T| places.iter().any(|at| same(base[*at], now));
        return places.iter().any(|at| stood(side[*at]));
    }
    let mut ids = Ids::default();
    let before: HashSet<u32> = places.iter().map(|at| ids.of(base[*at])).collect();
    places.iter().any(|at| before.contains(&ids.of(side[*at])))
}

/// Takes a stretch apart into its elements if as many stand there as before and each still is the one that
/// it was.
fn in_place<'t, T: Tree<'t>>(
    stretch: Replaced,
    base: &[T],
    side: &[T],
    strays: &Strays,
) -> Vec<Change> {
    let (old, new) = (stretch.old.clone(), stretch.new.clone());
    let kept = old.len() == new.len()
        && old
            .clone()
            .zip(new.clone())
            .all(|(old, new)| !strays.has(old) && is_kept(base[old], side[new]));
    if !kept {
        return vec![stretch.into()];
    }
    let one = |(old, new)| Change {
        stretch: Replaced {
            old: old..old + 1,
            new: new..new + 1,
        },
        in_place: true,
    };
    old.zip(new).map(one).collect()
}

fn element<'t, T: Tree<'t>>(
    engine: &mut Engine,
    at: usize,
    three: Three<'_, T>,
) -> Option<Out<'t, T>> {
    let length = engine.path.len();
    json::push_token(&mut engine.path, &at.to_string());
    let out = engine.place(
        three.base,
        Some(three.local),
        Some(three.remote),
        three.cursor.element(),
    );
    engine.path.truncate(length);
    out
}

/// How many elements are the same on all three sides, in front and at the back.
fn edges<'t, T: Tree<'t>>(b: &[T], l: &[T], r: &[T]) -> (usize, usize) {
    let shortest = b.len().min(l.len()).min(r.len());
    let all_same = |b: T, l: T, r: T| same(b, l) && same(b, r);
    let front = (0..shortest)
        .take_while(|&i| all_same(b[i], l[i], r[i]))
        .count();
    let from_end = |side: &[T], i: usize| side[side.len() - 1 - i];
    let back = (0..shortest - front)
        .take_while(|&i| all_same(from_end(b, i), from_end(l, i), from_end(r, i)));
    (front, back.count())
}
