//! Errors of single fields, in the shapes that the common dialects give them.

use std::fmt;

use serde_json::{Map, Value};

use super::super::percent;
use super::Problem;
use super::layers::{Layer, escape, words};
use super::members::is_code;

/// What a refusal says of one field.
///
/// `Debug` leaves the words out, since servers quote the value in them.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldError {
    /// The field as a JSON Pointer into the body that was sent (RFC 6901), if the server names it.
    pub pointer: Option<String>,
    /// A machine code: `required`, `FieldValueInvalid`.
    pub code: Option<String>,
    /// The words for people; empty if there are none.
    pub detail: String,
}

impl fmt::Debug for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FieldError")
            .field("pointer", &self.pointer)
            .field("code", &self.code)
            .finish_non_exhaustive()
    }
}

/// Members that list errors, one element each.
const LISTS: [&str; 16] = [
    "errors",
    "error",
    "details",
    "detail",
    "issues",
    "issue",
    "violations",
    "invalidparams",
    "invalidparameters",
    "causes",
    "fielderrors",
    "fieldviolations",
    "validation",
    "validationerrors",
    "constraintviolations",
    "failures",
];

/// Members that map the name of a field to its errors.
const MAPS: [&str; 5] = [
    "errors",
    "issues",
    "fielderrors",
    "validationerrors",
    "modelstate",
];

/// What names the field in an element, most exact first.
const POINTER: [&str; 16] = [
    "pointer",
    "jsonpointer",
    "instancepath",
    "datapath",
    "path",
    "propertypath",
    "property",
    "field",
    "fieldname",
    "loc",
    "location",
    "param",
    "parameter",
    "attribute",
    "name",
    "key",
];

const CODE: [&str; 6] = ["code", "errorcode", "type", "keyword", "rule", "reason"];

const DETAIL: [&str; 9] = [
    "detail",
    "message",
    "msg",
    "description",
    "reason",
    "title",
    "diagnostics",
    "text",
    "error",
];

/// Where a parameter lies that is not in the body.
const ELSEWHERE: [&str; 8] = [
    "header",
    "headers",
    "query",
    "querystring",
    "path",
    "params",
    "cookie",
    "cookies",
];

/// The longest path of a field that is turned into a pointer, in bytes.
const LONGEST_PATH: usize = 1024;

