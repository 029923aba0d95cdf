//! The settings of a feed.

use std::fmt::Display;
use std::time::Duration;

use super::tree::Tree;
use super::{Feed, ListForm, ListPosition};

impl Feed {
    /// Adds a query parameter to the requests of the feed.
    pub fn query(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.query.push((name.into(), value.to_string()));
        self
    }

    /// Sets the query parameter that takes the position, such as `since` (default the header `Last-Event-ID`).
    pub fn position_query(mut self, name: impl Into<String>) -> Self {
        self.position_query = Some(name.into());
        self
    }

    /// Sets where the array of changes is in a page, as a JSON Pointer (default the whole body).
    pub fn changes_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.changes = pointer.into();
        self
    }

    /// Sets where a change contains the id of the resource, as a JSON Pointer (default `/id`).
    ///
    /// The value may also be the address of the resource, the last segment of which is the id. An id that contains a slash
    /// is recognised once a list or an earlier change has shown it.
    pub fn id_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.id = pointer.into();
        self
    }

    /// Sets where a change contains the new state of the resource, as a JSON Pointer (default none).
    ///
    /// Set it only if the state is whole, with every member that a read shows. `""` is the whole change.
    pub fn document_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.document = Some(pointer.into());
        self
    }

    /// Sets where a change contains the version, as a JSON Pointer.
    pub fn version_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.version = Some(pointer.into());
        self.reader.version_is_tag = false;
        self
    }

    /// Sets where a change contains the entity tag, as a JSON Pointer. Quotes are added if it has none.
    pub fn tag_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.version = Some(pointer.into());
        self.reader.version_is_tag = true;
        self
    }

    /// Sets where a change contains the version of a removal, if it differs from that of a state.
    pub fn removal_version_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.removal_version = Some(pointer.into());
        self
    }

    /// Sets the member that says whether the resource was removed, as a JSON Pointer (default `/deleted`).
    pub fn removed_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.removed = pointer.into();
        self
    }

    /// Sets the member that names the kind of a change, as a JSON Pointer (default the name of the event).
    ///
    /// A removal has one of the kinds `deleted`, `delete`, `removed`, `remove`, `gone` and `tombstone`, in any case. A
    /// `bookmark` only moves the position, `error` ends the connection, and with the code 410 it means that the position
    /// is too old.
    pub fn kind_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.kind = Some(pointer.into());
        self
    }

    /// Sets where a change contains its position, as a JSON Pointer (default the id of the event).
    pub fn position_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.position = Some(pointer.into());
        self
    }

    /// Sets where a page contains the position at its end, as a JSON Pointer (default that of its last change).
    pub fn page_position_at(mut self, pointer: impl Into<String>) -> Self {
        self.reader.page_position = Some(pointer.into());
        self
    }

    /// Declares that versions begin with a number that rises with each change of a resource.
    ///
    /// States of the feed are then delivered without a read if their number is higher. Without it, each event leads to a
    /// read, because an old event cannot be told from a new one.
    pub fn versions_count_up(mut self) -> Self {
        self.counts_up = true;
        self
    }

    /// Declares that the feed says so if it cannot continue from a position.
    ///
    /// Without it, the collection is listed after each reconnect and compared with what was delivered, because many servers
    /// go on silently with the oldest event that they have.
    pub fn signals_gaps(mut self) -> Self {
        self.signals_gaps = true;
        self
    }

    /// Declares that the feed does not tell of every change.
    ///
    /// The collection is then also listed at each [`interval`](Self::interval) while the feed is open.
    pub fn misses_changes(mut self) -> Self {
        self.misses_changes = true;
        self
    }

    /// Declares that the address of the feed is the target of the `Link` with this relation (RFC 8288).
    ///
    /// It is requested by `HEAD` before each connection, from the address of the [list](Self::list_at), or from the resource
    /// that is watched alone. Without such a link, the collection is polled. The target may lie on another origin only if
    /// [`OpenWatch::allow_origin`](crate::OpenWatch::allow_origin) names it.
    pub fn linked_as(mut self, relation: impl Into<String>) -> Self {
        self.link = Some(relation.into());
        self
    }

    /// Declares that the events tell the changes of a tree, of which each resource is a branch, as Firebase does.
    ///
    /// `path` and `data` are JSON Pointers to the path of what has changed, and to its new value. What an event means:
    ///
    /// | path | event | meaning |
    /// |---|---|---|
    /// | `/` | any but `patch` | all resources, each in a member under its id; `null` if there are none |
    /// | `/42` | any but `patch` | the new state of `42`, or its removal if the value is `null` |
    /// | `/` | `patch` | a hint at each resource that a member of the value names |
    /// | `/42` or deeper | `patch`, or any other | a hint at `42` |
    ///
    /// Each connection begins with all resources, so that no list is requested.
    pub fn tree_at(mut self, path: impl Into<String>, data: impl Into<String>) -> Self {
        self.reader.tree = Some(Tree {
            path: path.into(),
            data: data.into(),
        });
        self
    }

    /// Sets how long to wait between two polls, or after a page without changes (default 30 seconds).
    pub fn interval(mut self, interval: Duration) -> Self {
        self.interval = interval;
        self
    }

    /// Sets the address of the list, if it is not the collection. For `path`, see
    /// [`event_stream`](Self::event_stream).
    pub fn list_at(mut self, path: impl Into<String>) -> Self {
        self.list.path = path.into();
        self
    }

    /// Adds a query parameter to the lists of the collection.
    pub fn list_query(mut self, name: impl Into<String>, value: impl Display) -> Self {
        self.list.query.push((name.into(), value.to_string()));
        self
    }

    /// Sets where the array of resources is in a list, as a JSON Pointer (default the whole body).
    pub fn items_at(mut self, pointer: impl Into<String>) -> Self {
        self.list.items = pointer.into();
        self
    }

    /// Sets where an item of a list contains its id, as a JSON Pointer (default `/id`).
    pub fn item_id_at(mut self, pointer: impl Into<String>) -> Self {
        self.list.id = pointer.into();
        self
    }

    /// Sets where an item of a list contains the resource, as a JSON Pointer (default the item itself).
    pub fn item_document_at(mut self, pointer: impl Into<String>) -> Self {
        self.list.document = pointer.into();
        self
    }

    /// Declares that the list is an object that has each resource in a member under its id.
    ///
    /// [`items_at`](Self::items_at) names the object.
    pub fn items_are_members(mut self) -> Self {
        self.list.form = ListForm::Members;
        self
    }

    /// Declares that the list is a container in Turtle, which names its resources by `ldp:contains`.
    ///
    /// Each resource is read, and later again if what the container says about it has changed. If the container gives no
    /// time of its last change, it is read after each list. Lists are not conditional, because the entity tag of a container
    /// can stay the same when a resource in it changes.
    pub fn list_is_container(mut self) -> Self {
        self.list.form = ListForm::Container;
        self
    }

    /// Declares that items of a list are complete, with every member that a read of the resource shows.
    pub fn whole_items(mut self) -> Self {
        self.list.is_whole = true;
        self
    }

    /// Sets where a list contains the position from which the feed continues, as a JSON Pointer.
    ///
    /// The list is then read before the feed is opened. By default the feed is opened first, so that nothing is lost
    /// between the two.
    pub fn list_position_at(mut self, pointer: impl Into<String>) -> Self {
        self.list.position = Some(ListPosition::Member(pointer.into()));
        self
    }

    /// Declares that the entity tag of a list, without its quotes, is the position from which the feed continues.
    pub fn list_position_is_tag(mut self) -> Self {
        self.list.position = Some(ListPosition::Tag);
        self
    }
}
