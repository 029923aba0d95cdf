//! Merges lists whose elements have a declared identity.

use std::collections::BTreeSet;

use super::conflict::{ConflictKind, same};
use super::cursor::Cursor;
use super::engine::{Ancestor, Engine, MergeInput};
use super::interleave::interleave;
use super::merged_value::MergedValue;
use super::pairs::is_kept;
use super::rule::Keyed;
use crate::json::{self, Table, TableSet, Tree, View};

/// Merges keyed lists. Elements with the same key are merged field by field. The remote order is kept, and local
/// additions follow their local neighbours. If only the local side reordered the list, its order is kept. A list
/// that violates the declaration is merged as a whole.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    input: MergeInput<'_, T>,
    by: &Keyed,
) -> MergedValue<'t, T> {
    let cursor = input.cursor;
    let mut keys = Keys::default();
    let list = |side: Option<T>| {
        side.map_or_else(
            || Ok(KeyedList::default()),
            |side| keys.list(side, by, cursor),
        )
    };
    let [b, l, r] = match [input.base.value(), Some(input.local), Some(input.remote)].map(list) {
        [Ok(b), Ok(l), Ok(r)] => [b, l, r],
        [Err(kind), _, _] | [_, Err(kind), _] | [_, _, Err(kind)] => {
            return engine.atomic(input, Some(kind));
        }
    };
    if keys.mix_types() {
        return engine.atomic(input, Some(ConflictKind::MixedKeys));
    }
    if cursor.prefer().is_none() && renamed_twice(&b, &l, &r) {
        return engine.atomic(input, None);
    }
    let orders = [&b, &l, &r].map(|side| {
        let shared = |key: &u32| [&b, &l, &r].iter().all(|list| list.place(*key).is_some());
        side.keys.iter().copied().filter(shared).collect::<Vec<_>>()
    });
    let (reordered, reordered_remotely) = (orders[1] != orders[0], orders[2] != orders[0]);
    if reordered && reordered_remotely && orders[1] != orders[2] && cursor.prefer().is_none() {
        let [b, l, r] = &orders;
        let kind = if moved(b, l) == moved(b, r) {
            ConflictKind::MovedApart
        } else {
            ConflictKind::Order
        };
        return engine.atomic(input, Some(kind));
    }
    let local_first = match cursor.prefer() {
        Some(side) if reordered && reordered_remotely => side == super::Side::Local,
        _ => reordered && !reordered_remotely,
    };
    let (lead, follow) = if local_first { (&l, &r) } else { (&r, &l) };
    let order = interleaved(lead, follow);
    let mut items: Vec<MergedValue<'t, T>> = Vec::with_capacity(order.len());
    for key in order {
        let base = input.base.of_part(b.get(key));
        let (ours, theirs) = (l.get(key), r.get(key));
        // The common case first: the local element is unchanged.
        if let (Ancestor::Is(b), Some(ours), Some(theirs)) = (base, ours, theirs)
            && same(ours, b)
        {
            items.push(MergedValue::Take(theirs));
            continue;
        }
        items.extend(engine.at(&items.len().to_string(), |engine| {
            engine.place(base, ours, theirs, cursor.element())
        }));
    }
    if items.len() == r.elements.len() && items.iter().zip(&r.elements).all(|(item, e)| item.is(*e))
    {
        return MergedValue::Take(input.remote);
    }
    MergedValue::Array {
        like: Some(input.remote),
        items,
    }
}

/// Whether both sides gave one element different new keys, which would make it occur twice.
fn renamed_twice<'t, T: Tree<'t>>(
    base: &KeyedList<T>,
    local: &KeyedList<T>,
    remote: &KeyedList<T>,
) -> bool {
    /// Maximum number of elements that are compared.
    const COMPARED: usize = 32;
    let added = |side: &KeyedList<T>, other: &KeyedList<T>| -> Vec<T> {
        let is_new = |key: &&u32| base.place(**key).is_none() && other.place(**key).is_none();
        let new = side.keys.iter().filter(is_new).take(COMPARED);
        new.filter_map(|key| side.get(*key)).collect()
    };
    let (ours, theirs) = (added(local, remote), added(remote, local));
    if ours.is_empty() || theirs.is_empty() {
        return false;
    }
    let is_gone = |key: &&u32| local.place(**key).is_none() && remote.place(**key).is_none();
    let gone = base.keys.iter().filter(is_gone).take(COMPARED);
    let mut gone = gone.filter_map(|key| base.get(*key));
    gone.any(|gone| {
        [&ours, &theirs]
            .iter()
            .all(|added| added.iter().any(|now| is_kept(gone, *now)))
    })
}

/// Returns all keys in the order of `lead`. Keys that only `follow` has are placed behind their neighbours there.
fn interleaved<T: Copy>(lead: &KeyedList<T>, follow: &KeyedList<T>) -> Vec<u32> {
    let mut added = Vec::new();
    let mut anchor = 0;
    for key in &follow.keys {
        match lead.place(*key) {
            Some(at) => anchor = at + 1,
            None => added.push((anchor, *key)),
        }
    }
    interleave(lead.keys.clone(), added)
}

/// Returns the smallest set of keys whose move explains the new order.
fn moved(before: &[u32], after: &[u32]) -> BTreeSet<u32> {
    let places: Table<u32, usize> = after.iter().copied().zip(0..).collect();
    let pairs: Vec<_> = before.iter().map(|key| places[key]).enumerate().collect();
    let kept = json::longest_rising(&pairs);
    let kept: TableSet<u32> = kept.into_iter().map(|(_, at)| after[at]).collect();
    let keys = after.iter().copied();
    keys.filter(|key| !kept.contains(key)).collect()
}

