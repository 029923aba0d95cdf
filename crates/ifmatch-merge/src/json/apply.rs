//! Applies the two standard patches to a document. All other bytes stay unchanged.

use super::document::Document;
use super::pointer::push as push_token;
use super::tape::Node;
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
/// assert_eq!(apply_merge_patch(&document, &patch).as_str(), r#"{"price": 1.10,"new":1}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn apply_merge_patch(target: &Document, patch: &Document) -> Document {
    patch.with_root(|patch| merged(target.clone(), &mut String::new(), patch))
}

fn merged(mut target: Document, at: &mut String, patch: Node<'_>) -> Document {
    // All pointers below lead through objects only, so no operation can fail.
    let with = |target: Document, at: &str, value: &str| {
        let value = Document::from_trusted(value);
        target.with(at, &value).unwrap_or(target)
    };
    if !matches!(patch.view(), View::Object) {
        return with(target, at, patch.raw());
    }
    if !target
        .pointer(at)
        .is_some_and(|old| old.as_str().starts_with('{'))
    {
        target = with(target, at, "{}");
    }
    for (key, value) in patch.members() {
        let length = at.len();
        push_token(at, key.name);
        target = match value.view() {
            View::Null => target.without(at),
            _ => merged(target, at, value),
        };
        at.truncate(length);
    }
    target
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
/// assert_eq!(apply_json_patch(&document, &patch).unwrap().as_str(), r#"{"list": [1,2,3]}"#);
/// # Ok::<(), ifmatch::json::JsonError>(())
/// ```
pub fn apply_json_patch(target: &Document, patch: &Document) -> Result<Document, PatchError> {
    patch.with_root(|patch| {
        let View::Array = patch.view() else {
            return Err(PatchError::NotAPatch);
        };
        patch
            .elements()
            .into_iter()
            .try_fold(target.clone(), |target, operation| {
                self::operation(&target, &Document::from_trusted(operation.raw()))
            })
    })
}

fn operation(target: &Document, operation: &Document) -> Result<Document, PatchError> {
    let text = |name| operation.pointer(name)?.decode::<String>().ok();
    let path = text("/path").ok_or(PatchError::Impossible(String::new()))?;
    let impossible = || PatchError::Impossible(path.clone());
    let value = || operation.pointer("/value").ok_or_else(impossible);
    let there = target.pointer(&path);
    match text("/op").as_deref() {
        Some("test") if there == Some(value()?) => Ok(target.clone()),
        Some("test") => Err(PatchError::TestFailed(path)),
        Some("remove") if there.is_some() => Ok(target.without(&path)),
        Some("replace") if there.is_some() => {
            target.with(&path, &value()?).map_err(|_| impossible())
        }
        Some("add") => added(target, &path, &value()?).ok_or_else(impossible),
        _ => Err(impossible()),
    }
}

/// Adds a member, or inserts an element before the element at the given index.
fn added(target: &Document, path: &str, value: &Document) -> Option<Document> {
    let (parent, token) = path.rsplit_once('/').unwrap_or_default();
    let list = target
        .pointer(parent)
        .filter(|list| list.as_str().starts_with('['));
    let (Some(list), Ok(at), Some(_)) = (list, token.parse::<usize>(), target.pointer(path)) else {
        return target.with(path, value).ok();
    };
    let list = list.with_root(|list| {
        let mut elements: Vec<&str> = list
            .elements()
            .iter()
            .map(|element| element.raw())
            .collect();
        elements.insert(at, value.as_str());
        format!("[{}]", elements.join(","))
    });
    target.with(parent, &Document::from_trusted(list)).ok()
}
