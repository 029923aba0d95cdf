//! Lists whose elements have a declared identity.

use std::collections::{HashMap, HashSet};

use super::conflict::ConflictKind;
use super::engine::{Base, Engine, Three, woven};
use super::out::Out;
use super::rule::Keyed;
use crate::json::{self, Tree, View};

/// Merges keyed lists: elements with the same key are merged field by field, the remote order is kept
/// and local additions stand behind their local neighbours. If only the local side reordered, its order
/// is kept. A list that breaks the declaration is taken as a whole.
pub(super) fn merge<'t, T: Tree<'t>>(
    engine: &mut Engine,
    three: Three<'_, T>,
    by: &Keyed,
) -> Out<'t, T> {
    let Three {
        base,
        local,
        remote,
        cursor,
    } = three;
    let known = !matches!(base, Base::Unknown);
    let lists = [base.value(), Some(local), Some(remote)]
        .map(|side| side.map_or_else(|| Ok(List::default()), |side| List::of(side, by)));
    let [b, l, r] = match lists {
        [Ok(b), Ok(l), Ok(r)] => [b, l, r],
        [Err(kind), _, _] | [_, Err(kind), _] | [_, _, Err(kind)] => {
            return engine.atomic(three, Some(kind));
        }
    };
    if mixes_types(&[&b, &l, &r]) {
        return engine.atomic(three, Some(ConflictKind::MixedKeys));
    }
    let orders = [&b, &l, &r].map(|side| {
        let everywhere = |key: &&str| {
            b.at.contains_key(*key) && l.at.contains_key(*key) && r.at.contains_key(*key)
        };
        side.keys
            .iter()
            .map(String::as_str)
            .filter(everywhere)
            .collect::<Vec<_>>()
    });
    let (reordered, reordered_remotely) = (orders[1] != orders[0], orders[2] != orders[0]);
    if reordered && reordered_remotely && orders[1] != orders[2] && cursor.prefer().is_none() {
        return engine.atomic(three, Some(ConflictKind::Order));
    }
    let local_first = match cursor.prefer() {
        Some(side) if reordered && reordered_remotely => side == super::Side::Local,
        _ => reordered && !reordered_remotely,
    };
    let (lead, follow) = if local_first { (&l, &r) } else { (&r, &l) };
    let order = interleaved(lead, follow);
    let mut items: Vec<Out<'t, T>> = Vec::with_capacity(order.len());
    for key in order {
        let base = match b.get(key) {
            Some(base) => Base::Is(base),
            None if known => Base::Absent,
            None => Base::Unknown,
        };
        let (ours, theirs) = (l.get(key), r.get(key));
        if let (Base::Is(b), Some(ours), Some(theirs)) = (base, ours, theirs)
            && ours.surely_same(b)
        {
            items.push(Out::Take(theirs));
            continue;
        }
        let length = engine.path.len();
        json::push_token(&mut engine.path, &items.len().to_string());
        items.extend(engine.place(base, ours, theirs, cursor.element()));
        engine.path.truncate(length);
    }
    if items.len() == r.elements.len() && items.iter().zip(&r.elements).all(|(item, e)| item.is(*e))
    {
        return Out::Take(remote);
    }
    Out::Array {
        like: Some(remote),
        items,
    }
}

/// All keys: those of `lead` in its order, those that only `follow` has behind their neighbours there.
fn interleaved<'k, T>(lead: &'k List<T>, follow: &'k List<T>) -> Vec<&'k str> {
    let mut added = Vec::new();
    let mut anchor = 0;
    for key in &follow.keys {
        match lead.at.get(key) {
            Some(at) => anchor = at + 1,
            None => added.push((anchor, key.as_str())),
        }
    }
    woven(lead.keys.iter().map(String::as_str).collect(), added)
}

/// A list with its keys.
struct List<T> {
    elements: Vec<T>,
    keys: Vec<String>,
    at: HashMap<String, usize>,
}

impl<T> Default for List<T> {
    fn default() -> Self {
        Self {
            elements: Vec::new(),
            keys: Vec::new(),
            at: HashMap::new(),
        }
    }
}

impl<'t, T: Tree<'t>> List<T> {
    fn of(side: T, by: &Keyed) -> Result<Self, ConflictKind> {
        let elements = side.elements();
        let mut list = Self {
            keys: Vec::with_capacity(elements.len()),
            at: HashMap::with_capacity(elements.len()),
            elements,
        };
        for (at, element) in list.elements.iter().enumerate() {
            let key = key_of(*element, by).ok_or(ConflictKind::MissingKey)?;
            if list.at.insert(key.clone(), at).is_some() {
                return Err(ConflictKind::DuplicateKey);
            }
            list.keys.push(key);
        }
        Ok(list)
    }

    fn get(&self, key: &str) -> Option<T> {
        self.at.get(key).map(|at| self.elements[*at])
    }
}

/// The identity of an element as a text in which equal keys are equal and others are not.
pub(super) fn key_of<'t, T: Tree<'t>>(element: T, by: &Keyed) -> Option<String> {
    let members = element.members();
    let mut key = String::new();
    for name in by.members() {
        let (_, value) = members.iter().find(|(key, _)| key.name == name)?;
        match value.view() {
            View::String(text) => {
                key.push('s');
                json::write_string(text, &mut key);
            }
            View::Number(number) => {
                key.push('n');
                key.push_str(&number.canonical());
            }
            View::Bool(true) => key.push('t'),
            View::Bool(false) => key.push('f'),
            View::Null | View::Array | View::Object => return None,
        }
    }
    Some(key)
}

/// Whether some key is the number 1 on one side and the string "1" on another: one of the sides changed
/// the type of its keys, and the elements cannot be told apart by them.
fn mixes_types<T>(lists: &[&List<T>]) -> bool {
    let all = || {
        lists
            .iter()
            .flat_map(|list| list.keys.iter().map(String::as_str))
    };
    let numbers: HashSet<&str> = all().filter_map(|key| key.strip_prefix('n')).collect();
    let is_number = |key: &str| {
        key.strip_prefix("s\"")
            .and_then(|k| k.strip_suffix('"'))
            .is_some_and(|k| numbers.contains(k))
    };
    !numbers.is_empty() && all().any(is_number)
}
