//! Puts a value back by walking three values together: the raw one, what the type shows of it, and the new one.

use std::cell::{Cell, RefCell};

use super::images::Unsure;
use super::learned::{Learned, UnclearMember};
use super::similarity::shared_members;
use super::{put_list, put_object};
use crate::json::{Node, Table, Tree, View, WALKED_DEPTH, same};
use crate::merge::{Cursor, MergedValue};

/// A raw value, and what the type shows of it. `shown` is `None` if the type shows nothing.
#[derive(Debug, Clone, Copy)]
pub(super) struct ShownValue<'t> {
    pub(super) raw: Node<'t>,
    pub(super) shown: Option<Node<'t>>,
}

/// The origin of the new value: the raw value that it was read from, and the state from which that value began.
#[derive(Debug, Clone, Copy)]
pub(super) struct PutSource<'t> {
    pub(super) raw: Node<'t>,
    pub(super) shown: Node<'t>,
    /// `None` if the value did not exist in the original state.
    pub(super) origin: Option<Node<'t>>,
}

/// The state of one walk.
#[derive(Debug)]
pub(super) struct Put<'t, 'l> {
    pub(super) learned: &'l Learned,
    /// The text to which the offsets of keys refer.
    pub(super) text: &'t str,
    /// Values whose place no longer exists in the new value. They may have moved to another place.
    pub(super) dropped: RefCell<Vec<Dropped<'t>>>,
    /// Values that were dropped in the previous walk.
    pub(super) moved: Moved<'t>,
    /// Whether a value was found at a new place, to which it may have moved.
    pub(super) has_new: Cell<bool>,
    /// Members for which it is unknown where the type reads them.
    pub(super) doubts: RefCell<Vec<UnclearMember>>,
    /// Lists for which the correspondence of raw and shown elements is unknown.
    pub(super) unsure: RefCell<Vec<Unsure>>,
    /// The pointer into the new value.
    pub(super) path: RefCell<String>,
}

#[derive(Debug, Clone)]
pub(super) struct Dropped<'t> {
    pub(super) side: ShownValue<'t>,
    pub(super) key: Option<String>,
}

/// Dropped values by what they show and by their declared key. `None` marks several values that cannot be
/// distinguished.
///
/// Without a key, only a value that shows enough is treated as moved. A value that shows a single flag or number
/// may occur in two places by chance, and what the server keeps for one must not be given to the other.
#[derive(Debug, Default)]
pub(super) struct Moved<'t> {
    by_value: Table<u64, Option<ShownValue<'t>>>,
    by_key: Table<String, Option<ShownValue<'t>>>,
}

/// Minimum number of leaves that a value must show to be recognized in another place.
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
        // Another list may use the same key for something else.
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
    /// Creates a walk over a raw text.
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
    /// Returns the new content of a place. Without a target, the place is new.
    pub(super) fn place(
        &self,
        target: Option<ShownValue<'t>>,
        source: Option<PutSource<'t>>,
        after: Node<'t>,
        cursor: Cursor<'_>,
        depth: usize,
    ) -> MergedValue<'t, Node<'t>> {
        let Some(target) = target else {
            return self.new_place(source, after, None, cursor, depth);
        };
        let ShownValue { raw, shown } = target;
        let unchanged = shown.is_some_and(|shown| same(shown, after));
        if unchanged && source.is_none() {
            return MergedValue::Take(raw);
        }
        let views = (raw.view(), shown.unwrap_or(after).view(), after.view());
        match views {
            (View::Object, View::Object, View::Object) if depth < WALKED_DEPTH => {
                put_object::put(self, target, source, after, cursor, depth)
            }
            (View::Array, View::Array, View::Array) if depth < WALKED_DEPTH => {
                put_list::put(self, target, source, after, cursor, depth)
            }
            // The type represents the value of the raw document in another way.
            _ if unchanged || same(raw, after) => MergedValue::Take(raw),
            _ => {
                self.drop(target, None);
                self.new_place(source, after, None, cursor, depth)
            }
        }
    }

    /// Returns the content of a place that the target lacks, taken from the source or from the place it moved
    /// from.
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
            // A value without parts, or of another kind, has nothing to keep and is written anew below.
            Some(from) if same_kind(from.raw, after) && has_parts => {
                self.place(Some(from), None, after, cursor, depth)
            }
            _ => self.fresh(after, cursor, depth),
        }
    }

    /// Returns a new value of the type, with its members under the names that the type reads.
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

    /// Returns what the type shows for raw elements, if that was determined.
    pub(super) fn images(&self, raw: &[Node<'t>]) -> Option<Vec<Option<u64>>> {
        let is_ours = std::ptr::eq(raw.first()?.whole_text(), self.text);
        let image = |element: &Node<'t>| self.learned.images.get(&element.range().start).copied();
        raw.iter()
            .map(image)
            .collect::<Option<_>>()
            .filter(|_| is_ours)
    }

    /// Remembers a value that leaves its place.
    pub(super) fn drop(&self, side: ShownValue<'t>, key: Option<String>) {
        if matches!(side.raw.view(), View::Object | View::Array) {
            self.dropped.borrow_mut().push(Dropped { side, key });
        }
    }

    /// Runs `walk` with a token appended to the path.
    pub(super) fn at<R>(&self, token: &str, walk: impl FnOnce() -> R) -> R {
        let length = self.path.borrow().len();
        crate::json::push_token(&mut self.path.borrow_mut(), token);
        let result = walk();
        self.path.borrow_mut().truncate(length);
        result
    }
}

/// Whether a value shows enough strings and numbers to be recognized by them.
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

/// Whether something is known about the type at this place.
pub(super) fn is_typed(cursor: Cursor<'_>) -> bool {
    cursor.shape().is_some_and(|shape| !shape.is_unknown())
}
