//! Feeds: how an API tells which resources have changed.

mod container;
mod notice;
mod reader;
mod setters;
mod statement;
#[cfg(test)]
mod tests;
mod tree;

use std::time::Duration;

pub(crate) use container::members_of;
pub(crate) use notice::Notice;
use reader::Reader;
pub(crate) use reader::Reader as FeedReader;
pub(crate) use statement::StatementMembers;

/// How long to wait between two polls, unless the server holds the response back.
const INTERVAL: Duration = Duration::from_secs(30);
/// For how long a poll asks the server to hold the response back (`Prefer: wait`, RFC 7240 4.3).
pub(crate) const PREFERRED_WAIT: Duration = Duration::from_secs(20);

/// A description of how an API tells which resources of a collection have changed.
///
/// [`Collection::watch`](crate::Collection::watch) follows it. A [`Profile`](crate::Profile) names the feed of its API, and
/// [`OpenWatch::feed`](crate::OpenWatch::feed) sets another one. Without a feed, the collection is polled.
///
/// A feed is only a hint. Whatever it says, a state is delivered only if its version can be compared with the delivered one,
/// and otherwise the resource is read. So a wrong description costs requests, but never an update.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | address | the collection itself |
/// | [`linked_as`](Self::linked_as) | no: the address is known |
/// | [`id_at`](Self::id_at) | `/id` |
/// | [`document_at`](Self::document_at) | none: each event leads to a read |
/// | [`version_at`](Self::version_at), [`tag_at`](Self::tag_at) | where [`Versioning`](crate::Versioning) finds it in the document |
/// | [`removed_at`](Self::removed_at) | `/deleted` |
/// | [`kind_at`](Self::kind_at) | the name of the event |
/// | [`position_at`](Self::position_at) | the id of the event |
/// | [`position_query`](Self::position_query) | the header `Last-Event-ID` |
/// | [`versions_count_up`](Self::versions_count_up) | no |
/// | [`signals_gaps`](Self::signals_gaps) | no: after each reconnect, the collection is compared with what was delivered |
/// | [`misses_changes`](Self::misses_changes) | no |
/// | [`interval`](Self::interval) | 30 seconds |
/// | [`items_at`](Self::items_at), [`item_id_at`](Self::item_id_at) | the whole body of a list, `/id` |
/// | [`items_are_members`](Self::items_are_members), [`list_is_container`](Self::list_is_container) | no: the list is an array |
/// | [`whole_items`](Self::whole_items) | no |
///
/// # Example: events at an address of their own
///
/// ```
/// use ifmatch::Feed;
///
/// // data: {"resource": "42", "change": "removed"}
/// let feed = Feed::event_stream("events").id_at("/resource").kind_at("/change");
/// ```
#[derive(Clone, Debug)]
pub struct Feed {
    pub(crate) form: FeedForm,
    /// The address, relative to the collection as a folder.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    /// The query parameter that takes the position.
    pub(crate) position_query: Option<String>,
    pub(crate) counts_up: bool,
    pub(crate) signals_gaps: bool,
    /// Whether there are changes of which the feed does not tell.
    pub(crate) misses_changes: bool,
    /// The relation of the link that names the address. Without one, the address is `path`.
    pub(crate) link: Option<String>,
    pub(crate) interval: Duration,
    pub(crate) list: FeedList,
    pub(crate) reader: Reader,
}

/// The form of the response of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedForm {
    /// Events as in `text/event-stream`.
    Events,
    /// JSON, one document on each line.
    Lines,
    /// Statements in Turtle.
    Statements,
    /// One JSON document with the changes since a position.
    Pages,
    /// No feed. The list is read again and again.
    Polling,
}

/// How the collection is listed.
#[derive(Clone, Debug)]
pub(crate) struct FeedList {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) form: ListForm,
    pub(crate) items: String,
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) is_whole: bool,
    pub(crate) position: Option<ListPosition>,
}

/// The form of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListForm {
    /// An array of resources.
    Array,
    /// An object whose members are resources, each under its id.
    Members,
    /// A container in Turtle, which only names its resources. Its entity tag says nothing about them.
    Container,
}

