//! The walk that puts a value back: over the raw document, what the type shows of it, and the new value.

use std::cell::{Cell, RefCell};

use super::images::Unsure;
use super::learned::{Learned, UnclearMember};
use super::pairing::shared_members;
use super::{put_list, put_object};
use crate::json::{Node, Table, Tree, View, WALKED_DEPTH, same};
use crate::merge::{Cursor, MergedValue};

/// A raw value, and what the type shows of it; `None`: nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownValue<'t> {
    pub(super) raw: Node<'t>,
    pub(super) shown: Option<Node<'t>>,
}

/// Where the new value comes from: the raw value that it was read from, and the state that this one began as.
#[derive(Debug, Clone, Copy)]
pub(super) struct PutSource<'t> {
    pub(super) raw: Node<'t>,
    pub(super) shown: Node<'t>,
    /// `None`: it began as nothing.
    pub(super) origin: Option<Node<'t>>,
}

/// One walk.
#[derive(Debug)]
pub(super) struct Put<'t, 'l> {
    pub(super) learned: &'l Learned,
    /// The text that offsets of keys count in.
    pub(super) text: &'t str,
    /// What lies beneath a place that the value lacks; another place may have it now.
    pub(super) dropped: RefCell<Vec<Dropped<'t>>>,
    /// What was dropped in the walk before.
    pub(super) moved: Moved<'t>,
    /// Something is new that could have been moved there.
    pub(super) has_new: Cell<bool>,
    /// Members of which it is not known where the type reads them.
    pub(super) doubts: RefCell<Vec<UnclearMember>>,
    /// Lists of which it is not known which element is shown as which.
    pub(super) unsure: RefCell<Vec<Unsure>>,
    /// The pointer into the new value.
    pub(super) path: RefCell<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Dropped<'t> {
    pub(super) side: ShownValue<'t>,
    pub(super) key: Option<String>,
}

/// Dropped values by what they show, and by their declared key; `None`: several, of which none can be told to be it.
///
/// Without a key only a value that says enough is taken for a moved one. One that shows a single flag or number may
/// stand in two places by chance, and what the server keeps for the one is not the other's.
#[derive(Debug, Default)]
pub(super) struct Moved<'t> {
    by_value: Table<u64, Option<ShownValue<'t>>>,
    by_key: Table<String, Option<ShownValue<'t>>>,
}

/// As many leaves must a value show to be known again in another place.
const TELLING_LEAVES: usize = 2;

impl<'t> Moved<'t> {
    pub(super) fn of(dropped: Vec<Dropped<'t>>) -> Self {
        let mut moved = Self::default();
        for Dropped { side, key } in dropped {
            let Some(shown) = side.shown else { continue };
            if key.is_some() || is_telling(shown) {
                let slot = moved.by_value.entry(shown.digest());
                slot.and_modify(|other| *other = other.filter(|other| same(other.raw, side.raw)))
                    .or_insert(Some(side));
            }
            if let Some(key) = key {
                let slot = moved.by_key.entry(key);
                slot.and_modify(|side| *side = None).or_insert(Some(side));
            }
        }
        moved
    }

    fn find(&self, value: Node<'t>, key: Option<&str>) -> Option<ShownValue<'t>> {
        if self.by_value.is_empty() {
            return None;
        }
        // Another list may have the same key for something else.
        let is_it = |side: &ShownValue<'t>| {
            let shared = side.shown.map_or(0, |shown| shared_members(shown, value));
            shared > 1 && shared * 2 >= value.each_member().count()
        };
        let by_key = || self.by_key.get(key?).copied().flatten().filter(is_it);
        let side = self.by_value.get(&value.digest()).copied().flatten();
        let equal = side.filter(|side| side.shown.is_some_and(|shown| same(shown, value)));
        equal.or_else(by_key)
    }
}

impl<'t, 'l> Put<'t, 'l> {
    /// A walk over a raw text.
    pub(super) fn new(learned: &'l Learned, text: &'t str) -> Self {
        Self {
            learned,
            text,
            dropped: RefCell::default(),
            moved: Moved::default(),
            has_new: Cell::new(false),
            doubts: RefCell::default(),
            unsure: RefCell::default(),
            path: RefCell::default(),
        }
    }
}

