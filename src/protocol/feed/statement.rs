//! A statement in Turtle, as a JSON object.

use std::collections::BTreeMap;

use serde_json::Value;

use super::reader::LONGEST_POSITION;
use crate::json::Document;
use crate::protocol::turtle::{Object, Triple};

/// The number of members that are kept.
const MOST_MEMBERS: usize = 64;
/// The number of values of one member that are kept.
const MOST_VALUES: usize = 16;

/// The members of the object: the objects of the triples, by the short names of their predicates.
#[derive(Debug, Default)]
pub(crate) struct StatementMembers {
    of: BTreeMap<String, Vec<String>>,
}

impl StatementMembers {
    pub(crate) fn take(&mut self, triple: Triple<'_>) {
        let name = short(triple.predicate);
        let value = match triple.object {
            Object::Name(class) if name == "type" => short(class),
            Object::Name(value) | Object::Text(value) => value,
            Object::Nested => return,
        };
        let is_full = self.of.len() >= MOST_MEMBERS && !self.of.contains_key(name);
        if is_full || name.len() > LONGEST_POSITION || value.len() > LONGEST_POSITION {
            return;
        }
        let values = self.of.entry(name.to_owned()).or_default();
        if values.len() < MOST_VALUES {
            values.push(value.to_owned());
        }
    }

    /// Returns the object, or `None` if there was no triple, as in a directive.
    pub(crate) fn document(self) -> Option<Document> {
        let members = self.of.into_iter().map(|(name, values)| {
            let value = match values.as_slice() {
                [only] => Value::String(only.clone()),
                values => values.into(),
            };
            (name, value)
        });
        let object: serde_json::Map<_, _> = members.collect();
        (!object.is_empty()).then(|| Document::from_value(&Value::Object(object)))
    }
}

/// Returns the part of a name behind the last `#` or `/`.
fn short(name: &str) -> &str {
    name.rsplit(['#', '/']).next().unwrap_or(name)
}
