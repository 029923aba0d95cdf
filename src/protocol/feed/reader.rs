//! Reads the events of a feed. Pure and bounded: an event that cannot be read is a hint that something has changed.

use super::tree::Tree;
use crate::json::Document;
use crate::protocol::feed::Notice;
use crate::protocol::{EntityTag, Validator};

/// The longest id that is believed, in bytes.
pub(super) const LONGEST_ID: usize = 1_024;
/// The longest position that is kept, in bytes.
pub(super) const LONGEST_POSITION: usize = 4_096;

const REMOVALS: &[&str] = &[
    "deleted",
    "delete",
    "removed",
    "remove",
    "gone",
    "tombstone",
];
const HEARTBEATS: [&str; 5] = ["ping", "heartbeat", "keep-alive", "keepalive", "open"];
/// The longest code of an error that is read, in bytes.
const LONGEST_CODE: usize = 8;

/// Where the parts of an event are.
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Where a page has its changes.
    pub(super) changes: String,
    pub(super) id: String,
    pub(super) document: Option<String>,
    pub(super) version: Option<String>,
    pub(super) version_is_tag: bool,
    pub(super) removal_version: Option<String>,
    pub(super) removed: String,
    /// The kinds of changes that are removals.
    pub(super) removals: &'static [&'static str],
    /// Whether items are not documents of the API, so that ids are no addresses, and only the kind tells a removal.
    pub(super) tells_states: bool,
    /// Whether an address that ends with a slash is that of a container.
    pub(super) has_containers: bool,
    /// Where an event names a part of the tree of all resources, and its new value.
    pub(super) tree: Option<Tree>,
    /// Whether the feed tells of one resource.
    pub(super) is_of_one: bool,
    pub(super) kind: Option<String>,
    pub(super) position: Option<String>,
    pub(super) page_position: Option<String>,
}

impl Default for Reader {
    fn default() -> Self {
        Self {
            changes: String::new(),
            id: "/id".to_owned(),
            document: None,
            version: None,
            version_is_tag: false,
            removal_version: None,
            removed: "/deleted".to_owned(),
            removals: REMOVALS,
            tells_states: false,
            has_containers: false,
            tree: None,
            is_of_one: false,
            kind: None,
            position: None,
            page_position: None,
        }
    }
}

impl Reader {
    /// Reads an event of a stream. `name` and `id` are those of the event.
    pub(crate) fn event(
        &self,
        name: Option<&str>,
        id: Option<&str>,
        data: &[u8],
        depth: usize,
    ) -> Vec<Notice> {
        let name = name.filter(|name| !name.is_empty() && *name != "message");
        let mut notices = match Document::parse_with_depth(data, depth) {
            Ok(body) => self.change(name, &body),
            Err(_) => vec![unreadable(name)],
        };
        let position = id.filter(|id| !id.is_empty() && self.position.is_none());
        notices.extend(
            position
                .and_then(|id| bounded(id.to_owned(), LONGEST_POSITION))
                .map(Notice::Position),
        );
        notices
    }

    /// Reads a line of a stream. `None` is one that is not JSON.
    pub(crate) fn line(&self, line: Option<&Document>) -> Vec<Notice> {
        line.map_or_else(|| vec![Notice::Something], |body| self.change(None, body))
    }

    /// Reads a page. Returns `None` if its changes are not in their place.
    pub(crate) fn page(&self, body: &Document) -> Option<Vec<Notice>> {
        let changes = body.elements_at(&self.changes)?;
        let mut notices: Vec<Notice> = changes
            .iter()
            .flat_map(|change| self.change(None, change))
            .collect();
        let position = self
            .page_position
            .as_deref()
            .and_then(|at| text_at(body, at, LONGEST_POSITION));
        notices.extend(position.map(Notice::Position));
        Some(notices)
    }

    fn change(&self, name: Option<&str>, body: &Document) -> Vec<Notice> {
        let kind = self
            .kind
            .as_deref()
            .and_then(|at| text_at(body, at, LONGEST_ID));
        let kind = kind.as_deref().or(name).map(str::to_ascii_lowercase);
        let is_kind = |kinds: &[&str]| kind.as_deref().is_some_and(|kind| kinds.contains(&kind));
        // The second form is that of etcd's gateway.
        let canceled = ["/canceled", "/result/canceled"];
        if !self.tells_states && canceled.iter().any(|at| is_true(body, at)) {
            return vec![Notice::TooOld];
        }
        if is_kind(&["error", "cancel"]) {
            return vec![failure(body)];
        }
        if is_kind(&["auth_revoked"]) {
            return vec![Notice::Unauthorized];
        }
        if is_kind(&HEARTBEATS) {
            return vec![Notice::Alive];
        }
        if let Some(tree) = &self.tree {
            let is_patch = is_kind(&["patch"]);
            return if self.is_of_one {
                vec![Notice::Something]
            } else {
                tree.notices(is_patch, body)
            };
        }
        let position = self
            .position
            .as_deref()
            .and_then(|at| text_at(body, at, LONGEST_POSITION));
        let mut notices = Vec::new();
        if !is_kind(&["bookmark"]) {
            notices.extend(self.notice(is_kind(self.removals), position.is_some(), body));
        }
        notices.extend(position.map(Notice::Position));
        notices
    }

