//! The laws of the lens, checked on the actual documents before anything is sent.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::written::{unsaid, unwritten};
use crate::json::{self, Document, JsonError, Node, Tree, View, same};
use crate::merge::Cursor;
use crate::shape::Shape;

/// The error for a value that cannot be put into a document so that its type reads the same value back.
///
/// Nothing must be written in this case, because the document would not represent the intended value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfaithful {
    pointer: String,
    reason: Reason,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Reason {
    /// The type cannot read the document that would be written.
    Unreadable(String),
    /// The type reads another value.
    Other,
    /// The document has no place for a member that the type only writes.
    Unwritten,
}

impl Unfaithful {
    /// Returns the place where the document and the value would differ, as a JSON Pointer into the value.
    pub fn pointer(&self) -> &str {
        &self.pointer
    }

    pub(super) fn unreadable(error: &JsonError) -> Self {
        let mut pointer = error.pointer().unwrap_or_default().to_owned();
        if let Some(name) = error.missing_field() {
            json::push_token(&mut pointer, name);
        }
        let reason = Reason::Unreadable(error.to_string());
        Self { pointer, reason }
    }
}

impl fmt::Display for Unfaithful {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = if self.pointer.is_empty() {
            "the whole document"
        } else {
            &self.pointer
        };
        match &self.reason {
            Reason::Unreadable(error) => write!(
                f,
                "the type could not read the document that would be written: {error}"
            ),
            Reason::Other => write!(
                f,
                "the document cannot represent the value at {place}: the type would read something else there than \
                 it writes"
            ),
            Reason::Unwritten => write!(
                f,
                "the document has no place for {place}, which the type writes but does not read"
            ),
        }
    }
}

impl std::error::Error for Unfaithful {}

/// How lists of unknown types are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lists {
    Ordered,
    Unordered,
}

/// Checks that the type reads from `result` what it reads from `after`, the new value as the type writes it.
/// `readable` is the same value under the names that the type reads.
pub(super) fn check<T: Serialize + DeserializeOwned>(
    result: &Document,
    after: &Document,
    readable: impl FnOnce() -> Document,
    cursor: Cursor<'_>,
) -> Result<(), Unfaithful> {
    let read = |document: &Document| -> Result<Document, JsonError> {
        Document::encode(&document.decode::<T>()?)
    };
    let got = read(result).map_err(|error| Unfaithful::unreadable(&error))?;
    if got.same_text(after) || alike(&got, after, cursor, Lists::Ordered) {
        return Ok(());
    }
    // A type may change its own output when it reads it, for example by sorting it or hiding members that are only
    // written. If it cannot read its own output, the output itself is compared.
    let want = read(after).or_else(|_| read(&readable()));
    let want = want.unwrap_or_else(|_| after.clone());
    let is_meant = alike(&got, &want, cursor, Lists::Ordered)
        || (alike(&got, &want, cursor, Lists::Unordered) && shuffles(result, read));
    if !is_meant {
        return Err(difference(&got, &want, cursor));
    }
    if let Some(pointer) = unsaid(after, &want) {
        // The member was left out on writing, and reading fills in another value.
        let reason = Reason::Other;
        return Err(Unfaithful { pointer, reason });
    }
    unwritten(after, &want, result).map_or(Ok(()), |pointer| {
        Err(Unfaithful {
            pointer,
            reason: Reason::Unwritten,
        })
    })
}

/// Whether the type writes the same value in another order each time.
fn shuffles(document: &Document, read: impl Fn(&Document) -> Result<Document, JsonError>) -> bool {
    /// Two elements keep their order this often by chance only once in 30 000 cases.
    const TIMES: usize = 16;
    let Ok(first) = read(document) else {
        return false;
    };
    (1..TIMES).any(|_| read(document).is_ok_and(|again| !again.same_text(&first)))
}

