//! The Firebase Realtime Database: one tree of JSON, each part of which is a resource.

use http::header::IF_MATCH;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;

use crate::json::Document;
use crate::protocol::{
    Envelope, Feed, Problem, Profile, TagField, Validator, Versioning, WriteRoute, entity_tag_of,
};

/// The REST API of the Firebase Realtime Database.
///
/// A document lies at its path with `.json` behind it, which this profile adds. Reads and writes ask for the version with
/// `X-Firebase-ETag: true`, and writes carry `If-Match`. A creation carries the tag of what does not exist, `null_etag`.
/// A body of `null` means that nothing exists. A stale write is a 412 that contains the current state and its tag, which
/// is merged without a read.
///
/// The tags are hashes of the content. If another client changes a document and changes it back, its tag is the old one
/// again, and a write that was made in between is not refused. This is safe for the content itself. But no write shows
/// that something happened in between, and a lost response is harder to judge:
/// a [stamp](crate::Collection::write_stamp) helps there.
///
/// [`watch`](crate::Collection::watch) follows the stream of the collection. It begins with the whole, so that no list is
/// requested. A `put` of a known document, and a `patch`, lead to a read. The whole is one event, which is at most as long as
/// any body ([`Limits::body`](crate::Limits::body)).
///
/// The database may redirect the stream to another host (307). Name its origin with
/// [`OpenWatch::allow_origin`](crate::OpenWatch::allow_origin). No credentials go there, except those in the address that
/// the database gives.
///
/// [REST reference](https://firebase.google.com/docs/reference/rest/database),
/// [conditional requests](https://firebase.google.com/docs/database/rest/save-data).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Firebase};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://example-default-rtdb.firebaseio.com").profile(Firebase).build()?;
/// let posts = client.collection::<serde_json::Value>("posts").query("auth", "TOKEN");
/// # let _ = posts;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Firebase;

const ASKED: HeaderName = HeaderName::from_static("x-firebase-etag");
/// The tag of what does not exist.
const NOTHING: &str = "null_etag";

impl Profile for Firebase {
    fn versioning(&self) -> Versioning {
        Versioning::default()
            .requested_by(ASKED, HeaderValue::from_static("true"))
            .create_header(IF_MATCH, NOTHING)
    }

    fn envelope(&self) -> Envelope {
        Envelope::none().absent_when("", Value::Null)
    }

    fn write_route(&self) -> WriteRoute {
        WriteRoute::put().suffix(".json")
    }

    fn feed(&self) -> Option<Feed> {
        let feed = Feed::event_stream("").tree_at("/path", "/data");
        Some(feed.items_are_members().whole_items())
    }

    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        if problem.status() != StatusCode::PRECONDITION_FAILED || problem.truncated() {
            return None;
        }
        let TagField::Found(tag) = entity_tag_of(headers) else {
            return None;
        };
        let state = Document::parse(problem.raw()).ok()?;
        let exists = tag.as_bytes() != NOTHING.as_bytes() && state.as_str().trim() != "null";
        exists.then_some((state, Validator::Tag(tag)))
    }
}