    fn notice(&self, is_removal: bool, has_position: bool, body: &Document) -> Option<Notice> {
        let id = text_at(body, &self.id, LONGEST_ID);
        if self.has_containers && id.as_ref().is_some_and(|id| id.ends_with('/')) {
            return Some(if is_removal {
                Notice::Something
            } else {
                Notice::Alive
            });
        }
        // The members of a container are always addresses.
        let is_exact = self.tells_states || self.has_containers;
        let text = id.clone().filter(|text| !is_exact && text.contains('/'));
        let id = if self.tells_states {
            id
        } else {
            id.and_then(id_of)
        };
        let Some(id) = id else {
            // A line that has only a position ends a page.
            return (!has_position).then_some(Notice::Something);
        };
        let of_state = self.version.as_deref();
        if is_removal || self.is_removal(body) {
            let at = self.removal_version.as_deref().or(of_state);
            let validator = at.and_then(|at| self.validator(body, at));
            return Some(Notice::Gone {
                id,
                text,
                validator,
            });
        }
        let document = self.document.as_deref();
        let document = document.and_then(|at| body.pointer(at));
        Some(Notice::Put {
            id,
            text,
            validator: of_state.and_then(|at| self.validator(body, at)),
            body: document.filter(|document| document.as_str().trim_start().starts_with('{')),
        })
    }

    /// Whether a change is a removal, by its member.
    pub(crate) fn is_removal(&self, body: &Document) -> bool {
        !self.tells_states && is_true(body, &self.removed)
    }

    /// Returns the version of a state that a change, or an item of the same form, names.
    pub(crate) fn version_of(&self, body: &Document) -> Option<Validator> {
        self.validator(body, self.version.as_deref()?)
    }

    fn validator(&self, body: &Document, at: &str) -> Option<Validator> {
        let text = text_at(body, at, LONGEST_ID)?;
        if !self.version_is_tag {
            return Some(Validator::Version(text));
        }
        let has_quotes = text.ends_with('"');
        let tag = if has_quotes {
            text
        } else {
            format!("\"{text}\"")
        };
        EntityTag::from_bytes(tag.as_bytes()).map(Validator::Tag)
    }
}

/// Returns the notice for an error, which may have the code of an HTTP status.
fn failure(body: &Document) -> Notice {
    let codes = ["/object/code", "/code", "/status", "/error/code"];
    let mut notices = codes.iter().filter_map(|at| {
        Some(match text_at(body, at, LONGEST_CODE)?.as_str() {
            "401" => Notice::Unauthorized,
            "403" => Notice::Forbidden,
            "410" => Notice::TooOld,
            _ => return None,
        })
    });
    notices.next().unwrap_or(Notice::Failed)
}

/// Returns the notice for an event whose data is not JSON.
fn unreadable(name: Option<&str>) -> Notice {
    match name.map(str::to_ascii_lowercase).as_deref() {
        Some(name) if HEARTBEATS.contains(&name) => Notice::Alive,
        Some("auth_revoked") => Notice::Unauthorized,
        Some("error" | "cancel") => Notice::Failed,
        _ => Notice::Something,
    }
}

/// Returns the id in a name or an address.
pub(super) fn id_of(text: String) -> Option<String> {
    if !text.contains('/') {
        return Some(text);
    }
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    crate::address::decoded(last).filter(|id| !id.is_empty())
}

pub(super) fn text_at(body: &Document, pointer: &str, longest: usize) -> Option<String> {
    let text = body.pointer(pointer)?.as_id()?;
    bounded(text, longest)
}

pub(super) fn bounded(text: String, longest: usize) -> Option<String> {
    (!text.is_empty() && text.len() <= longest).then_some(text)
}

fn is_true(body: &Document, pointer: &str) -> bool {
    body.pointer(pointer)
        .is_some_and(|value| value.as_str().trim() == "true")
}
