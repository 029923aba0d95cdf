//! The two patches of JSON documents, applied to a text whose rest stays byte for byte.

use super::state::Wrong;
use crate::json::{Document, Node, Tree, View, push_token};

/// A merge patch (RFC 7396).
pub(super) fn merge(target: &Document, patch: &Document) -> Document {
    patch.with_root(|patch| merged(target.clone(), &mut String::new(), patch))
}

fn merged(mut target: Document, at: &mut String, patch: Node<'_>) -> Document {
    // Every pointer below leads through objects only, so nothing here can fail.
    let with = |target: Document, at: &str, value: &str| {
        let value = Document::of_checked(value);
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

/// A JSON Patch (RFC 6902), all of it or nothing.
pub(super) fn operations(target: &Document, patch: &Document) -> Result<Document, Wrong> {
    patch.with_root(|patch| {
        let View::Array = patch.view() else {
            return Err(Wrong(400, "no-patch", "A JSON Patch is an array"));
        };
        patch
            .elements()
            .into_iter()
            .try_fold(target.clone(), |target, operation| {
                self::operation(&target, &Document::of_checked(operation.raw()))
            })
    })
}

fn operation(target: &Document, operation: &Document) -> Result<Document, Wrong> {
    let impossible = || Wrong(422, "impossible", "This operation cannot be applied here");
    let text = |name| operation.pointer(name)?.decode::<String>().ok();
    let path = text("/path").ok_or_else(impossible)?;
    let value = || operation.pointer("/value").ok_or_else(impossible);
    let there = target.pointer(&path);
    match text("/op").as_deref() {
        Some("test") if there == Some(value()?) => Ok(target.clone()),
        Some("test") => Err(Wrong(409, "test-failed", "A test of the patch failed")),
        Some("remove") if there.is_some() => Ok(target.without(&path)),
        Some("replace") if there.is_some() => {
            target.with(&path, &value()?).map_err(|_| impossible())
        }
        Some("add") => added(target, &path, &value()?).ok_or_else(impossible),
        _ => Err(impossible()),
    }
}

/// Adds a member, or inserts an element before the one that has its place.
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
    target.with(parent, &Document::of_checked(list)).ok()
}
