//! Restores the original texts in the value that a merge function returned.

use serde_json::Value;

use super::merged_value::MergedValue;
use crate::json::{self, Ids, Table, Tree};

/// Returns a function's value with the original text of the parts that the function only passed on, such as
/// numbers that a `Value` rounds, and the order of keys. A part is looked up at its original place, and in arrays
/// at any position.
pub(crate) fn restored<'t, T: Tree<'t>>(value: Value, sides: [T; 2]) -> MergedValue<'t, T> {
    let as_values = sides.map(Tree::to_value);
    restored_from(
        value,
        &sides.into_iter().zip(&as_values).collect::<Vec<_>>(),
    )
}

fn restored_from<'t, T: Tree<'t>>(value: Value, sides: &[(T, &Value)]) -> MergedValue<'t, T> {
    if let Some((side, _)) = sides.iter().find(|(_, side)| **side == value) {
        return MergedValue::Take(*side);
    }
    match value {
        Value::Object(members) => {
            let known = sides.iter().map(|(side, shown)| (side.members(), *shown));
            let known: Vec<_> = known.collect();
            let places = known.iter().map(|(members, _)| {
                let names = members.iter().map(|(key, _)| json::shown_name(key.name));
                names.zip(0..).collect::<Table<_, usize>>()
            });
            let places: Vec<_> = places.collect();
            let restore = |(name, value): (String, Value)| {
                let mut first = None;
                let mut beneath = Vec::new();
                for ((members, shown), places) in known.iter().zip(&places) {
                    if let Some((at, shown)) = places.get(&*name).copied().zip(shown.get(&name)) {
                        first.get_or_insert((at, members[at].0));
                        beneath.push((members[at].1, shown));
                    }
                }
                (first, name, restored_from(value, &beneath))
            };
            let mut members: Vec<_> = members.into_iter().map(restore).collect();
            // Original order, with new members at the end.
            members.sort_by_key(|(first, ..)| first.map_or(usize::MAX, |(at, _)| at));
            let members = members.into_iter();
            MergedValue::Made(
                members
                    .map(|(first, name, out)| (first.map(|(_, key)| key), name, out))
                    .collect(),
            )
        }
        Value::Array(elements) => {
            let mut ids = Ids::default();
            let mut places = Table::default();
            for (side, shown) in sides {
                for (element, shown) in side
                    .each_element()
                    .zip(shown.as_array().into_iter().flatten())
                {
                    places.entry(ids.of(shown)).or_insert(element);
                }
            }
            let found: Vec<_> = elements
                .iter()
                .map(|e| places.get(&ids.of(e)).copied())
                .collect();
            let at_place: Vec<Vec<T>> = sides.iter().map(|(side, _)| side.elements()).collect();
            let restore = |(at, (element, found)): (usize, (Value, Option<T>))| {
                if let Some(found) = found {
                    return MergedValue::Take(found);
                }

                let beneath = sides.iter().zip(&at_place);
                let beneath = beneath.filter_map(|((_, shown), elements)| {
                    Some((*elements.get(at)?, shown.get(at)?))
                });
                restored_from(element, &beneath.collect::<Vec<_>>())
            };
            let items = elements
                .into_iter()
                .zip(found)
                .enumerate()
                .map(restore)
                .collect();
            MergedValue::Array { like: None, items }
        }
        scalar => MergedValue::Value(scalar),
    }
}
