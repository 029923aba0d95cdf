//! Feeds: how an API tells which resources have changed.

mod notice;
mod reader;
mod setters;
#[cfg(test)]
mod tests;

use std::time::Duration;

pub(crate) use notice::Notice;
use reader::Reader;
pub(crate) use reader::Reader as FeedReader;

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
/// | [`id_at`](Self::id_at) | `/id` |
/// | [`document_at`](Self::document_at) | none: each event leads to a read |
/// | [`version_at`](Self::version_at), [`tag_at`](Self::tag_at) | where [`Versioning`](crate::Versioning) finds it in the document |
/// | [`removed_at`](Self::removed_at) | `/deleted` |
/// | [`kind_at`](Self::kind_at) | the name of the event |
/// | [`position_at`](Self::position_at) | the id of the event |
/// | [`position_query`](Self::position_query) | the header `Last-Event-ID` |
/// | [`versions_count_up`](Self::versions_count_up) | no |
/// | [`signals_gaps`](Self::signals_gaps) | no: after each reconnect, the collection is compared with what was delivered |
/// | [`interval`](Self::interval) | 30 seconds |
/// | [`items_at`](Self::items_at), [`item_id_at`](Self::item_id_at) | the whole body of a list, `/id` |
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
    pub(crate) items: String,
    pub(crate) id: String,
    pub(crate) document: String,
    pub(crate) is_whole: bool,
    pub(crate) position: Option<ListPosition>,
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
            interval: INTERVAL,
            list: FeedList {
                path: String::new(),
                query: Vec::new(),
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

    /// No feed: the collection is listed again and again.
    ///
    /// Each list is conditional (`If-None-Match`), and asks the server to hold the response back until something has changed
    /// (`Prefer: wait`, RFC 7240 4.3). If the server does so, the next list follows at once, and otherwise after the
    /// [`interval`](Self::interval). A change that the items of the list do not show is not seen.
    pub fn polling() -> Self {
        Self::of(FeedForm::Polling, String::new())
    }
}
