//! Writes lists. Each element of the new value is written to the raw element that it came from.

use super::images::Unsure;
use super::pairing::{keys, pair};
use super::put::{Put, PutSource, ShownValue, is_typed};
use super::seen::seen;
use crate::json::{Node, Tree};
use crate::merge::{Cursor, MergedValue, interleave};

type MergedItem<'t> = MergedValue<'t, Node<'t>>;

pub(super) fn put<'t>(
    walk: &Put<'t, '_>,
    target: ShownValue<'t>,
    source: Option<PutSource<'t>>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> MergedItem<'t> {
    let ShownValue { raw, shown } = target;
    let (re, ae) = (raw.elements(), after.elements());
    let be = shown.map(Tree::elements).unwrap_or_default();
    let is_tuple = cursor.shape().is_some_and(crate::shape::Shape::is_tuple);
    let shown_as = match shown {
        _ if is_tuple && re.len() == be.len() => (0..re.len()).map(Some).collect(),
        Some(shown) => seen(walk, (raw, &re), (shown, &be), cursor),
        None => vec![None; re.len()],
    };
    walk.unsure
        .borrow_mut()
        .extend(Unsure::of(walk, raw, &re, &be));
    let (before_keys, after_keys) = (
        shown.and_then(|shown| keys(&be, shown, cursor)),
        keys(&ae, after, cursor),
    );
    let partners = if is_tuple {
        (0..ae.len())
            .map(|at| (at < be.len()).then_some(at))
            .collect()
    } else {
        pair(&be, &ae, before_keys.as_deref().zip(after_keys.as_deref()))
    };
    let sources = sources(walk, source, &ae, after, cursor);
    let raws = RawElements::of(&shown_as, be.len());
    let mut kept: Vec<Option<MergedItem<'t>>> =
        re.iter().map(|raw| Some(MergedValue::Take(*raw))).collect();
    remove(
        walk,
        &mut kept,
        &re,
        &be,
        &raws,
        &partners,
        before_keys.as_deref(),
    );
    // For each new element, the raw element that it is written to, or the element itself.
    let mut placed: Vec<(Option<usize>, Option<MergedItem<'t>>)> = Vec::with_capacity(ae.len());
    for (at, (value, partner)) in ae.iter().zip(&partners).enumerate() {
        let from = sources.get(at).copied().flatten();
        let raw_at = partner.and_then(|b| raws.first[b]);
        // The common case first: the element is unchanged.
        if let (Some(raw_at), Some(b), None) = (raw_at, partner, from)
            && be[*b].surely_same(*value)
        {
            placed.push((Some(raw_at), None));
            continue;
        }
        let place = cursor.part(at);
        let item = walk.at(&at.to_string(), || match (raw_at, partner) {
            (Some(raw_at), Some(b)) => {
                let target = ShownValue {
                    raw: re[raw_at],
                    shown: Some(be[*b]),
                };
                Some(walk.place(Some(target), from, *value, place, depth + 1))
            }
            // The type added this element by itself, and it was not changed, so there is nothing to write.
            (None, Some(b)) if crate::json::same(be[*b], *value) => None,
            _ => {
                let key = after_keys.as_ref().map(|keys| keys[at].as_str());
                Some(walk.new_place(from, *value, key, place, depth + 1))
            }
        });
        let Some(item) = item else { continue };
        if let (Some(raw_at), Some(b)) = (raw_at, partner) {
            if !item.is(re[raw_at]) {
                // The other raw elements of the same value would still show the old value.
                raws.of_shown(*b).skip(1).for_each(|at| kept[at] = None);
            }
            kept[raw_at] = Some(item);
            placed.push((Some(raw_at), None));
        } else {
            placed.push((None, Some(item)));
        }
    }
    let as_before = placed.iter().all(|(raw, _)| raw.is_some())
        && (kept.iter().zip(&re)).all(|(kept, raw)| kept.as_ref().is_some_and(|k| k.is(*raw)));
    let is_set = cursor.shape().is_some_and(crate::shape::Shape::is_set);
    let before_at: Vec<usize> = partners.iter().flatten().copied().collect();
    let reordered = !is_set && !before_at.is_sorted();
    let reorders = !shown_as.iter().flatten().is_sorted();
    let keeps_order = !reordered || (walk.learned.raw_order && (reorders || !is_typed(cursor)));
    if as_before && keeps_order {
        return MergedValue::Take(raw);
    }
    let items = if keeps_order {
        in_raw_order(kept, placed, is_set)
    } else {
        in_new_order(kept, placed, &shown_as)
    };
    MergedValue::Array {
        like: Some(raw),
        items,
    }
}

/// The raw elements that are shown as one element. The first of them is edited.
struct RawElements {
    /// The first raw element of each shown element.
    first: Vec<Option<usize>>,
    /// The next raw element that is shown as the same element, for each raw element.
    next: Vec<Option<usize>>,
}

impl RawElements {
    fn of(shown_as: &[Option<usize>], shown: usize) -> Self {
        let mut raws = Self {
            first: vec![None; shown],
            next: vec![None; shown_as.len()],
        };
        for (at, shown) in shown_as.iter().enumerate().rev() {
            if let Some(shown) = shown {
                raws.next[at] = raws.first[*shown].replace(at);
            }
        }
        raws
    }

    fn of_shown(&self, shown: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.first[shown], |at| self.next[*at])
    }
}

