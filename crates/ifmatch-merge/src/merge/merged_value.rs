//! The result of a merge as a tree that borrows from its inputs, and how it is written.

use serde_json::{Map, Value};

use crate::json::{self, Document, Key, Style, Tree};

/// A merged value.
#[derive(Debug, Clone)]
pub(crate) enum MergedValue<'t, T> {
    /// An unchanged value of one of the inputs.
    Take(T),
    /// A merged text.
    Text(String),
    /// A value known only by its JSON text.
    Raw(String),
    /// A value known only by its JSON text, borrowed from elsewhere.
    Spelt(&'t str),
    /// A value returned by a function.
    Value(Value),
    /// An object returned by a function. Each member has its original key, its name and its value.
    Made(Vec<(Option<Key<'t>>, String, MergedValue<'t, T>)>),
    /// An array, formatted like another one.
    Array {
        like: Option<T>,
        items: Vec<MergedValue<'t, T>>,
    },
    /// An object, formatted like another one.
    Object {
        like: Option<T>,
        members: Vec<(Key<'t>, MergedValue<'t, T>)>,
    },
}

impl<'t, T: Tree<'t>> MergedValue<'t, T> {
    /// Whether this is the identical input value.
    pub(crate) fn is(&self, value: T) -> bool {
        matches!(self, MergedValue::Take(taken) if taken.is(value))
    }

    /// Whether this is equal to an input value.
    pub(crate) fn says(&self, value: T) -> bool {
        let mut texts = [String::new(), String::new()];
        self.write(&mut texts[0]);
        value.write(&mut texts[1]);
        let [merged, value] = texts.map(Document::from_trusted);
        merged == value
    }

    pub(crate) fn into_value(self) -> Value {
        match self {
            MergedValue::Take(value) => value.to_value(),
            MergedValue::Text(text) => Value::String(text),
            MergedValue::Raw(text) => Document::from_trusted(text).to_value(),
            MergedValue::Spelt(text) => Document::from_trusted(text).to_value(),
            MergedValue::Value(value) => value,
            MergedValue::Array { items, .. } => {
                Value::Array(items.into_iter().map(MergedValue::into_value).collect())
            }
            MergedValue::Made(members) => {
                let members = members
                    .into_iter()
                    .map(|(_, name, member)| (name, member.into_value()));
                Value::Object(members.collect())
            }
            MergedValue::Object { members, .. } => {
                let members = members
                    .into_iter()
                    .map(|(key, member)| (key.name.to_owned(), member.into_value()));
                Value::Object(members.collect::<Map<_, _>>())
            }
        }
    }

    pub(crate) fn write(&self, out: &mut String) {
        match self {
            MergedValue::Take(value) => value.write(out),
            MergedValue::Text(text) => json::write_string(text, out),
            MergedValue::Raw(text) => out.push_str(text),
            MergedValue::Spelt(text) => out.push_str(text),
            MergedValue::Value(value) => value.write(out),
            MergedValue::Array { like, items } => {
                let style = Style::of(like.and_then(Tree::node));
                style.write(out, ['[', ']'], items.len(), |at, out| items[at].write(out));
            }
            MergedValue::Made(members) => {
                Style::of(None).write(out, ['{', '}'], members.len(), |at, out| {
                    let (key, name, member) = &members[at];
                    write_key(*key, name, out);
                    out.push(':');
                    member.write(out);
                });
            }
            MergedValue::Object { like, members } => {
                let style = Style::of(like.and_then(Tree::node));
                style.write(out, ['{', '}'], members.len(), |at, out| {
                    let (key, member) = &members[at];
                    write_key(Some(*key), key.name, out);
                    out.push_str(style.colon);
                    member.write(out);
                });
            }
        }
    }
}

fn write_key(key: Option<Key<'_>>, name: &str, out: &mut String) {
    match key {
        Some(key) if !key.raw.is_empty() => out.push_str(key.raw),
        _ => json::write_key(name, out),
    }
}