fn alike(a: &Document, b: &Document, cursor: Cursor<'_>, lists: Lists) -> bool {
    a.with_root(|a| {
        b.with_root(|b| {
            same(a, b) || {
                let normal = |node| {
                    let mut text = String::new();
                    normal(node, cursor, lists, &mut text);
                    text
                };
                normal(a) == normal(b)
            }
        })
    })
}

/// Writes a normalized text, which is the same for values that are considered equal.
fn normal(value: Node<'_>, cursor: Cursor<'_>, lists: Lists, out: &mut String) {
    match value.view() {
        View::Object => {
            let fields = cursor.fields(value);
            let mut members = value.members();
            members.sort_by_key(|(key, _)| key.name);
            out.push('{');
            for (key, member) in members {
                json::write_string(key.name, out);
                let place = cursor.known(fields.written_as(key.name), key.name);
                normal(member, place, lists, out);
            }
            out.push('}');
        }
        View::Array => {
            let shape = cursor.shape();
            let is_unknown = shape.is_none_or(Shape::is_unknown);
            let mut elements = Vec::new();
            for (at, element) in value.each_element().enumerate() {
                let mut text = String::new();
                normal(element, cursor.part(at), lists, &mut text);
                elements.push(text);
            }
            if shape.is_some_and(Shape::is_set) || (is_unknown && lists == Lists::Unordered) {
                elements.sort_unstable();
            }
            out.push('[');
            for element in elements {
                out.push_str(&element);
                out.push(',');
            }
            out.push(']');
        }
        View::Number(number) => {
            out.push_str(&number.canonical());
            out.push(' ');
        }
        View::String(text) => json::write_string(text, out),
        View::Torn(text) => out.push_str(text),
        View::Null => out.push('n'),
        View::Bool(true) => out.push('t'),
        View::Bool(false) => out.push('f'),
    }
}

/// Returns an error with the first place at which the documents differ, ignoring the order of sets.
fn difference(got: &Document, want: &Document, cursor: Cursor<'_>) -> Unfaithful {
    let mut pointer = String::new();
    got.with_root(|got| want.with_root(|want| to_difference(got, want, cursor, &mut pointer)));
    Unfaithful {
        pointer,
        reason: Reason::Other,
    }
}

fn to_difference(got: Node<'_>, want: Node<'_>, cursor: Cursor<'_>, pointer: &mut String) {
    match (got.view(), want.view()) {
        (View::Object, View::Object) => {
            let fields = cursor.fields(want);
            let (g, w) = (got.members(), want.members());
            let (mut in_got, mut in_want) = (json::Finder::new(&g), json::Finder::new(&w));
            for (key, want) in &w {
                let got = in_got.get(key.name).map(|at| g[at].1);
                let place = cursor.known(fields.written_as(key.name), key.name);
                if got.is_none_or(|got| differ(got, *want, place)) {
                    json::push_token(pointer, key.name);
                    if let Some(got) = got {
                        to_difference(got, *want, place, pointer);
                    }
                    return;
                }
            }
            if let Some((key, _)) = g.iter().find(|(key, _)| in_want.get(key.name).is_none()) {
                json::push_token(pointer, key.name);
            }
        }
        (View::Array, View::Array) if !cursor.shape().is_some_and(Shape::is_set) => {
            let (g, w) = (got.elements(), want.elements());
            let pairs = g.iter().zip(&w).enumerate();
            let mut apart = pairs.filter(|(at, (g, w))| differ(**g, **w, cursor.part(*at)));
            if let Some((at, (g, w))) = apart.next().filter(|_| g.len() == w.len()) {
                json::push_token(pointer, &at.to_string());
                to_difference(*g, *w, cursor.part(at), pointer);
            }
        }
        _ => {}
    }
}

fn differ(got: Node<'_>, want: Node<'_>, cursor: Cursor<'_>) -> bool {
    let texts = [got, want].map(|value| {
        let mut text = String::new();
        normal(value, cursor, Lists::Unordered, &mut text);
        text
    });
    texts[0] != texts[1]
}
