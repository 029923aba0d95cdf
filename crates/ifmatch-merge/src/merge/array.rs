//! Arrays without declared identity: three-way by alignment of their elements.

use super::aligned::Changes;
use super::conflict::{Side, same};
use super::diff::{Fate, Region};
use super::engine::{Base, Engine, Three};
use super::out::Out;
use super::plan::Cursor;
use super::rule::Rule;
use crate::json::{self, Replaced, Tree, View};

/// Merges arrays. As a `sequence`, changes that only touch are clean, and what both sides put at one
/// place stays, remote first.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    three: Three<'_, T>,
    sequence: bool,
    is_element: bool,
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
    if arrays.is_one_value(is_element) {
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

pub(super) struct Arrays<'p, T> {
    pub(super) base: Vec<T>,
    pub(super) local: Vec<T>,
    pub(super) remote: Vec<T>,
    three: Three<'p, T>,
    pub(super) sequence: bool,
}

impl<'t, T: Tree<'t>> Arrays<'_, T> {
    /// Whether all that stands here means something together: a point, a range, a colour, a row of a table.
    /// If each side changed a part of it, the merged value would be one that neither side wrote. Words are a
    /// list, and so is what sides only put in or took out.
    fn is_one_value(&self, is_element: bool) -> bool {
        let sides = [&self.base, &self.local, &self.remote];
        let all = |is: &dyn Fn(&T) -> bool| sides.iter().all(|side| side.iter().all(is));
        if self.base.is_empty() || !all(&|e| self.is_bare(*e)) || self.is_text() {
            return false;
        }
        let is_measured = |e: &T| !matches!(e.view(), View::String(text) if !is_measure(text));
        let of_texts = all(&|e| matches!(e.view(), View::String(_)));
        let same_length = sides.iter().all(|side| side.len() == self.base.len());
        if same_length {
            return self.base.len() > 1 && (is_element || !of_texts || all(&is_measured));
        }
        let replaces = |side: &&Vec<T>| {
            let changes = json::array_differences(&self.base, side);
            let mut changes = changes.iter();
            changes.any(|change| !change.old.is_empty() && !change.new.is_empty())
        };
        !self.sequence && (is_element || (!of_texts && sides[1..].iter().any(replaces)))
    }

    /// Whether an element has nothing inside that could be merged, by its value and by the rules.
    fn is_bare(&self, element: T) -> bool {
        let view = element.view();
        !matches!(view, View::Array | View::Object)
            && matches!(self.three.cursor.element().rule(view), Rule::Auto)
    }

    /// Whether an element is known by its value only: it is bare, or a list of what is.
    fn is_whole(&self, element: T) -> bool {
        let View::Array = element.view() else {
            return self.is_bare(element);
        };
        let cursor = self.three.cursor.element();
        let is_auto =
            |cursor: Cursor<'_>, value: T| matches!(cursor.rule(value.view()), Rule::Auto);
        let is_bare = |part: T| {
            let is_line = matches!(part.view(), View::String(line) if line.ends_with('\n'));
            let has_parts = matches!(part.view(), View::Array | View::Object);
            !is_line && !has_parts && is_auto(cursor.element(), part)
        };
        is_auto(cursor, element) && !cursor.is_by_place() && element.each_element().all(is_bare)
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

    /// Adds what becomes of a region; `false` if that is a conflict of the array.
    fn merge_region(
        &self,
        engine: &mut Engine,
        region: &Region,
        changes: &mut Changes<'t, T>,
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
    fn is_opposite(&self, region: &Region, changes: &Changes<'t, T>) -> bool {
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
        // Values beside each other: a change of one touches the other.
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

    /// Whether only members changed that have a rule of their own, such as a counter: what such a member says
    /// does not tell which element it is.
    fn is_changed_by_rules(&self, before: T, after: T) -> bool {
        let cursor = self.three.cursor.element();
        let (fields, old) = (cursor.fields(after), before.members());
        let mut in_old = json::Finder::new(&old);
        let mut count = 0;
        let kept = after.each_member().all(|(key, now)| {
            let at = in_old.get(key.name);
            count += usize::from(at.is_some());
            let rule = || cursor.member(&fields, key.name).rule(now.view());
            at.is_some_and(|at| same(old[at].1, now)) || !matches!(rule(), Rule::Auto)
        });
        kept && count == old.len()
    }

    /// Merges the elements of a region one by one.
    fn merge_opposite(
        &self,
        engine: &mut Engine,
        region: &Region,
        changes: &mut Changes<'t, T>,
        items: &mut Vec<Out<'t, T>>,
    ) -> bool {
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
                && [[base, local, remote], [base, remote, local]]
                    .into_iter()
                    .any(|three| {
                        !self.is_changed_by_rules(three[0], three[1])
                            && changes.identity.is_lost(&self.base, three)
                    })
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

fn element<'t, T: Tree<'t>>(
    engine: &mut Engine,
    at: usize,
    three: Three<'_, T>,
) -> Option<Out<'t, T>> {
    let length = engine.path.len();
    json::push_token(&mut engine.path, &at.to_string());
    let out = engine.element(three);
    engine.path.truncate(length);
    out
}

/// Whether a text is a number or a time, or a number with its unit, and no word.
fn is_measure(text: &str) -> bool {
    let letters = text.bytes().filter(u8::is_ascii_alphabetic).count();
    letters < 3 && text.is_ascii() && text.bytes().any(|byte| byte.is_ascii_digit())
}