/// Where a list names the position from which the feed continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ListPosition {
    /// The entity tag of the response, without its quotes.
    Tag,
    /// A member of the body.
    Member(String),
}

impl Feed {
    fn of(form: FeedForm, path: String) -> Self {
        Self {
            form,
            path,
            query: Vec::new(),
            position_query: None,
            counts_up: false,
            signals_gaps: false,
            misses_changes: false,
            link: None,
            interval: INTERVAL,
            list: FeedList {
                path: String::new(),
                query: Vec::new(),
                form: ListForm::Array,
                items: String::new(),
                id: "/id".to_owned(),
                document: String::new(),
                is_whole: false,
                position: None,
            },
            reader: Reader::default(),
        }
    }

    /// A feed of events, as `EventSource` reads it (`text/event-stream`).
    ///
    /// `path` is relative to the collection as a folder: `"events"` below `/articles` is `/articles/events`, `"../events"`
    /// is `/events`, and `""` is the collection itself. The data of each event is JSON.
    pub fn event_stream(path: impl Into<String>) -> Self {
        Self::of(FeedForm::Events, path.into())
    }

    /// A feed of JSON documents, one on each line. Blank lines are heartbeats.
    ///
    /// For `path`, see [`event_stream`](Self::event_stream).
    pub fn json_lines(path: impl Into<String>) -> Self {
        Self::of(FeedForm::Lines, path.into())
    }

    /// A feed of statements in Turtle, as the channels of Solid send them.
    ///
    /// A statement is a change, and is read as a JSON object. It has a member for each predicate, under the part of its name
    /// behind the last `#` or `/`. The member is the object as text, or an array if there are several. The member `type`
    /// holds the class in the same short form. An address that ends with a slash names a container. Only its removal
    /// counts, which leads to a list. For `path`, see [`event_stream`](Self::event_stream).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::Feed;
    ///
    /// // <urn:7> as:object <http://pod/notes/42>; a as:Remove.
    /// let feed = Feed::turtle("events").id_at("/object").kind_at("/type");
    /// ```
    pub fn turtle(path: impl Into<String>) -> Self {
        let mut feed = Self::of(FeedForm::Statements, path.into());
        feed.reader.has_containers = true;
        feed
    }

    /// A feed of pages: each response is one JSON document with the changes since a position.
    ///
    /// Set where the changes are in it with [`changes_at`](Self::changes_at), and the query parameter of the position with
    /// [`position_query`](Self::position_query). The next page is requested at once after one with changes, and otherwise
    /// after the [`interval`](Self::interval). For `path`, see [`event_stream`](Self::event_stream).
    pub fn pages(path: impl Into<String>) -> Self {
        Self::of(FeedForm::Pages, path.into())
    }

    /// The same feed of something whose items cannot be read, so that what it tells is believed. Changes of these kinds are
    /// removals.
    pub(crate) fn telling_states(mut self, removals: &'static [&'static str]) -> Self {
        self.reader.tells_states = true;
        self.reader.removals = removals;
        self
    }

    /// Whether what the feed tells is all that there is, because single items cannot be read.
    pub(crate) fn tells_states(&self) -> bool {
        self.reader.tells_states
    }

    /// The same feed for the watch of one resource.
    pub(crate) fn of_one(mut self) -> Self {
        self.reader.is_of_one = true;
        self.misses_changes = false;
        self
    }

    /// Whether each connection begins with the whole.
    pub(crate) fn begins_with_whole(&self) -> bool {
        self.reader.tree.is_some() && !self.reader.is_of_one
    }

    /// No feed: the collection is listed again and again.
    ///
    /// Each list is conditional (`If-None-Match`), and asks the server to hold the response back until something has changed
    /// (`Prefer: wait`, RFC 7240 4.3). If the server does so, the next list follows at once, and otherwise after the
    /// [`interval`](Self::interval). A change that the items of the list do not show is not seen.
    pub fn polling() -> Self {
        Self::of(FeedForm::Polling, String::new())
    }
}
