//! Finds the parts of a body in which its dialect may have put its members.
//!
//! The top, the error object (`{"error": {…}}`), and the first of several errors (`{"errors": [{…}]}`) are
//! *layers*. A member is taken from the outermost layer that has it. If there is neither an error object nor
//! a list of errors, an object under any other name counts as the error object if it reads like one
//! (`{"NeutronError": {…}}`).

use serde_json::{Map, Value};

/// The number of layers of a body that are searched.
const MOST: usize = 6;
/// The longest member name that any dialect uses, in bytes.
const LONGEST_NAME: usize = 40;

/// Members that hold the error as an object.
const ENVELOPES: [&str; 5] = ["error", "odataerror", "fault", "problem", "detail"];
/// Members that hold several errors.
const LISTS: [&str; 4] = ["errors", "error", "issue", "issues"];

/// The maximum depth of an error object under names that are specific to one dialect.
const DEEPEST_WRAPPER: usize = 3;
/// Endings of names, in their plain form, that only errors have: `NeutronError`, `serviceException`.
const ERROR_ENDINGS: [&str; 5] = ["error", "fault", "exception", "failure", "problem"];
/// Members that say what happened. An object with one of them reads like an error.
const SAYS: [&str; 9] = [
    "message",
    "msg",
    "errormessage",
    "errormsg",
    "errmsg",
    "errordescription",
    "errorsummary",
    "faultstring",
    "detail",
];

/// Members of a wrapper that report the outcome.
const TOLD_IN: [&str; 3] = ["meta", "status", "result"];

/// Names of the current state.
pub(super) const CURRENT: [&str; 16] = [
    "current",
    "currentstate",
    "currentdocument",
    "currentrepresentation",
    "currentresource",
    "currentrecord",
    "currententity",
    "currentvalue",
    "currentdata",
    "existing",
    "existingresource",
    "existingdocument",
    "remote",
    "remotestate",
    "serverstate",
    "resource",
];

/// The members of one object, by their plain names.
#[derive(Default)]
pub(super) struct Layer<'a> {
    /// Where the object lies, as a JSON Pointer.
    pub(super) pointer: String,
    members: Vec<LayerMember<'a>>,
}

struct LayerMember<'a> {
    plain: String,
    name: &'a str,
    value: &'a Value,
}

impl<'a> Layer<'a> {
    pub(super) fn new(pointer: String, object: &'a Map<String, Value>) -> Self {
        let known = |(name, _): &(&String, &Value)| name.len() <= LONGEST_NAME;
        let member = |(name, value): (&'a String, &'a Value)| LayerMember {
            plain: plain(name),
            name,
            value,
        };
        let members = object.iter().filter(known).map(member).collect();
        Self { pointer, members }
    }

    /// The members with any of the plain names, in the order of the names.
    pub(super) fn all<'b>(
        &'b self,
        names: &'b [&'b str],
    ) -> impl Iterator<Item = (&'a str, &'a Value)> {
        names.iter().flat_map(move |name| {
            let of_that_name = self.members.iter().filter(move |m| m.plain == **name);
            of_that_name.map(|member| (member.name, member.value))
        })
    }

    /// The member with exactly this name.
    pub(super) fn exactly(&self, name: &str) -> Option<&'a Value> {
        let mut members = self.members.iter();
        let member = members.find(|member| member.name == name);
        member.map(|member| member.value)
    }

    /// The first text in any of the members.
    pub(super) fn text(&self, names: &[&str]) -> Option<&'a str> {
        self.all(names).find_map(|(_, value)| words(value))
    }

    /// The objects in any of the members, as layers.
    pub(super) fn objects(&self, names: &[&str]) -> Vec<Layer<'a>> {
        self.all(names)
            .filter_map(|(name, value)| Some(Layer::new(self.child(name), value.as_object()?)))
            .collect()
    }

    /// The pointer to a member.
    pub(super) fn child(&self, name: &str) -> String {
        format!("{}/{}", self.pointer, escape(name))
    }
}

/// The layers of a body, outermost first.
pub(super) fn layers(document: &Value) -> Vec<Layer<'_>> {
    let mut layers: Vec<Layer<'_>> = match document {
        Value::Object(top) => vec![Layer::new(String::new(), top)],
        Value::Array(list) => first_object("", list).into_iter().collect(),
        _ => Vec::new(),
    };
    if let [top] = layers.as_slice()
        && top.text(&SAYS).is_none()
        && let Some(wrapped) = wrapped(top, DEEPEST_WRAPPER)
    {
        layers.push(wrapped);
    }
    let mut at = 0;
    while let Some(layer) = layers.get(at) {
        let mut inner = layer.objects(&ENVELOPES);
        inner.extend(
            layer
                .all(&LISTS)
                .filter_map(|(name, value)| first_object(&layer.child(name), value.as_array()?)),
        );
        layers.append(&mut inner);
        layers.truncate(MOST);
        at += 1;
    }
    layers
}

/// The error object under a dialect's own name: a member named like an error, or the only member.
///
/// If the only object has an `id`, or the name of a current state, it is a resource, and its words are user
/// data.
fn wrapped<'a>(layer: &Layer<'a>, deepest: usize) -> Option<Layer<'a>> {
    let inner = |member: &LayerMember<'a>| {
        let object = member.value.as_object()?;
        Some(Layer::new(layer.child(member.name), object))
    };
    let is_error = |member: &&LayerMember<'a>| {
        let named = ERROR_ENDINGS.iter().any(|end| member.plain.ends_with(end));
        named && !ENVELOPES.contains(&&*member.plain)
    };
    let mut named = layer.members.iter().filter(is_error).filter_map(inner);
    if let Some(error) = named.next() {
        return Some(error);
    }
    let sole = match layer.members.as_slice() {
        [sole] if !CURRENT.contains(&&*sole.plain) && sole.plain != "data" => inner(sole)?,
        _ => return None,
    };
    if sole.all(&["id"]).next().is_some() {
        return None;
    }
    let says = |layer: &Layer<'_>| layer.text(&SAYS).is_some();
    if says(&sole) {
        return Some(sole);
    }
    // `{"ocs": {"meta": {"message": …}, "data": []}}`
    let named = sole.objects(&TOLD_IN).into_iter().find(says);
    named.or_else(|| wrapped(&sole, deepest.checked_sub(1)?))
}

fn first_object<'a>(pointer: &str, list: &'a [Value]) -> Option<Layer<'a>> {
    let object = list.first()?.as_object()?;
    Some(Layer::new(format!("{pointer}/0"), object))
}

/// The text of a value: a string, or the text beside its language (`OData`) or coding (FHIR).
pub(super) fn words(value: &Value) -> Option<&str> {
    let text = match value {
        Value::String(text) => text,
        value => ["value", "text"]
            .iter()
            .find_map(|name| value.get(name)?.as_str())?,
    };
    Some(text).filter(|text| !text.trim().is_empty())
}

/// A name without case and separators: `error_code`, `errorCode` and `Error-Code` are the same.
pub(super) fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-' | '.' | ' '))
        .map(|c| c.to_ascii_lowercase())
        .collect()
}

/// Encodes a name as a token of a JSON Pointer (RFC 6901 3).
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The value at a pointer that this module built.
pub(super) fn walk<'a>(members: &'a Map<String, Value>, pointer: &str) -> Option<&'a Value> {
    let path = pointer.strip_prefix('/')?;
    let (first, rest) = path.split_at(path.find('/').unwrap_or(path.len()));
    let name = first.replace("~1", "/").replace("~0", "~");
    members.get(&name)?.pointer(rest)
}