impl<'t> Put<'t, '_> {
    /// What stands at a place afterwards. Without a target the place is new.
    pub(super) fn place(
        &self,
        target: Option<ShownValue<'t>>,
        source: Option<PutSource<'t>>,
        after: Node<'t>,
        cursor: Cursor<'_>,
        depth: usize,
    ) -> MergedValue<'t, Node<'t>> {
        let Some(ShownValue { raw, shown }) = target else {
            return self.new_place(source, after, None, cursor, depth);
        };
        let unchanged = shown.is_some_and(|shown| same(shown, after));
        if unchanged && source.is_none() {
            return MergedValue::Take(raw);
        }
        let views = (raw.view(), shown.unwrap_or(after).view(), after.view());
        match views {
            (View::Object, View::Object, View::Object) if depth < WALKED_DEPTH => put_object::put(
                self,
                ShownValue { raw, shown },
                source,
                after,
                cursor,
                depth,
            ),
            (View::Array, View::Array, View::Array) if depth < WALKED_DEPTH => put_list::put(
                self,
                ShownValue { raw, shown },
                source,
                after,
                cursor,
                depth,
            ),
            // The type says the same as the raw document, in other words.
            _ if unchanged || same(raw, after) => MergedValue::Take(raw),
            _ => {
                self.drop(ShownValue { raw, shown }, None);
                self.new_place(source, after, None, cursor, depth)
            }
        }
    }

    /// A place that the target lacks: as the source has it, or as it stood where it was moved from.
    pub(super) fn new_place(
        &self,
        source: Option<PutSource<'t>>,
        after: Node<'t>,
        key: Option<&str>,
        cursor: Cursor<'_>,
        depth: usize,
    ) -> MergedValue<'t, Node<'t>> {
        let has_parts = matches!(after.view(), View::Object | View::Array);
        let from = source.map(|source| ShownValue {
            raw: source.raw,
            shown: Some(source.shown),
        });
        let from = from.or_else(|| {
            self.has_new.set(self.has_new.get() || has_parts);
            self.moved.find(after, key).filter(|_| has_parts)
        });
        match from {
            Some(from) if from.shown.is_some_and(|shown| same(shown, after)) => {
                MergedValue::Take(from.raw)
            }
            // What cannot be walked is new.
            Some(from) if same_kind(from.raw, after) && has_parts => {
                self.place(Some(from), None, after, cursor, depth)
            }
            _ => self.fresh(after, cursor, depth),
        }
    }

    /// A value of the type's own, under the names that it reads.
    fn fresh(
        &self,
        after: Node<'t>,
        cursor: Cursor<'_>,
        depth: usize,
    ) -> MergedValue<'t, Node<'t>> {
        if depth >= WALKED_DEPTH || (cursor.is_plain() && self.moved.by_value.is_empty()) {
            return MergedValue::Take(after);
        }
        match after.view() {
            View::Object => put_object::fresh(self, after, cursor, depth),
            View::Array => put_list::fresh(self, after, cursor, depth),
            _ => MergedValue::Take(after),
        }
    }

    /// What the type shows raw elements as, if it was asked.
    pub(super) fn images(&self, raw: &[Node<'t>]) -> Option<Vec<Option<u64>>> {
        let is_ours = std::ptr::eq(raw.first()?.whole_text(), self.text);
        let image = |element: &Node<'t>| self.learned.images.get(&element.range().start).copied();
        raw.iter()
            .map(image)
            .collect::<Option<_>>()
            .filter(|_| is_ours)
    }

    /// Remembers what leaves its place.
    pub(super) fn drop(&self, side: ShownValue<'t>, key: Option<String>) {
        if matches!(side.raw.view(), View::Object | View::Array) {
            self.dropped.borrow_mut().push(Dropped { side, key });
        }
    }

    /// Runs `walk` with a token on the path.
    pub(super) fn at<R>(&self, token: &str, walk: impl FnOnce() -> R) -> R {
        let length = self.path.borrow().len();
        crate::json::push_token(&mut self.path.borrow_mut(), token);
        let result = walk();
        self.path.borrow_mut().truncate(length);
        result
    }
}

/// Whether a value shows so many strings and numbers that it can be known again by them.
fn is_telling(value: Node<'_>) -> bool {
    let (mut leaves, mut open) = (0, vec![value]);
    while let Some(value) = open.pop() {
        match value.view() {
            View::Null | View::Bool(_) => {}
            View::Number(_) | View::String(_) | View::Torn(_) => leaves += 1,
            View::Array => open.extend(value.elements()),
            View::Object => open.extend(value.members().into_iter().map(|(_, member)| member)),
        }
        if leaves >= TELLING_LEAVES {
            return true;
        }
    }
    false
}

fn same_kind<'t>(a: Node<'t>, b: Node<'t>) -> bool {
    matches!(
        (a.view(), b.view()),
        (View::Object, View::Object) | (View::Array, View::Array)
    )
}

/// Whether something is known of what lies there.
pub(super) fn is_typed(cursor: Cursor<'_>) -> bool {
    cursor.shape().is_some_and(|shape| !shape.is_unknown())
}
