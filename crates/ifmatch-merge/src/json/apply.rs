//! Applies the two standard patches to a document. Everything that they do not name keeps its text, and a changed
//! array or object keeps its formatting.

use std::borrow::Cow;

use super::document::Document;
use super::part::Part;
use super::pointer;
use super::tape::{Node, Tape};
use super::tree::{Tree, View};

/// The reason why a JSON Patch cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PatchError {
    /// The patch is not an array.
    NotAPatch,
    /// A `test` operation found another value at this pointer.
    TestFailed(String),
    /// An operation is malformed, or the value at this pointer cannot be changed in this way.
    Impossible(String),
}

impl std::fmt::Display for PatchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotAPatch => f.write_str("a JSON Patch must be an array"),
            Self::TestFailed(at) => write!(f, "the test of {at:?} failed"),
            Self::Impossible(at) => write!(f, "the operation at {at:?} cannot be applied"),
        }
    }
}

impl std::error::Error for PatchError {}

/// Applies a JSON Merge Patch (RFC 7396).
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::{Document, patch::apply_merge_patch};
///
/// let document = Document::parse(br#"{"price": 1.10, "old": true}"#)?;
/// let patch = Document::parse(br#"{"old": null, "new": 1}"#)?;
/// assert_eq!(apply_merge_patch(&document, &patch).as_str(), r#"{"price": 1.10, "new": 1}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn apply_merge_patch(target: &Document, patch: &Document) -> Document {
    let (patch, old) = (
        Tape::from_trusted(patch.as_str()),
        Tape::from_trusted(target.as_str()),
    );
    let mut new = Part::Kept(old.root());
    merge(&mut new, patch.root());
    written(&new, old.root())
}

fn merge<'t>(target: &mut Part<'t>, patch: Node<'t>) {
    if !matches!(patch.view(), View::Object) {
        *target = Part::Kept(patch);
        return;
    }
    target.as_object(|object| {
        for (key, value) in patch.each_member() {
            match value.view() {
                View::Null => {
                    object.remove(key.name);
                }
                _ => merge(object.value_or_new(Cow::Borrowed(key.name)), value),
            }
        }
    });
}

/// Applies a JSON Patch (RFC 6902). Either all of its operations are applied, or none.
///
/// Supports the operations `add`, `remove`, `replace` and `test`, which are the ones that
/// [`json_patch`](super::patch::json_patch) writes.
///
/// # Errors
///
/// Returns an error that names the operation that failed and the reason.
///
/// # Example
///
/// ```
/// # use ifmatch_merge as ifmatch;
/// use ifmatch::json::{Document, patch::apply_json_patch};
///
/// let document = Document::parse(br#"{"list": [2, 3]}"#)?;
/// let patch = Document::parse(br#"[{"op": "add", "path": "/list/0", "value": 1}]"#)?;
/// assert_eq!(apply_json_patch(&document, &patch).unwrap().as_str(), r#"{"list": [1, 2, 3]}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn apply_json_patch(target: &Document, patch: &Document) -> Result<Document, PatchError> {
    let (patch, old) = (
        Tape::from_trusted(patch.as_str()),
        Tape::from_trusted(target.as_str()),
    );
    let View::Array = patch.root().view() else {
        return Err(PatchError::NotAPatch);
    };
    let mut new = Part::Kept(old.root());
    for operation in patch.root().each_element() {
        apply(&mut new, operation)?;
    }
    Ok(written(&new, old.root()))
}

fn apply<'t>(target: &mut Part<'t>, operation: Node<'t>) -> Result<(), PatchError> {
    let member = |name: &str| {
        let mut members = operation.each_member();
        members
            .find(|(key, _)| key.name == name)
            .map(|(_, value)| value)
    };
    let text = |name: &str| match member(name)?.view() {
        View::String(text) => Some(text),
        _ => None,
    };
    let path = text("path").ok_or(PatchError::Impossible(String::new()))?;
    let impossible = || PatchError::Impossible(path.to_owned());
    let value = || member("value").ok_or_else(impossible);
    let mut tokens = pointer::tokens(path).ok_or_else(impossible)?;
    let op = text("op").ok_or_else(impossible)?;
    match op {
        "test" => {
            let value = value()?;
            let there = find(target, &tokens);
            let is_it = there.is_some_and(|there| there.is(value));
            is_it
                .then_some(())
                .ok_or_else(|| PatchError::TestFailed(path.to_owned()))
        }
        "replace" => {
            let value = value()?;
            *find(target, &tokens).ok_or_else(impossible)? = Part::Kept(value);
            Ok(())
        }
        "add" | "remove" => {
            let value = if op == "add" { Some(value()?) } else { None };
            let Some(last) = tokens.pop() else {
                // The whole document can be replaced, but not removed.
                *target = Part::Kept(value.ok_or_else(impossible)?);
                return Ok(());
            };
            let parent = find(target, &tokens).ok_or_else(impossible)?;
            let done = match value {
                Some(value) => parent.add(last, value),
                None => parent.remove(&last),
            };
            done.ok_or_else(impossible)
        }
        _ => Err(impossible()),
    }
}

fn find<'p, 't>(target: &'p mut Part<'t>, tokens: &[Cow<'_, str>]) -> Option<&'p mut Part<'t>> {
    tokens
        .iter()
        .try_fold(target, |part, token| part.child(token))
}

/// Returns the document with the new value. White space around the value belongs to the document, not to the value.
fn written(new: &Part<'_>, old: Node<'_>) -> Document {
    let (whole, value) = (old.whole_text(), old.range());
    let mut text = String::with_capacity(whole.len());
    text.push_str(&whole[..value.start]);
    new.write(&mut text);
    text.push_str(&whole[value.end..]);
    Document::from_trusted(text)
}