/// A list with the numbers of its keys.
struct KeyedList<T> {
    elements: Vec<T>,
    keys: Vec<u32>,
    /// For each key number, the position of the element.
    places: Vec<Option<u32>>,
}

impl<T> Default for KeyedList<T> {
    fn default() -> Self {
        Self {
            elements: Vec::new(),
            keys: Vec::new(),
            places: Vec::new(),
        }
    }
}

impl<T: Copy> KeyedList<T> {
    fn place(&self, key: u32) -> Option<usize> {
        let place = self.places.get(key as usize).copied().flatten();
        place.map(|at| at as usize)
    }

    fn get(&self, key: u32) -> Option<T> {
        self.place(key).map(|at| self.elements[at])
    }
}

/// Assigns equal numbers to equal keys, counting from 0.
#[derive(Default)]
struct Keys {
    numbers: Table<String, u32>,
    /// The keys by number, concatenated, and the end of each.
    spelled: String,
    ends: Vec<usize>,
    /// Whether there are numbers and strings among the keys.
    numeric: bool,
    textual: bool,
}

impl Keys {
    fn list<'t, T: Tree<'t>>(
        &mut self,
        side: T,
        by: &Keyed,
        cursor: Cursor<'_>,
    ) -> Result<KeyedList<T>, ConflictKind> {
        let elements = side.elements();
        let mut list = KeyedList {
            keys: Vec::with_capacity(elements.len()),
            places: vec![None; elements.len().max(self.ends.len())],
            elements,
        };
        self.numbers
            .reserve(list.elements.len().saturating_sub(self.ends.len()));
        let mut text = String::new();
        for (at, element) in list.elements.iter().enumerate() {
            text.clear();
            write_key(*element, by, cursor, &mut text).ok_or(ConflictKind::MissingKey)?;
            // The lists mostly have the same order, so the next number is tried first.
            let expected = list.keys.last().map_or(0, |last| last + 1);
            let key = self.number(&text, expected);
            let slot = key as usize;
            if slot >= list.places.len() {
                list.places.resize(slot + 1, None);
            }
            if list.places[slot].is_some() {
                return Err(ConflictKind::DuplicateKey);
            }
            list.places[slot] = u32::try_from(at).ok();
            list.keys.push(key);
        }
        Ok(list)
    }

    fn number(&mut self, text: &str, expected: u32) -> u32 {
        if self.text(expected) == Some(text) {
            return expected;
        }
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text.to_owned(), number);
        self.spelled.push_str(text);
        self.ends.push(self.spelled.len());
        self.numeric = self.numeric || text.contains("n\"");
        self.textual = self.textual || text.contains("s\"");
        number
    }

    fn text(&self, number: u32) -> Option<&str> {
        let at = number as usize;
        let end = *self.ends.get(at)?;
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.spelled.get(start..end)
    }

    /// Whether some key is the number 1 in one place and the string "1" in another. One side then changed the type
    /// of its keys, and the keys no longer identify the elements.
    fn mix_types(&self) -> bool {
        let untyped = || self.numbers.keys().map(|key| untyped(key));
        self.numeric
            && self.textual
            && untyped().collect::<TableSet<_>>().len() < self.numbers.len()
    }
}

/// Returns a key without the marks that distinguish numbers from strings.
fn untyped(key: &str) -> String {
    let (mut quoted, mut escaped) = (false, false);
    let is_content = |c: &char| {
        let keep = quoted || !matches!(c, 'n' | 's');
        quoted ^= *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        keep
    };
    key.chars().filter(is_content).collect()
}

/// Returns the identity of an element as a text. Two texts are equal exactly if the keys are equal.
pub(crate) fn key_of<'t, T: Tree<'t>>(
    element: T,
    by: &Keyed,
    cursor: Cursor<'_>,
) -> Option<String> {
    let mut key = String::new();
    write_key(element, by, cursor, &mut key)?;
    Some(key)
}

fn write_key<'t, T: Tree<'t>>(
    element: T,
    by: &Keyed,
    cursor: Cursor<'_>,
    key: &mut String,
) -> Option<()> {
    for name in by.members() {
        let mut members = element.each_member();
        let found = members.find(|(key, _)| key.name == name);
        let value = match found {
            Some((_, value)) => value,
            None => under_another_name(element, name, cursor)?,
        };
        match value.view() {
            View::String(text) => {
                key.push('s');
                json::write_string(text, key);
            }
            View::Number(number) => {
                key.push('n');
                json::write_string(&number.canonical(), key);
            }
            View::Torn(text) => {
                key.push('h');
                json::write_string(text, key);
            }
            View::Bool(true) => key.push('t'),
            View::Bool(false) => key.push('f'),
            View::Null | View::Array | View::Object => return None,
        }
    }
    Some(())
}

/// Returns the member that the element's type has under another name, such as an alias or the name for reading.
fn under_another_name<'t, T: Tree<'t>>(element: T, name: &str, cursor: Cursor<'_>) -> Option<T> {
    let fields = cursor.element().fields(element);
    if !fields.renames() {
        return None;
    }
    let one_name = fields.one_name(name);
    let mut members = element.each_member();
    let found = members.find(|(key, _)| fields.one_name(key.name) == one_name);
    found.map(|(_, value)| value)
}