/// The errors of fields in all layers, and whether there were more than are kept.
pub(super) fn find(document: &Value, layers: &[Layer<'_>]) -> (Vec<FieldError>, bool) {
    let mut found = Fields::default();
    if let Value::Array(list) = document {
        found.list(list);
    }
    for layer in layers {
        found.layer(layer);
        // Kubernetes has them in `details.causes`.
        layer
            .objects(&["details"])
            .iter()
            .for_each(|inner| found.layer(inner));
    }
    (found.errors, found.more)
}

#[derive(Default)]
struct Fields {
    errors: Vec<FieldError>,
    more: bool,
}

impl Fields {
    fn layer(&mut self, layer: &Layer<'_>) {
        for list in layer.all(&LISTS).filter_map(|(_, value)| value.as_array()) {
            self.list(list);
        }
        for map in layer.all(&MAPS).filter_map(|(_, value)| value.as_object()) {
            self.map(map);
        }
    }

    fn push(&mut self, error: FieldError) {
        if self.errors.len() < Problem::MAX_FIELDS {
            self.errors.push(error);
        } else {
            self.more = true;
        }
    }

    fn list(&mut self, list: &[Value]) {
        for error in list.iter().filter_map(of_element) {
            self.push(error);
        }
    }

    /// `{"age": "too low", "name": ["taken", "too long"]}`; a map of anything else is none.
    fn map(&mut self, map: &Map<String, Value>) {
        for (name, value) in map {
            let details = match value {
                Value::Array(list) => list.as_slice(),
                value => std::slice::from_ref(value),
            };
            for detail in details.iter().filter_map(Value::as_str) {
                self.push(FieldError {
                    pointer: of_path(name),
                    code: None,
                    detail: detail.to_owned(),
                });
            }
        }
    }
}

fn of_element(element: &Value) -> Option<FieldError> {
    let object = match element {
        Value::Object(object) => Layer::new(String::new(), object),
        other => {
            let detail = words(other)?.to_owned();
            return Some(FieldError {
                pointer: None,
                code: None,
                detail,
            });
        }
    };
    let code = object.all(&CODE).find_map(|(_, value)| match value {
        Value::String(word) if is_code(word) => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    });
    let mut details = DETAIL.iter().filter_map(|name| object.text(&[name]));
    let detail = details.find(|text| code.as_deref() != Some(*text));
    let pointer = pointer(&object);
    // An element that says none of these is of another kind.
    (pointer.is_some() || code.is_some() || detail.is_some()).then(|| FieldError {
        pointer,
        code,
        detail: detail.unwrap_or_default().to_owned(),
    })
}

fn pointer(error: &Layer<'_>) -> Option<String> {
    // JSON:API has it in `source.pointer`; a source of another kind is not in the body.
    if let Some(source) = error.objects(&["source"]).first() {
        return of_path(source.text(&["pointer"])?);
    }
    let place = error.text(&["location", "in"]);
    if place.is_some_and(|place| ELSEWHERE.contains(&place)) {
        return None;
    }
    error.all(&POINTER).find_map(|(_, value)| match value {
        Value::String(path) if path != "body" => of_path(path),
        Value::Array(path) => of_parts(path),
        _ => None,
    })
}

/// A pointer from a JSON Pointer, its URI fragment form (RFC 6901 6), or a path with dots and brackets.
fn of_path(path: &str) -> Option<String> {
    if path.is_empty() || path.len() > LONGEST_PATH || path.contains(char::is_whitespace) {
        return None;
    }
    if let Some(fragment) = path.strip_prefix('#') {
        let pointer = String::from_utf8(percent::decode(fragment).into_owned()).ok()?;
        return (pointer.is_empty() || pointer.starts_with('/')).then_some(pointer);
    }
    if path.starts_with('/') {
        return Some(path.to_owned());
    }
    let path = path.strip_prefix('$').unwrap_or(path);
    let quotes = |part: &str| part.trim_matches(['\'', '"', ']']).to_owned();
    let parts = path
        .split(['.', '['])
        .map(quotes)
        .filter(|part| !part.is_empty());
    Some(parts.fold(String::new(), |pointer, part| {
        pointer + "/" + &escape(&part)
    }))
}

/// A pointer from a list of names and indices, where the first may say `body`.
fn of_parts(parts: &[Value]) -> Option<String> {
    let first = parts.first().and_then(Value::as_str);
    if parts.len() > LONGEST_PATH || first.is_some_and(|first| ELSEWHERE.contains(&first)) {
        return None;
    }
    let rest = parts.get(usize::from(first == Some("body"))..)?;
    rest.iter()
        .map(|part| match part {
            Value::String(name) => Some(format!("/{}", escape(name))),
            Value::Number(index) => Some(format!("/{index}")),
            _ => None,
        })
        .collect()
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
            ("#/a%20b/~1", Some("/a b/~1")),
            ("#", Some("")),
            ("#frag", None),
            ("spec.containers[0].image", Some("/spec/containers/0/image")),
            ("$.age", Some("/age")),
            ("$", Some("")),
            ("a['b/c'].d~", Some("/a/b~1c/d~0")),
            ("Name", Some("/Name")),
            ("", None),
            ("a field with words", None),
        ] {
            assert_eq!(of_path(path).as_deref(), pointer, "{path}");
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
            (json!([["nested"]]), None),
        ] {
            let parts = parts.as_array().cloned().unwrap_or_default();
            assert_eq!(of_parts(&parts).as_deref(), pointer, "{parts:?}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_a_pointer_or_none(path: String) {
            prop_assert!(of_path(&path).is_none_or(|p| p.is_empty() || p.starts_with('/')));
        }
    }
}
