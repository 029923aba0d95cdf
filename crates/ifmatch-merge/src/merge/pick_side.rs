//! Settles open conflicts for one side.

use std::borrow::Cow;
use std::fmt::Write as _;

use super::conflict::{FieldConflict, Side};
use super::merged_value::MergedValue;
use crate::json::{self, Document, Key, Node, Table, Tree, View};

/// Sets the place of every listed conflict to the state of one side.
///
/// `document` is the merged document that belongs to the conflicts. Its other places stay unchanged. All pointers
/// refer to that document, so a removed element does not shift the following ones. A pointer that leads nowhere is
/// ignored.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::Document;
/// use ifmatch::merge::{Side, ThreeWay, pick_side};
///
/// let parse = |text: &str| Document::parse(text.as_bytes());
/// let (base, local, remote) = (parse(r#"{"a":1,"b":1}"#)?, parse(r#"{"a":2,"b":2}"#)?, parse(r#"{"a":3,"b":1}"#)?);
/// let merged = ThreeWay::default().merge_documents(Some(&base), &local, &remote);
/// assert_eq!(merged.document.as_str(), r#"{"a":3,"b":2}"#);
/// let mine = pick_side(&merged.document, &merged.conflicts, Side::Local);
/// assert_eq!(mine.as_str(), r#"{"a":2,"b":2}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn pick_side(document: &Document, conflicts: &[FieldConflict], side: Side) -> Document {
    let places = conflicts
        .iter()
        .map(|conflict| (conflict.pointer.as_str(), conflict.side(side)));
    edited(document, places)
}

/// Returns the document with several places set or removed, in one pass over its text. A pointer that leads
/// nowhere is ignored.
pub fn edited<'p>(
    document: &Document,
    places: impl IntoIterator<Item = (&'p str, Option<Document>)>,
) -> Document {
    let mut edits = PlaceEdits::default();
    for (pointer, state) in places {
        if let Some(tokens) = json::pointer_tokens(pointer) {
            edits.at(tokens).edit = Some(state.map_or(PlaceEdit::Remove, PlaceEdit::Set));
        }
    }
    document.with_root(|root| {
        // White space around the value belongs to the document, not to the value.
        let (whole, value) = (root.whole_text(), root.range());
        let mut text = String::with_capacity(document.len());
        text.push_str(&whole[..value.start]);
        match edits.apply(root) {
            Some(out) => out.write(&mut text),
            // The side does not have the document at all, which only `null` can represent.
            None => text.push_str("null"),
        }
        text.push_str(&whole[value.end..]);
        Document::from_trusted(text)
    })
}

enum PlaceEdit {
    Set(Document),
    Remove,
}

impl PlaceEdit {
    fn out(&self) -> Option<MergedValue<'_, Node<'_>>> {
        match self {
            PlaceEdit::Set(document) => Some(MergedValue::Spelt(document.as_str().trim())),
            PlaceEdit::Remove => None,
        }
    }
}

/// The edits, by place.
#[derive(Default)]
struct PlaceEdits<'p> {
    edit: Option<PlaceEdit>,
    children: Table<Cow<'p, str>, PlaceEdits<'p>>,
}

impl<'p> PlaceEdits<'p> {
    fn at(&mut self, tokens: Vec<Cow<'p, str>>) -> &mut Self {
        tokens.into_iter().fold(self, |edits, token| {
            edits.children.entry(token).or_default()
        })
    }

    fn apply<'t>(&'t self, node: Node<'t>) -> Option<MergedValue<'t, Node<'t>>> {
        if let Some(edit) = &self.edit {
            return edit.out();
        }
        if self.children.is_empty() {
            return Some(MergedValue::Take(node));
        }
        match node.view() {
            View::Array => {
                let (mut items, mut count, mut token) = (Vec::new(), 0, String::new());
                let mut child = |at: usize| {
                    token.clear();
                    // Writing into a `String` cannot fail.
                    let _ = write!(token, "{at}");
                    self.children.get(token.as_str())
                };
                for element in node.children_of_array() {
                    items.extend(applied(child(count), element));
                    count += 1;
                }
                items.extend(child(count).and_then(PlaceEdits::added));
                Some(MergedValue::Array {
                    like: Some(node),
                    items,
                })
            }
            View::Object => {
                let members = node.members();
                let (mut out, mut found) = (Vec::with_capacity(members.len()), 0);
                for (key, member) in &members {
                    let edits = self.children.get(key.name);
                    found += usize::from(edits.is_some());
                    out.extend(applied(edits, *member).map(|member| (*key, member)));
                }
                if found < self.children.len() {
                    let mut known = json::Finder::new(&members);
                    let mut added: Vec<_> = self.children.iter().collect();
                    added.retain(|(name, _)| known.get(name).is_none());
                    added.sort_unstable_by_key(|(name, _)| *name);
                    for (name, edits) in added {
                        out.extend(edits.added().map(|added| (Key { name, raw: "" }, added)));
                    }
                }
                Some(MergedValue::Object {
                    like: Some(node),
                    members: out,
                })
            }
            _ => Some(MergedValue::Take(node)),
        }
    }

    /// Returns the value for a place that the document lacks.
    fn added(&self) -> Option<MergedValue<'_, Node<'_>>> {
        self.edit.as_ref()?.out()
    }
}

/// Returns the value with its edits, if there are any.
fn applied<'t>(
    edits: Option<&'t PlaceEdits<'_>>,
    value: Node<'t>,
) -> Option<MergedValue<'t, Node<'t>>> {
    match edits {
        Some(edits) => edits.apply(value),
        None => Some(MergedValue::Take(value)),
    }
}
