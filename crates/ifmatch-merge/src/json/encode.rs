//! From Rust types to documents, and documents as parts of Rust types.

use std::cell::Cell;

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::document::Document;
use super::tape::{Kind, Node};
use super::write;

thread_local! {
    /// Whether what is serialized on this thread goes into the text of a document.
    static INTO_TEXT: Cell<bool> = const { Cell::new(false) };
}

/// Sets the mark for as long as it lives.
struct IntoText {
    before: bool,
}

impl IntoText {
    fn new() -> Self {
        let before = INTO_TEXT.replace(true);
        Self { before }
    }
}

impl Drop for IntoText {
    fn drop(&mut self) {
        INTO_TEXT.set(self.before);
    }
}

/// The JSON text of a value; a [`Document`] within keeps its own. `about`: how long it may be.
pub(super) fn text<T: Serialize + ?Sized>(value: &T, about: usize) -> serde_json::Result<String> {
    let _mark = IntoText::new();
    let mut text = Vec::with_capacity(about);
    serde_json::to_writer(&mut text, value)?;
    String::from_utf8(text).map_err(serde::ser::Error::custom)
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if INTO_TEXT.get() {
            let raw = RawValue::from_string(self.as_str().to_owned());
            return raw.map_err(S::Error::custom)?.serialize(serializer);
        }
        self.with_root(|root| Part(root).serialize(serializer))
    }
}

/// A value within a document, for serializers that take no text.
struct Part<'t>(Node<'t>);

impl Serialize for Part<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.0;
        match node.kind() {
            Kind::Null => serializer.serialize_unit(),
            Kind::False => serializer.serialize_bool(false),
            Kind::True => serializer.serialize_bool(true),
            Kind::Number => node.number().held().serialize(serializer),
            Kind::Plain | Kind::Escaped | Kind::Torn => {
                serializer.serialize_str(&write::without_halves(node.content()))
            }
            Kind::Array => {
                let mut elements =
                    serializer.serialize_seq(Some(node.children_of_array().count()))?;
                for element in node.children_of_array() {
                    elements.serialize_element(&Part(element))?;
                }
                elements.end()
            }
            Kind::Object => {
                let mut members =
                    serializer.serialize_map(Some(node.children_of_object().count()))?;
                for (key, member) in node.children_of_object() {
                    let name = write::without_halves(key.content());
                    members.serialize_entry(&*name, &Part(member))?;
                }
                members.end()
            }
        }
    }
}
