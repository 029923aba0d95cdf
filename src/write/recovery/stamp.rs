//! Write stamps: a bounded list of the latest write ids inside the document.
//!
//! Every writer adds the id of its logical write to the list, so a lost response is settled by looking for the id.
//! This is exact for any rule and any number of later writes, as long as the list has not overflowed.

use serde_json::Value;

use crate::json::{Document, JsonError};

/// Number of ids that the list keeps.
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

/// Returns the document with our id as the latest of the list.
///
/// The list is taken from the state that the write is pinned to, whatever an edit or a strategy made of it. If an
/// id went missing, another writer would take its applied write for a lost one.
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

/// Whether the list contains this id.
pub(crate) fn holds(pointer: &str, id: &str, document: &Document) -> bool {
    ids(document, pointer).iter().any(|known| known == id)
}

/// Whether two documents differ in nothing but the list.
pub(crate) fn differ_only_there(pointer: &str, known: &Document, remote: &Document) -> bool {
    let list = remote.pointer(pointer);
    let known = list.and_then(|list| known.with(pointer, &list).ok());
    known.is_some_and(|known| known == *remote)
}

/// Whether the list shows that `sent`, whose latest id is its own, was applied. `None` if the list has overflowed
/// since.
pub(crate) fn tells(
    pointer: &str,
    base: Option<&Document>,
    sent: &Document,
    remote: &Document,
) -> Option<bool> {
    let (now, sent) = (ids(remote, pointer), ids(sent, pointer));
    let before = base.map(|base| ids(base, pointer)).unwrap_or_default();
    // A write through a handle without stamps copied the list without adding an id.
    let id = sent.last().filter(|id| !before.contains(id))?;
    if now.contains(id) {
        return Some(true);
    }
    // Ids leave the list oldest first. While one id of the base is left, or the list was never full, no later id
    // has left it.
    let complete = match before.last() {
        Some(latest) => now.contains(latest),
        None => now.len() < KEPT,
    };
    complete.then_some(false)
}

/// Whether the list shows that another write came right after the base. Then `sent`, which is pinned to the base, was not
/// applied and never will be, however far the replica that was read lags behind.
pub(crate) fn excludes(
    pointer: &str,
    base: Option<&Document>,
    sent: &Document,
    remote: &Document,
) -> bool {
    let (now, sent) = (ids(remote, pointer), ids(sent, pointer));
    let before = base.map(|base| ids(base, pointer)).unwrap_or_default();
    let Some(id) = sent.last().filter(|id| !before.contains(id)) else {
        return false;
    };
    let next = match before.last() {
        Some(latest) => {
            let place = now.iter().position(|known| known == latest);
            place.and_then(|place| now.get(place + 1))
        }
        None => now.first().filter(|_| now.len() < KEPT),
    };
    next.is_some_and(|next| next != id)
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
    fn a_write_that_another_one_forestalled_will_never_be_applied() {
        let excluded = |base: &[&str], sent: &[&str], remote: &[&str]| {
            let (base, sent, remote) = (document(base), document(sent), document(remote));
            excludes("/meta/writes", Some(&base), &sent, &remote)
        };
        assert!(excluded(&["a"], &["a", "x"], &["a", "b"]));
        assert!(excluded(&["a"], &["a", "x"], &["a", "b", "x"]));
        assert!(excluded(&[], &["x"], &["b"]));
        // It is there, or it may still arrive, or the list no longer shows what came next.
        assert!(!excluded(&["a"], &["a", "x"], &["a", "x", "b"]));
        assert!(!excluded(&["a"], &["a", "x"], &["a"]));
        assert!(!excluded(&["a"], &["a", "x"], &["b", "c"]));
        // A handle without stamps copied the list.
        assert!(!excluded(&["a"], &["a"], &["a", "b"]));
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
