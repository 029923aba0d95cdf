//! `CouchDB`, `PouchDB` servers and Cloudant: versions in `_rev`, every race a 409.

use std::time::Duration;

use http::StatusCode;

use super::by_code;
use crate::protocol::{Batch, Feed, Problem, Profile, RefusalKind, Versioning};

/// `CouchDB` and servers with the same protocol, such as `PouchDB` servers and Cloudant.
///
/// The version is `_rev` inside the document. A `DELETE` sends it in `?rev=`, and the response to a write
/// returns the new one as `rev`. A stale write is a 409 with `"error": "conflict"`. `If-Match` and
/// `If-None-Match` are ignored, so a creation leaves `_rev` out. Tags are not used, because `PouchDB` derives
/// them from the bodies of its responses, errors included. A 412 is never a race. It reports that a database
/// already exists, or that an attachment does not.
///
/// A transaction tries its steps together, by one request to `_bulk_docs` of their database. That request is not atomic.
///
/// [`watch`](crate::Collection::watch) follows `_changes` by long polls. Design documents are told like all others.
///
/// [API reference](https://docs.couchdb.org/en/stable/api/document/common.html).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::CouchDb};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("http://127.0.0.1:5984").profile(CouchDb).build()?;
/// let notes = client.collection::<serde_json::Value>("notes");
/// # let _ = notes;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CouchDb;

const ERRORS: [(&str, RefusalKind); 2] = [
    ("file_exists", RefusalKind::AlreadyExists),
    ("missing_stub", RefusalKind::Invalid),
];

/// The largest number of changes in one response of the feed.
const PAGE: usize = 500;
/// The wait after a long poll without changes.
const BETWEEN_POLLS: Duration = Duration::from_secs(1);

impl Profile for CouchDb {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/_rev")
            .reply_field("/rev")
            .query("rev")
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::bulk_docs("_bulk_docs"))
    }

    fn feed(&self) -> Option<Feed> {
        // A long poll needs no open stream. Its time is below the default time limit of a request.
        let feed = Feed::pages("_changes")
            .query("feed", "longpoll")
            .query("include_docs", true)
            .query("timeout", 7_000)
            .query("limit", PAGE)
            .position_query("since")
            .changes_at("/results")
            .document_at("/doc")
            .version_at("/doc/_rev")
            .removal_version_at("/changes/0/rev")
            .position_at("/seq")
            .page_position_at("/last_seq")
            .interval(BETWEEN_POLLS);
        let list = feed
            .list_at("_changes")
            .list_query("include_docs", true)
            .items_at("/results")
            .item_document_at("/doc")
            .list_position_at("/last_seq")
            .whole_items();
        Some(list.versions_count_up().signals_gaps())
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        match (problem.status(), problem.code()) {
            (StatusCode::CONFLICT, Some("conflict")) => Some(RefusalKind::StaleVersion),
            _ => by_code(problem, &ERRORS),
        }
    }
}
