//! Kinto, whose refusals contain the current record.

use http::{HeaderMap, StatusCode};
use serde_json::Value;

use crate::json::Document;
use crate::protocol::{
    Batch, Envelope, Feed, Problem, Profile, RefusalKind, TagField, Validator, entity_tag_of,
};

/// Kinto servers.
///
/// Versions are strong entity tags, which are the record's `last_modified` in quotes. A weak, unquoted or
/// listed tag is a 400. The record lies in `data`, and the `permissions` beside it are not changed. A stale
/// write is a 412 with `errno` 114. It contains the current tag, and the current record in
/// `details.existing`, which is merged without a read. A 409 with `errno` 122 means that a value must be
/// unique. Its `details.existing` is the other record that has the value.
///
/// A transaction tries its steps together, by one request to `batch` below the base URL. That request is not atomic.
///
/// [`watch`](crate::Collection::watch) asks for the records and tombstones `_since` the last one, every 30 seconds.
///
/// [Concurrency](https://docs.kinto-storage.org/en/stable/api/1.x/concurrency.html),
/// [error codes](https://docs.kinto-storage.org/en/stable/api/1.x/errors.html).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Kinto};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://kinto.example.com/v1").profile(Kinto).build()?;
/// let tasks = client.collection::<serde_json::Value>("buckets/b/collections/tasks/records");
/// # let _ = tasks;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Kinto;

/// The `errno` of a stale version.
const MODIFIED: &str = "114";
/// The `errno` of a value that must be unique.
const TAKEN: &str = "122";
/// The `errno` of a version of the API that the server does not support.
const NO_SUCH_VERSION: &str = "116";

impl Profile for Kinto {
    fn envelope(&self) -> Envelope {
        Envelope::at("/data")
    }

    fn batch(&self) -> Option<Batch> {
        // As many as a server takes that sets nothing else (`kinto.batch_max_requests`).
        Some(Batch::requests("batch").plain().at_most(25))
    }

    fn feed(&self) -> Option<Feed> {
        // Each page begins after the newest record of the one before, so no page is left out.
        let feed = Feed::pages("")
            .query("_sort", "last_modified")
            .position_query("_since")
            .changes_at("/data")
            .document_at("")
            .tag_at("/last_modified")
            .position_at("/last_modified");
        let list = feed.items_at("/data").list_position_is_tag().whole_items();
        Some(list.versions_count_up().signals_gaps())
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        match (problem.status(), problem.code()?) {
            (StatusCode::PRECONDITION_FAILED, MODIFIED) => Some(RefusalKind::StaleVersion),
            (StatusCode::CONFLICT, TAKEN) => Some(RefusalKind::AlreadyExists),
            (_, NO_SUCH_VERSION) => Some(RefusalKind::UnsupportedApiVersion),
            _ => None,
        }
    }

    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        if problem.truncated() || problem.code() != Some(MODIFIED) {
            return None;
        }
        let existing = problem.extension("details")?.get("existing")?;
        let TagField::Found(tag) = entity_tag_of(headers) else {
            return None;
        };
        // The record and the tag must belong together, and the record must not be a tombstone.
        let version = existing.get("last_modified")?;
        let whole = existing.get("id").is_some_and(Value::is_string)
            && existing.get("deleted").is_none()
            && tag.as_bytes() == format!("\"{version}\"").as_bytes();
        if !whole {
            return None;
        }
        // Parsed from the text, so that numbers keep their spelling.
        let record = Document::parse(problem.raw())
            .ok()?
            .pointer("/details/existing")?;
        let body = Document::parse(b"{}").ok()?.with("/data", &record).ok()?;
        Some((body, Validator::Tag(tag)))
    }
}
