//! Events that tell the changes of one tree, of which each resource is a branch.

use std::collections::BTreeSet;

use super::Notice;
use super::reader::{LONGEST_ID, LONGEST_POSITION, bounded, text_at};
use crate::json::Document;

/// Where an event names a part of the tree, and its new value.
#[derive(Clone, Debug)]
pub(super) struct Tree {
    pub(super) path: String,
    pub(super) data: String,
}

impl Tree {
    /// Returns what an event says. A patch has the parts of the value that are new, by their paths.
    pub(super) fn notices(&self, is_patch: bool, body: &Document) -> Vec<Notice> {
        let unclear = || vec![Notice::Something];
        let path = text_at(body, &self.path, LONGEST_POSITION);
        let Some(path) = path.filter(|path| path.starts_with('/')) else {
            return unclear();
        };
        let data = body.pointer(&self.data);
        let data = data.filter(|data| data.as_str().trim() != "null");
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        let (first, second) = (segments.next(), segments.next());
        match (first, data) {
            (Some(first), data) => {
                let is_whole = second.is_none() && !is_patch;
                branch(first, data, is_whole).map_or_else(unclear, |notice| vec![notice])
            }
            (None, None) if is_patch => Vec::new(),
            (None, None) => vec![Notice::Whole(Vec::new())],
            (None, Some(data)) => {
                let members = data.members_at("").unwrap_or_default();
                let is_clear = members
                    .iter()
                    .all(|(id, _)| id.len() <= LONGEST_ID && !id.is_empty());
                if members.is_empty() || !is_clear {
                    return unclear();
                }
                if is_patch {
                    hints(&members)
                } else {
                    vec![Notice::Whole(members)]
                }
            }
        }
    }
}

/// Returns what is told of one resource. `is_whole` states whether the value is all of it.
fn branch(id: &str, data: Option<Document>, is_whole: bool) -> Option<Notice> {
    let id = bounded(id.to_owned(), LONGEST_ID)?;
    Some(match data {
        None if is_whole => Notice::Gone {
            id,
            text: None,
            validator: None,
        },
        data => Notice::Put {
            id,
            text: None,
            validator: None,
            body: data.filter(|data| is_whole && data.as_str().trim_start().starts_with('{')),
        },
    })
}

/// Returns a hint at each resource that a patch of the whole changes. Its members may be paths.
fn hints(members: &[(String, Document)]) -> Vec<Notice> {
    let ids = members.iter().filter_map(|(path, _)| {
        let mut segments = path.split('/');
        segments.find(|segment| !segment.is_empty())
    });
    let ids: BTreeSet<&str> = ids.collect();
    let hints = ids.into_iter().filter_map(|id| branch(id, None, false));
    hints.collect()
}
