//! The differences between two values, and the words in a value.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use ifmatch_merge::internal::push_token;

/// Returns the places that differ, with their new value. Lists and texts count as one place each.
pub(super) fn changed(before: &Value, after: &Value) -> BTreeMap<String, Option<Value>> {
    let mut places = BTreeMap::new();
    collect(before, after, &mut String::new(), &mut places);
    places
}

fn collect(
    before: &Value,
    after: &Value,
    at: &mut String,
    places: &mut BTreeMap<String, Option<Value>>,
) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            places.insert(at.clone(), Some(after.clone()));
        }
        return;
    };
    for name in names(old, new) {
        let length = at.len();
        push_token(at, name);
        match (old.get(name), new.get(name)) {
            (Some(old), Some(new)) => collect(old, new, at, places),
            (_, new) => drop(places.insert(at.clone(), new.cloned())),
        }
        at.truncate(length);
    }
}

fn names<'a>(old: &'a Map<String, Value>, new: &'a Map<String, Value>) -> BTreeSet<&'a String> {
    old.keys().chain(new.keys()).collect()
}

/// Whether one place equals the other or lies within it.
pub(super) fn overlap(a: &str, b: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_prefix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    within(a, b) || within(b, a)
}

/// Collects every scalar, the names of members, and the words of texts.
pub(super) fn words(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Array(elements) => elements.iter().for_each(|element| words(element, found)),
        Value::Object(members) => {
            for (name, member) in members {
                found.insert(name.clone());
                words(member, found);
            }
        }
        Value::String(text) => found.extend(text.split_whitespace().map(str::to_owned)),
        scalar => drop(found.insert(scalar.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_are_found_member_by_member() {
        let (before, after) = (
            json!({"a": {"b": 1, "c": [1]}, "d": 2}),
            json!({"a": {"b": 1, "c": [2]}, "e/f": null}),
        );
        let places: Vec<_> = changed(&before, &after).into_iter().collect();
        let expected = [
            ("/a/c".to_owned(), Some(json!([2]))),
            ("/d".to_owned(), None),
            ("/e~1f".to_owned(), Some(json!(null))),
        ];
        assert_eq!(places, expected);
        assert_eq!(changed(&json!([1]), &json!([2])).len(), 1);
    }

    #[test]
    fn a_place_overlaps_what_is_beneath_it_and_no_namesake() {
        assert!(overlap("/a", "/a/b") && overlap("/a/b", "/a") && overlap("", "/x"));
        assert!(!overlap("/a", "/ab"));
    }
}