/// Creates a new list.
pub(super) fn fresh<'t>(
    walk: &Put<'t, '_>,
    after: Node<'t>,
    cursor: Cursor<'_>,
    depth: usize,
) -> MergedItem<'t> {
    let elements = after.elements();
    let keys = keys(&elements, after, cursor);
    let item = |(at, value): (usize, &Node<'t>)| {
        let key = keys.as_ref().map(|keys| keys[at].as_str());
        walk.at(&at.to_string(), || {
            walk.new_place(None, *value, key, cursor.part(at), depth + 1)
        })
    };
    let items: Vec<_> = elements.iter().enumerate().map(item).collect();
    if items
        .iter()
        .zip(&elements)
        .all(|(item, value)| item.is(*value))
    {
        return MergedValue::Take(after);
    }
    MergedValue::Array {
        like: Some(after),
        items,
    }
}

/// Removes the raw elements whose shown element is not in the new value.
fn remove<'t>(
    walk: &Put<'t, '_>,
    kept: &mut [Option<MergedItem<'t>>],
    re: &[Node<'t>],
    be: &[Node<'t>],
    raws: &RawElements,
    partners: &[Option<usize>],
    keys: Option<&[String]>,
) {
    let mut lives = vec![false; be.len()];
    partners.iter().flatten().for_each(|b| lives[*b] = true);
    for b in (0..be.len()).filter(|b| !lives[*b]) {
        for (nth, at) in raws.of_shown(b).enumerate() {
            kept[at] = None;
            if nth == 0 {
                let side = ShownValue {
                    raw: re[at],
                    shown: Some(be[b]),
                };
                walk.drop(side, keys.map(|keys| keys[b].clone()));
            }
        }
    }
}

/// Keeps the raw order. A new element is placed after its predecessor in the new value, or else before its
/// successor.
fn in_raw_order<'t>(
    kept: Vec<Option<MergedItem<'t>>>,
    placed: Vec<(Option<usize>, Option<MergedItem<'t>>)>,
    is_set: bool,
) -> Vec<MergedItem<'t>> {
    let mut place_of = Vec::with_capacity(kept.len());
    let mut out = Vec::with_capacity(kept.len());
    for item in kept {
        place_of.push(out.len());
        out.extend(item);
    }
    let mut next: Vec<Option<usize>> = vec![None; placed.len()];
    let mut follows = None;
    for (at, (raw, _)) in placed.iter().enumerate().rev() {
        next[at] = follows;
        follows = raw.or(follows);
    }
    let (mut added, mut last) = (Vec::new(), None);
    for ((raw, item), next) in placed.into_iter().zip(next) {
        last = raw.or(last);
        if let Some(item) = item {
            let anchor = match (last, next) {
                _ if is_set => out.len(),
                (Some(last), _) => place_of[last] + 1,
                (None, Some(next)) => place_of[next],
                (None, None) => out.len(),
            };
            added.push((anchor, item));
        }
    }
    interleave(out, added)
}

/// Uses the new order. Elements that the type does not show stay behind the raw element that they followed.
fn in_new_order<'t>(
    mut kept: Vec<Option<MergedItem<'t>>>,
    placed: Vec<(Option<usize>, Option<MergedItem<'t>>)>,
    shown_as: &[Option<usize>],
) -> Vec<MergedItem<'t>> {
    let named: Vec<usize> = placed.iter().filter_map(|(raw, _)| *raw).collect();
    let mut is_named = vec![false; kept.len()];
    for at in &named {
        is_named[*at] = true;
    }
    let mut behind: Vec<Vec<usize>> = vec![Vec::new(); kept.len()];
    let (mut front, mut last) = (Vec::new(), None);
    for at in 0..kept.len() {
        if is_named[at] {
            last = Some(at);
        } else if kept[at].is_some() {
            match last {
                Some(last) => behind[last].push(at),
                None => front.push(at),
            }
        }
    }
    debug_assert_eq!(shown_as.len(), kept.len());
    let mut out = Vec::with_capacity(kept.len() + placed.len());
    out.extend(front.into_iter().filter_map(|at| kept[at].take()));
    for (raw, item) in placed {
        out.extend(item);
        if let Some(raw) = raw {
            out.extend(kept[raw].take());
            out.extend(behind[raw].iter().filter_map(|at| kept[*at].take()));
        }
    }
    out
}

/// Returns the source of each new element.
fn sources<'t>(
    walk: &Put<'t, '_>,
    source: Option<PutSource<'t>>,
    ae: &[Node<'t>],
    after: Node<'t>,
    cursor: Cursor<'_>,
) -> Vec<Option<PutSource<'t>>> {
    let Some(source) = source.filter(|s| s.raw.elements().len() + s.shown.elements().len() > 0)
    else {
        return Vec::new();
    };
    let (raw, shown) = (source.raw.elements(), source.shown.elements());
    let began = source.origin.map(Tree::elements).unwrap_or_default();
    let shown_as = seen(walk, (source.raw, &raw), (source.shown, &shown), cursor);
    let mut raw_of = vec![None; shown.len()];
    for (at, shown) in shown_as.iter().enumerate().rev() {
        if let Some(shown) = shown {
            raw_of[*shown] = Some(at);
        }
    }
    let pairs = |before: (&[Node<'t>], Node<'t>), after: (&[Node<'t>], Node<'t>)| {
        let (b, a) = (
            keys(before.0, before.1, cursor),
            keys(after.0, after.1, cursor),
        );
        pair(before.0, after.0, b.as_deref().zip(a.as_deref()))
    };
    let from_shown = pairs((&shown, source.shown), (ae, after));
    let from_origin = match source.origin {
        Some(origin) => pairs((&began, origin), (&raw, source.raw)),
        None => vec![None; raw.len()],
    };
    let one = |from: &Option<usize>| {
        let from = (*from)?;
        let raw_at: usize = raw_of[from]?;
        Some(PutSource {
            raw: raw[raw_at],
            shown: shown[from],
            origin: from_origin[raw_at].map(|at| began[at]),
        })
    };
    from_shown.iter().map(one).collect()
}
