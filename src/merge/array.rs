//! Arrays without declared identity: three-way by alignment of their elements.

use super::conflict::same;
use super::diff::{self, Adjacent, Change, Fate, Region};
use super::engine::{Base, Engine, Three};
use super::out::Out;
use super::plan::Cursor;
use crate::json::{self, Finder, Ids, Key, Replaced, Tree};

/// Merges arrays. As a `sequence`, changes that only touch are clean, and what both sides put at one
/// place stays, remote first.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    three: Three<'_, T>,
    sequence: bool,
) -> Out<'t, T> {
    let Three {
        base,
        local,
        remote,
        cursor,
    } = three;
    let known = !matches!(base, Base::Unknown);
    let sides = [
        base.value().map(Tree::elements).unwrap_or_default(),
        local.elements(),
        remote.elements(),
    ];
    let [b, l, r] = &sides;
    let (front, back) = edges(b, l, r);
    let mut ids = Ids::default();
    let numbers = [b, l, r].map(|side| {
        side[front..side.len() - back]
            .iter()
            .map(|e| ids.of(*e))
            .collect::<Vec<_>>()
    });
    let changes = |side: &[T], numbers: &[u32], all: &[u32]| {
        let found = json::differences(all, numbers);
        found
            .into_iter()
            .flat_map(|stretch| in_place(stretch, &b[front..], &side[front..]))
            .collect::<Vec<_>>()
    };
    let (ours, theirs) = (
        changes(l, &numbers[1], &numbers[0]),
        changes(r, &numbers[2], &numbers[0]),
    );
    let adjacent = if sequence {
        Adjacent::Apart
    } else {
        Adjacent::Together
    };
    let mark = engine.conflicts.len();
    let mut items: Vec<Out<'t, T>> = Vec::with_capacity(r.len());
    items.extend(r[..front].iter().map(|e| Out::Take(*e)));
    let regions = diff::regions_of(numbers[0].len(), ours, theirs, adjacent, |l, r| {
        numbers[1][l] == numbers[2][r]
    });
    for region in regions {
        let Region {
            fate,
            base,
            local,
            remote,
        } = region.shifted(front);
        let take = |side: &[T]| side.iter().map(|e| Out::Take(*e)).collect::<Vec<_>>();
        let (bs, ls, rs) = (&b[base], &l[local], &r[remote]);
        let one_to_one = known && bs.len() == ls.len() && ls.len() == rs.len();
        match fate {
            Fate::Unchanged | Fate::Remote => items.extend(take(rs)),
            Fate::Local => items.extend(take(ls)),
            _ if sequence && bs.is_empty() => {
                items.extend(take(rs));
                items.extend(take(ls));
            }
            Fate::Agreed if !(one_to_one && cursor.element().is_operation_like()) => {
                items.extend(take(rs));
            }
            Fate::Agreed | Fate::Conflict if one_to_one => {
                for ((b, l), r) in bs.iter().zip(ls).zip(rs) {
                    let element = element(
                        engine,
                        items.len(),
                        Three {
                            base: Base::Is(*b),
                            local: *l,
                            remote: *r,
                            cursor,
                        },
                    );
                    items.extend(element);
                }
            }
            Fate::Agreed | Fate::Conflict => match cursor.prefer() {
                Some(super::Side::Local) => items.extend(take(ls)),
                Some(super::Side::Remote) => items.extend(take(rs)),
                None => {
                    // The array as a whole is in conflict, so what lies inside is not told apart from it.
                    engine.conflicts.truncate(mark);
                    return engine.settle(three, None);
                }
            },
        }
    }
    items.extend(r[r.len() - back..].iter().map(|e| Out::Take(*e)));
    if items.len() == r.len() && items.iter().zip(r).all(|(item, e)| item.is(*e)) {
        return Out::Take(remote);
    }
    Out::Array {
        like: Some(remote),
        items,
    }
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
    let (before, after) = (before.members(), after.members());
    let mut in_after = Finder::new(&after);
    let is_same = |(key, value): &&(Key<'t>, T)| {
        in_after
            .get(key.name)
            .is_some_and(|at| same(*value, after[at].1))
    };
    let kept = before.iter().filter(is_same).count();
    kept > 0 && kept * 2 >= before.len().max(after.len())
}

fn element<'t, T: Tree<'t>>(
    engine: &mut Engine,
    at: usize,
    three: Three<'_, T>,
) -> Option<Out<'t, T>> {
    let length = engine.path.len();
    json::push_token(&mut engine.path, &at.to_string());
    let cursor: Cursor<'_> = three.cursor.element();
    let out = engine.place(three.base, Some(three.local), Some(three.remote), cursor);
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
