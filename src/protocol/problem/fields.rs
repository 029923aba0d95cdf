//! Reads the errors of single fields, in the forms of the common dialects.

use std::fmt;

use serde_json::{Map, Value};

use super::Problem;
use super::code::is_code;
use super::layers::{Layer, plain, words};
use super::pointer::{ELSEWHERE, of_fhir_path, of_parts, of_path};
use super::text::bounded;

/// An error of one field, as reported by a refusal.
///
/// `Debug` omits the detail, because servers quote the value in it.
#[derive(Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FieldError {
    /// The field as a JSON Pointer (RFC 6901) into the body that was sent, if the server names the field.
    pub pointer: Option<String>,
    /// A machine code, such as `required` or `FieldValueInvalid`.
    pub code: Option<String>,
    /// The description for people, or an empty text.
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

/// Members that list errors, one per element.
const LISTS: [&str; 22] = [
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
    "message",
    "messages",
    "errormessages",
    "nonfielderrors",
    "reasons",
    "descriptions",
];

/// Members that map the name of a field to its errors.
const MAPS: [&str; 5] = [
    "errors",
    "issues",
    "fielderrors",
    "validationerrors",
    "modelstate",
];

/// Members that may be such a map. They often have another meaning, so each name in the map must have words
/// in lists and nothing else (`{"message": {"name": ["is taken"]}}`).
const MAPS_OF_LISTS: [&str; 5] = ["message", "messages", "error", "detail", "details"];

/// Members of an element that name the field, most exact first.
const POINTER: [&str; 17] = [
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
    "target",
    "name",
    "key",
];

const CODE: [&str; 6] = ["code", "errorcode", "type", "keyword", "rule", "reason"];

const DETAIL: [&str; 11] = [
    "detail",
    "message",
    "defaultmessage",
    "msg",
    "description",
    "reason",
    "title",
    "diagnostics",
    "details",
    "text",
    "error",
];

/// A list that replaces the element in which it lies (Google's `BadRequest`).
const INNER_LIST: &str = "fieldviolations";

/// Members of an error object by which it names a field itself (Stripe: `param`).
const OWN_FIELD: [&str; 7] = [
    "param",
    "parameter",
    "field",
    "fieldname",
    "attribute",
    "property",
    "propertypath",
];

/// The number of levels of a map that are searched for words.
const DEEPEST_MAP: usize = 8;

