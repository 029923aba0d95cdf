//! Encodes Rust types as documents, and documents as parts of Rust types.

use std::cell::Cell;

use serde::ser::{Error, SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::document::Document;
use super::node_kind::NodeKind;
use super::tape::Node;
use super::write;

thread_local! {
    /// Whether values serialized on this thread are written into the text of a document.
    static INTO_TEXT: Cell<bool> = const { Cell::new(false) };
}

/// A guard that sets [`INTO_TEXT`] until it is dropped.
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

/// Returns the JSON text of a value. A [`Document`] within it keeps its own text. `about` is the expected length.
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
        self.with_root(|root| DocumentPart(root).serialize(serializer))
    }
}

/// A value within a document, for serializers that accept no raw text.
struct DocumentPart<'t>(Node<'t>);

impl Serialize for DocumentPart<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = self.0;
        match node.kind() {
            NodeKind::Null => serializer.serialize_unit(),
            NodeKind::False => serializer.serialize_bool(false),
            NodeKind::True => serializer.serialize_bool(true),
            NodeKind::Number => node.number().held().serialize(serializer),
            NodeKind::Plain | NodeKind::Escaped | NodeKind::Torn => {
                serializer.serialize_str(&write::without_halves(node.content()))
            }
            NodeKind::Array => {
                let mut elements =
                    serializer.serialize_seq(Some(node.children_of_array().count()))?;
                for element in node.children_of_array() {
                    elements.serialize_element(&DocumentPart(element))?;
                }
                elements.end()
            }
            NodeKind::Object => {
                let mut members =
                    serializer.serialize_map(Some(node.children_of_object().count()))?;
                for (key, member) in node.children_of_object() {
                    let name = write::without_halves(key.content());
                    members.serialize_entry(&*name, &DocumentPart(member))?;
                }
                members.end()
            }
        }
    }
}
