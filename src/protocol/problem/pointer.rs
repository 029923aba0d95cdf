//! Translates the paths of fields, in the spellings that servers use, to JSON Pointers (RFC 6901).

use serde_json::Value;

use super::layers::escape;
use crate::address::percent;

/// The longest path of a field that is translated, in bytes.
const LONGEST: usize = 1024;

/// Locations of parameters outside the body.
pub(super) const ELSEWHERE: [&str; 9] = [
    "header",
    "headers",
    "query",
    "querystring",
    "path",
    "params",
    "parameter",
    "cookie",
    "cookies",
];

/// Translates a JSON Pointer, its URI fragment form (RFC 6901 6), or a path with dots and brackets.
pub(super) fn of_path(path: &str) -> Option<String> {
    if path.is_empty() || path.len() > LONGEST || path.contains(char::is_whitespace) {
        return None;
    }
    if let Some(fragment) = path.strip_prefix('#') {
        let pointer = String::from_utf8(percent::decode(fragment).into_owned()).ok()?;
        return (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer);
    }
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let mut pointer = String::new();
    let mut rest = path.strip_prefix('$').unwrap_or(path);
    while !rest.is_empty() {
        let (part, behind) = first_part(rest);
        rest = behind;
        if !part.is_empty() {
            pointer.push('/');
            pointer.push_str(&escape(part));
        }
    }
    Some(pointer)
}

/// Splits the first part off a path. It ends at a dot or bracket, or is everything between two brackets,
/// because Kubernetes writes names with dots there (`annotations[ex.org/a]`).
fn first_part(path: &str) -> (&str, &str) {
    if let Some((part, behind)) = path
        .strip_prefix('[')
        .and_then(|inner| inner.split_once(']'))
    {
        return (part.trim_matches(['\'', '"']), behind);
    }
    let path = path.trim_start_matches(['.', '[']);
    path.split_at(path.find(['.', '[']).unwrap_or(path.len()))
}

/// Translates the path of an element in FHIR, which begins with the type of the resource. A path with a
/// computation points at nothing.
pub(super) fn of_fhir_path(path: &str) -> Option<String> {
    let is_type = |part: &str| part.starts_with(|c: char| c.is_ascii_uppercase());
    if path.contains(['(', '/', '|']) {
        return None;
    }
    match path.split_once('.') {
        Some((first, rest)) if is_type(first) => of_path(rest),
        None if is_type(path) => Some(String::new()),
        _ => of_path(path),
    }
}

/// Translates a list of names and indices, of which the first may be `body`.
pub(super) fn of_parts(parts: &[Value]) -> Option<String> {
    let first = parts.first().and_then(Value::as_str);
    // A path that begins with `/` is an XML path (FHIR's `location`).
    if first.is_some_and(|first| ELSEWHERE.contains(&first) || first.starts_with('/')) {
        return None;
    }
    let mut pointer = String::new();
    for part in parts.get(usize::from(first == Some("body"))..)? {
        pointer.push('/');
        match part {
            Value::String(name) if name.len() <= LONGEST => pointer.push_str(&escape(name)),
            Value::Number(index) => pointer.push_str(&index.to_string()),
            _ => return None,
        }
        if pointer.len() > LONGEST {
            return None;
        }
    }
    Some(pointer)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn every_spelling_of_a_path_becomes_a_pointer() {
        for (path, pointer) in [
            ("/a/0", Some("/a/0")),
            ("#/age", Some("/age")),
            ("#/a%20b/~1", Some("/a b/~1")),
            ("#/%FF", None),
            ("#", Some("")),
            ("#frag", None),
            ("spec.containers[0].image", Some("/spec/containers/0/image")),
            (
                "metadata.annotations[ex.org/a.b].c",
                Some("/metadata/annotations/ex.org~1a.b/c"),
            ),
            ("items[0][1]", Some("/items/0/1")),
            ("items[", Some("/items")),
            ("$.age", Some("/age")),
            ("$['a.b']", Some("/a.b")),
            ("$", Some("")),
            ("a['b/c'].d~", Some("/a/b~1c/d~0")),
            ("Name", Some("/Name")),
            ("", None),
            ("a field with words", None),
        ] {
            assert_eq!(of_path(path).as_deref(), pointer, "{path}");
        }
        assert_eq!(of_path(&"a".repeat(LONGEST + 1)), None);
    }

    #[test]
    fn fhir_paths_lose_the_type_and_only_plain_ones_count() {
        for (path, pointer) in [
            ("Patient.name[0].given", Some("/name/0/given")),
            ("Patient", Some("")),
            ("name", Some("/name")),
            ("Patient.extension('x').value", None),
            ("/f:Patient/f:name", None),
        ] {
            assert_eq!(of_fhir_path(path).as_deref(), pointer, "{path}");
        }
    }

    #[test]
    fn lists_of_names_become_pointers_if_they_lie_in_the_body() {
        for (parts, pointer) in [
            (json!(["body", "items", 0, "a/b"]), Some("/items/0/a~1b")),
            (json!(["age"]), Some("/age")),
            (json!(["body"]), Some("")),
            (json!(["header"]), None),
            (json!(["query", "page"]), None),
            (json!(["/f:Patient/f:name"]), None),
            (json!([["nested"]]), None),
            (json!(["x".repeat(LONGEST), "y"]), None),
        ] {
            let parts = parts.as_array().cloned().unwrap_or_default();
            assert_eq!(of_parts(&parts).as_deref(), pointer, "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_a_bounded_pointer_or_none(path: String, marks in r"[\[\]\.$#/a'%0-9F~]*") {
            for path in [path, marks] {
                for pointer in [of_path(&path), of_fhir_path(&path)].into_iter().flatten() {
                    prop_assert!(pointer.is_empty() || pointer.starts_with('/'));
                    prop_assert!(pointer.len() <= 2 * LONGEST);
                }
            }
        }
    }
}