/// Finds the errors of fields in all layers. The flag states whether some were left out.
pub(super) fn find(document: &Value, layers: &[Layer<'_>]) -> (Vec<FieldError>, bool) {
    let mut found = FieldErrors::default();
    match document {
        Value::Array(list) => found.list(list),
        // Django REST framework: the whole body is the map.
        Value::Object(map) => found.map_of_lists(map),
        _ => {}
    }
    for layer in layers {
        found.layer(layer);
        // Kubernetes has them in `details.causes`.
        layer
            .objects(&["details"])
            .iter()
            .for_each(|inner| found.layer(inner));
    }
    if found.errors.is_empty() {
        for layer in layers {
            found.own_field(layer);
        }
    }
    (found.errors, found.cut)
}

/// Whether the value under this name is already read as a list or map of errors.
fn is_known(name: &str) -> bool {
    let plain = plain(name);
    LISTS.contains(&&*plain) || MAPS.contains(&&*plain)
}

#[derive(Default)]
struct FieldErrors {
    errors: Vec<FieldError>,
    cut: bool,
}

impl FieldErrors {
    fn layer(&mut self, layer: &Layer<'_>) {
        for list in layer.all(&LISTS).filter_map(|(_, value)| value.as_array()) {
            self.list(list);
        }
        for map in layer.all(&MAPS).filter_map(|(_, value)| value.as_object()) {
            self.map(map);
        }
        let maps = layer.all(&MAPS_OF_LISTS);
        for map in maps.filter_map(|(_, value)| value.as_object()) {
            self.map_of_lists(map);
        }
    }

    /// Reads `{"name": ["is taken"]}`, if it contains only words in lists. The words may be in objects of their own
    /// (Zendesk), or deeper (Django REST framework: `{"items": [{}, {"count": ["is too low"]}]}`).
    fn map_of_lists(&mut self, map: &Map<String, Value>) {
        if !map.keys().any(|name| is_known(name)) && are_words(map, DEEPEST_MAP) {
            self.tree("", map);
        }
    }

    fn tree(&mut self, above: &str, map: &Map<String, Value>) {
        for (name, value) in map {
            let Some(path) = of_path(name) else { continue };
            let path = format!("{above}{path}");
            match value {
                Value::Object(map) => self.tree(&path, map),
                Value::Array(list) => {
                    for (at, element) in list.iter().enumerate() {
                        match element {
                            Value::Object(map) if !says(map) => {
                                self.tree(&format!("{path}/{at}"), map);
                            }
                            element => self.element(element, Some(&path)),
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// Reads an error object that names its field itself.
    fn own_field(&mut self, layer: &Layer<'_>) {
        let named = layer
            .all(&OWN_FIELD)
            .find_map(|(_, value)| of_path(value.as_str()?));
        let detail = layer.text(&DETAIL);
        if let (Some(pointer), Some(detail)) = (named, detail) {
            self.push(Some(pointer), code_of(layer), detail);
        }
    }

    fn list(&mut self, list: &[Value]) {
        for element in list {
            let inner = element
                .as_object()
                .map(|object| Layer::new(String::new(), object));
            let inner = inner
                .iter()
                .flat_map(|layer| layer.all(&[INNER_LIST]))
                .find_map(|(_, value)| value.as_array());
            for element in inner.map_or(std::slice::from_ref(element), Vec::as_slice) {
                self.element(element, None);
            }
        }
    }

    /// Reads `{"age": "too low", "name": ["taken", {"message": "too long"}]}`.
    fn map(&mut self, map: &Map<String, Value>) {
        for (name, value) in map {
            let elements = match value {
                Value::Array(list) => list.as_slice(),
                value => std::slice::from_ref(value),
            };
            for element in elements {
                self.element(element, Some(name));
            }
        }
    }

    /// Reads one error, which is a text or an object. Its field is `name`, unless it names another one.
    fn element(&mut self, element: &Value, name: Option<&str>) {
        let object = match element {
            Value::Object(object) => Layer::new(String::new(), object),
            Value::String(_) => Layer::default(),
            _ => return,
        };
        let code = code_of(&object);
        let mut details = DETAIL.iter().filter_map(|name| object.text(&[name]));
        // In an object, `value` is the refused value and not a description.
        let detail = match element {
            Value::String(_) => words(element),
            _ => details.find(|text| code.as_deref() != Some(*text)),
        };
        let pointer = pointer(&object);
        // An element without any of these is not an error of a field.
        if pointer.is_none() && code.is_none() && detail.is_none() {
            return;
        }
        let pointer = pointer.or_else(|| of_path(name?));
        self.push(pointer, code, detail.unwrap_or_default());
    }

    fn push(&mut self, pointer: Option<String>, code: Option<String>, detail: &str) {
        if self.errors.len() == Problem::MAX_FIELDS {
            self.cut = true;
            return;
        }
        self.errors.push(FieldError {
            pointer,
            code,
            detail: bounded(detail, &mut self.cut),
        });
    }
}

fn code_of(error: &Layer<'_>) -> Option<String> {
    error.all(&CODE).find_map(|(_, value)| match value {
        Value::String(word) if is_code(word) => Some(word.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// Whether a map has only words in lists, at any level.
fn are_words(map: &Map<String, Value>, deepest: usize) -> bool {
    let Some(deeper) = deepest.checked_sub(1) else {
        return false;
    };
    let is_element = |element: &Value| match element {
        Value::String(_) => true,
        Value::Object(map) => says(map) || are_words(map, deeper),
        _ => false,
    };
    map.values().all(|value| match value {
        Value::Array(list) => !list.is_empty() && list.iter().all(is_element),
        Value::Object(map) => !map.is_empty() && are_words(map, deeper),
        _ => false,
    })
}

/// Whether an object describes one error by itself.
fn says(object: &Map<String, Value>) -> bool {
    Layer::new(String::new(), object).text(&DETAIL).is_some()
}

fn pointer(error: &Layer<'_>) -> Option<String> {
    // JSON:API has it in `source.pointer`. Another kind of source is not in the body.
    if let Some(source) = error.objects(&["source"]).first() {
        return of_path(source.text(&["pointer"])?);
    }
    let mut places = error.all(&["location", "locationtype", "in"]);
    if places.any(|(_, place)| place.as_str().is_some_and(|p| ELSEWHERE.contains(&p))) {
        return None;
    }
    // FHIR has FHIRPath in `expression`, and in older versions XPath in `location`.
    if let Some((_, Value::Array(paths))) = error.all(&["expression"]).next() {
        return of_fhir_path(paths.first()?.as_str()?);
    }
    error.all(&POINTER).find_map(|(_, value)| match value {
        Value::String(path) if path != "body" => of_path(path),
        Value::Array(path) => of_parts(path),
        _ => None,
    })
}
