//! The conflict service of an API: where it tells of conflicts, and where it takes what a person has decided.

mod reader;

use std::time::Duration;

pub(crate) use reader::{ToldConflict, ToldSide};

use super::Feed;
use crate::json::Document;

/// How long to wait between two polls, unless the service holds the response back.
const INTERVAL: Duration = Duration::from_secs(30);

/// A description of how an API tells of conflicts, and takes what a person has decided about them.
///
/// [`Client::watch_conflicts`](crate::Client::watch_conflicts) uses it. A [`Profile`](crate::Profile) can bring its own.
/// There is no standard for such a service. This is what the crate expects, and every path and member can be set.
///
/// # Notifications
///
/// ```text
/// GET /conflict-notifications?resource=articles%2F42
/// Accept: text/event-stream
///
/// id: 7
/// event: conflict
/// data: {"id": "c1", "type": "https://example.com/stale", "resource": "articles/42", "timestamp": "2026-11-27T12:00:00Z",
/// data:  "base": {"title": "Old"}, "local": {"title": "Mine"}}
///
/// id: 8
/// event: resolved
/// data: {"id": "c1", "resource": "articles/42"}
/// ```
///
/// With `Accept: application/json`, the same address lists the open conflicts as an array of such objects, in one page or
/// in several (`Link` with `rel="next"`, RFC 8288). The list is read at the start and after each reconnect. A service that
/// cannot stream answers with the list, or with 406, and is then polled with `If-None-Match` and `Prefer: wait`
/// (RFC 7240 4.3).
///
/// `local` is the write that was refused, and `null` if it was a removal. `base` is the state that it was made to.
/// The state on the server is read from the resource itself. Only `id` and `resource` have to be there. `resource` is the
/// path of the resource below the base URL, its URL, or its id in the collection.
///
/// # Resolutions
///
/// ```text
/// POST /resolve-conflict
/// If-Match: "v3"
/// Idempotency-Key: "3f1c…"
///
/// {"conflict": "c1", "resource": "articles/42", "resolution": "merged", "version": "\"v3\"", "document": {"title": "Both"}}
/// ```
///
/// `resolution` is `local`, `remote`, `merged` or `delete`, and `version` is that of the state that the person was shown. If
/// the resource did not exist, `version` is `null`, and the request has `If-None-Match: *` instead of `If-Match`.
/// Only `local` and `merged` have a `document`, which replaces the resource. The service answers with a success, with 409 or
/// 412 if the resource has changed, and with 404 or 410 if the conflict is resolved already.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`notifications_at`](Self::notifications_at) | `conflict-notifications`, below the base URL |
/// | [`resolutions_at`](Self::resolutions_at) | `resolve-conflict`, below the base URL |
/// | [`resource_query`](Self::resource_query) | `resource` |
/// | [`subscribe_by_post`](Self::subscribe_by_post) | no |
/// | [`interval`](Self::interval) | 30 seconds |
/// | places in a notification | `/id`, `/type`, `/resource`, `/timestamp`, `/base`, `/local` |
/// | members of a resolution | `conflict`, `resource`, `resolution`, `version`, `document` |
///
/// # Example
///
/// ```
/// use ifmatch::ConflictService;
///
/// let service = ConflictService::new()
///     .notifications_at("sync/conflicts")
///     .resolutions_at("sync/decisions")
///     .resource_at("/document/path")
///     .local_at("/document/mine");
/// ```
#[derive(Clone, Debug)]
pub struct ConflictService {
    pub(crate) notifications: String,
    pub(crate) resolutions: String,
    pub(crate) resource_query: String,
    pub(crate) subscribes_by_post: bool,
    interval: Duration,
    items: String,
    reader: reader::Reader,
    pub(crate) members: ResolutionMembers,
}

/// The names of the members of a resolution.
#[derive(Clone, Debug)]
pub(crate) struct ResolutionMembers {
    pub(crate) conflict: String,
    pub(crate) resource: String,
    pub(crate) resolution: String,
    pub(crate) version: String,
    pub(crate) document: String,
}

