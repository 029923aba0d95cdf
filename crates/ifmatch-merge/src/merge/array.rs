//! Arrays without declared identity: three-way by alignment of their elements.

use std::collections::HashSet;

use super::conflict::{Side, same};
use super::diff::{self, Adjacent, Change, Fate, Region};
use super::engine::{Base, Engine, Three};
use super::out::Out;
use crate::json::{self, Finder, Ids, Replaced, Tree};

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
    let mark = engine.conflicts.len();
    let mut items: Vec<Out<'t, T>> = Vec::with_capacity(arrays.remote.len());
    for region in arrays.regions() {
        if !arrays.merge_region(engine, &region, &mut items) {
            // The array as a whole is in conflict, so what lies inside is not told apart from it.
            engine.conflicts.truncate(mark);
            return engine.settle(three, None);
        }
    }
    if items.len() == arrays.remote.len()
        && items
            .iter()
            .zip(&arrays.remote)
            .all(|(item, e)| item.is(*e))
    {
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

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    fn regions(&self) -> Vec<Region> {
        let (base, local, remote) = (&self.base[..], &self.local[..], &self.remote[..]);
        if let [Some(ours), Some(theirs)] = by_place(base, [local, remote]) {
            return self.regions_of([base, local, remote], [ours, theirs]);
        }
        let (front, back) = edges(base, local, remote);
        let sides = [base, local, remote].map(|side| &side[front..side.len() - back]);
        let mut ids = Ids::default();
        let [b, l, r] = sides.map(|side| side.iter().map(|e| ids.of(*e)).collect::<Vec<_>>());
        let changes = [&l, &r].map(|side| json::differences(&b, side));
        let end = |side: &[T]| side.len() - back..side.len();
        let edge = |base, local, remote| Region {
            fate: Fate::Unchanged,
            base,
            local,
            remote,
        };
        let mut regions = vec![edge(0..front, 0..front, 0..front)];
        let between = self.regions_of(sides, changes).into_iter();
        regions.extend(between.map(|region| region.shifted(front)));
        regions.push(edge(end(base), end(local), end(remote)));
        regions
    }

    /// The regions that the changes of both sides fall into.
    fn regions_of(&self, sides: [&[T]; 3], changes: [Vec<Replaced>; 2]) -> Vec<Region> {
        let [base, local, remote] = sides;
        let [ours, theirs] = changes;
        let changes = |changes: Vec<Replaced>, side: &[T]| {
            let changes = changes.into_iter();
            changes
                .flat_map(|stretch| in_place(stretch, base, side))
                .collect()
        };
        let adjacent = if self.sequence {
            Adjacent::Apart
        } else {
            Adjacent::Together
        };
        let (ours, theirs) = (changes(ours, local), changes(theirs, remote));
        diff::regions_of(base.len(), ours, theirs, adjacent, |ours, theirs| {
            let (ours, theirs) = (&local[ours], &remote[theirs]);
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(l, r)| same(*l, *r))
        })
    }

    /// Adds what becomes of a region; `false` if that is a conflict of the array.
    fn merge_region(
        &self,
        engine: &mut Engine,
        region: &Region,
        items: &mut Vec<Out<'t, T>>,
    ) -> bool {
        let Three { base, cursor, .. } = self.three;
        let bs = &self.base[region.base.clone()];
        let (ls, rs) = (
            &self.local[region.local.clone()],
            &self.remote[region.remote.clone()],
        );
        let known = !matches!(base, Base::Unknown);
        let one_to_one = known && bs.len() == ls.len() && ls.len() == rs.len();
        match region.fate {
            Fate::Unchanged | Fate::Remote => items.extend(taken(rs)),
            Fate::Local => items.extend(taken(ls)),
            _ if self.sequence && bs.is_empty() => {
                items.extend(taken(rs));
                items.extend(taken(ls));
            }
            Fate::Agreed if !(one_to_one && cursor.element().is_operation_like()) => {
                items.extend(taken(rs));
            }
            Fate::Agreed | Fate::Conflict if one_to_one => {
                for ((base, local), remote) in bs.iter().zip(ls).zip(rs) {
                    let (base, local, remote) = (Base::Is(*base), *local, *remote);
                    let element = element(
                        engine,
                        items.len(),
                        Three {
                            base,
                            local,
                            remote,
                            cursor,
                        },
                    );
                    items.extend(element);
                }
            }
            Fate::Agreed | Fate::Conflict => {
                let kept = kept_by_both(bs, ls, rs);
                match (kept, cursor.prefer()) {
                    (Some(kept), _) => items.extend(taken(&kept)),
                    (None, Some(Side::Local)) => items.extend(taken(ls)),
                    (None, Some(Side::Remote)) => items.extend(taken(rs)),
                    (None, None) => return false,
                }
            }
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

/// Takes a stretch apart into its elements if as many stand there as before and each still is of the kind
/// that it was.
fn in_place<'t, T: Tree<'t>>(stretch: Replaced, base: &[T], side: &[T]) -> Vec<Change> {
    let (old, new) = (stretch.old.clone(), stretch.new.clone());
    let kept = old.len() == new.len()
        && base[old.clone()]
            .iter()
            .zip(&side[new.clone()])
            .all(|(b, s)| is_kept(*b, *s));
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

/// Whether an object still is the one that it was: at least half of its members are as before.
fn is_kept<'t, T: Tree<'t>>(before: T, after: T) -> bool {
    let after = after.members();
    let mut in_after = Finder::new(&after);
    let (mut count, mut kept) = (0, 0);
    for (key, value) in before.each_member() {
        let now = in_after.get(key.name).map(|at| after[at].1);
        count += 1;
        kept += usize::from(now.is_some_and(|now| same(value, now)));
    }
    kept > 0 && kept * 2 >= after.len().max(count)
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
