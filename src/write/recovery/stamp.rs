//! Write stamps: a bounded list of the latest write ids inside the document.
//!
//! Every writer adds the id of its logical write to the list, so a lost reply is settled by looking
//! for the id: exactly, for any rule, and however many others wrote since, as long as the list has
//! not overflowed.

use serde_json::Value;

use crate::json::{Document, JsonError};

/// How many ids the list keeps.
pub(crate) const KEPT: usize = 32;

fn ids(document: &Document, pointer: &str) -> Vec<String> {
    match document.pointer(pointer).map(|list| list.to_value()) {
        Some(Value::Array(list)) => list
            .iter()
            .filter_map(|id| id.as_str().map(str::to_owned))
            .collect(),
        _ => Vec::new(),
    }
}

/// The document with our id as the latest of the list.
///
/// The list is the one of the state that the write is pinned to, whatever an edit or a strategy made
/// of it: an id that goes missing would let another writer take its applied write for a lost one.
pub(crate) fn stamped(
    document: &Document,
    pinned_to: &Document,
    pointer: &str,
    id: &str,
) -> Result<Document, JsonError> {
    let mut list = ids(pinned_to, pointer);
    list.retain(|old| old != id);
    list.push(id.to_owned());
    let surplus = list.len().saturating_sub(KEPT);
    list.drain(..surplus);
    document.with(pointer, &Document::encode(&list)?)
}

/// Whether the list holds this id.
pub(crate) fn holds(pointer: &str, id: &str, document: &Document) -> bool {
    ids(document, pointer).iter().any(|known| known == id)
}

/// Whether the list tells that what was sent, the latest id of which is its own, was applied; `None`: it has
/// overflowed since.
pub(crate) fn tells(
    pointer: &str,
    base: Option<&Document>,
    sent: &Document,
    remote: &Document,
) -> Option<bool> {
    let (now, sent) = (ids(remote, pointer), ids(sent, pointer));
    let before = base.map(|base| ids(base, pointer)).unwrap_or_default();
    // A write through a handle without stamps only carried the list along.
    let id = sent.last().filter(|id| !before.contains(id))?;
    if now.contains(id) {
        return Some(true);
    }
    // Ids leave the list oldest first: while one of the base is left, or the list never was full,
    // nothing that came after the base has left it.
    let complete = match before.last() {
        Some(latest) => now.contains(latest),
        None => now.len() < KEPT,
    };
    complete.then_some(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(ids: &[&str]) -> Document {
        Document::from_value(&serde_json::json!({"meta": {"writes": ids}}))
    }

    #[test]
    fn an_id_in_the_list_is_ours_however_many_came_after() {
        let base = document(&["a"]);
        assert_eq!(
            tells(
                "/meta/writes",
                Some(&base),
                &document(&["a", "x"]),
                &document(&["a", "x", "b", "c"])
            ),
            Some(true)
        );
    }

    #[test]
    fn a_missing_id_proves_nothing_once_the_list_has_overflowed() {
        let (base, sent) = (document(&["a"]), document(&["a", "x"]));
        assert_eq!(
            tells("/meta/writes", Some(&base), &sent, &document(&["a", "b"])),
            Some(false)
        );
        assert_eq!(
            tells("/meta/writes", Some(&base), &sent, &document(&["b", "c"])),
            None
        );
    }

    #[test]
    fn the_list_keeps_the_latest_ids_only() -> Result<(), JsonError> {
        let mut stamps = Document::parse(b"{}")?;
        for n in 0..100 {
            stamps = stamped(&stamps, &stamps, "/meta/writes", &n.to_string())?;
        }
        let kept = ids(&stamps, "/meta/writes");
        assert_eq!(
            (kept.len(), kept.last().map(String::as_str)),
            (KEPT, Some("99"))
        );
        Ok(())
    }
}