impl Default for ConflictService {
    fn default() -> Self {
        let members = ResolutionMembers {
            conflict: "conflict".to_owned(),
            resource: "resource".to_owned(),
            resolution: "resolution".to_owned(),
            version: "version".to_owned(),
            document: "document".to_owned(),
        };
        Self {
            notifications: "conflict-notifications".to_owned(),
            resolutions: "resolve-conflict".to_owned(),
            resource_query: "resource".to_owned(),
            subscribes_by_post: false,
            interval: INTERVAL,
            items: String::new(),
            reader: reader::Reader::default(),
            members,
        }
    }
}

macro_rules! place {
    ($($(#[$doc:meta])* $setter:ident => $($field:ident).+;)*) => {
        impl ConflictService {
            $($(#[$doc])*
            pub fn $setter(mut self, at: impl Into<String>) -> Self {
                self.$($field).+ = at.into();
                self
            })*
        }
    };
}

place! {
    /// Sets the path of the notifications below the base URL (default `conflict-notifications`).
    notifications_at => notifications;
    /// Sets the path that takes resolutions, below the base URL (default `resolve-conflict`).
    resolutions_at => resolutions;
    /// Sets the query parameter that names a resource to be told about (default `resource`).
    resource_query => resource_query;
    /// Sets where the array of conflicts is in a list, as a JSON Pointer (default the whole body).
    items_at => items;
    /// Sets where a notification contains the id of the conflict, as a JSON Pointer (default `/id`).
    id_at => reader.id;
    /// Sets where a notification contains the type of the conflict, as a JSON Pointer (default `/type`).
    ///
    /// It is the `type` of the Problem Details (RFC 9457 3.1.1) with which such a write is refused, or any text.
    type_at => reader.kind;
    /// Sets where a notification names the resource, as a JSON Pointer (default `/resource`).
    resource_at => reader.resource;
    /// Sets where a notification contains the time of the conflict, as a JSON Pointer (default `/timestamp`).
    time_at => reader.time;
    /// Sets where a notification contains the state that the refused write was made to, as a JSON Pointer (default `/base`).
    base_at => reader.base;
    /// Sets where a notification contains the refused write, as a JSON Pointer (default `/local`).
    local_at => reader.local;
    /// Sets the member of a resolution that contains the id of the conflict (default `conflict`).
    conflict_member => members.conflict;
    /// Sets the member of a resolution that names the resource (default `resource`).
    resource_member => members.resource;
    /// Sets the member of a resolution that says what was decided (default `resolution`).
    resolution_member => members.resolution;
    /// Sets the member of a resolution that contains the version of the state that was shown (default `version`).
    version_member => members.version;
    /// Sets the member of a resolution that contains the decided document (default `document`).
    document_member => members.document;
}

impl ConflictService {
    /// Describes a service with the default paths and members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Subscribes with a `POST` of `{"resources": ["articles/42"]}`, whose response names the address of the notifications
    /// in `Location`.
    ///
    /// Without it, the resources are in the query, which takes at most 100 of them.
    pub fn subscribe_by_post(mut self) -> Self {
        self.subscribes_by_post = true;
        self
    }

    /// Sets how long to wait between two polls of a service that does not stream (default 30 seconds).
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Returns the conflicts as a feed.
    pub(crate) fn feed(&self) -> Feed {
        let feed = Feed::event_stream("")
            .id_at(&self.reader.id)
            .document_at("")
            .items_at(&self.items)
            .item_id_at(&self.reader.id)
            .whole_items()
            .interval(self.interval);
        feed.telling_states(&["resolved"])
    }

    /// Returns the items of a list. Returns `None` if they are not in their place.
    pub(crate) fn list(&self, body: &Document) -> Option<Vec<Document>> {
        body.elements_at(&self.items)
    }

    /// Finds a conflict among the items of a list, as it is told there.
    pub(crate) fn find(&self, items: &[Document], told: &ToldConflict) -> Option<ToldConflict> {
        let is_it = |item: &&Document| {
            let id = item.pointer(&self.reader.id).and_then(|id| id.as_id());
            id.as_ref() == Some(&told.id)
        };
        let found = items.iter().find(is_it)?;
        Some(self.read(found).unwrap_or_else(|| told.clone()))
    }

    /// Reads a conflict that the service tells of. Returns `None` if it has no id or names no resource.
    pub(crate) fn read(&self, body: &Document) -> Option<ToldConflict> {
        self.reader.read(body)
    }
}
