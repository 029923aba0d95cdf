//! `CouchDB`, `PouchDB` servers and Cloudant: versions in `_rev`, every race a 409.

use http::StatusCode;

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind, Versioning};

/// `CouchDB` and servers with the same protocol, such as `PouchDB` servers and Cloudant.
///
/// The version is `_rev` inside the document. A `DELETE` sends it in `?rev=`, and the response to a write
/// returns the new one as `rev`. A stale write is a 409 with `"error": "conflict"`. `If-Match` and
/// `If-None-Match` are ignored, so a creation leaves `_rev` out. Tags are not used, because `PouchDB` derives
/// them from the bodies of its responses, errors included. A 412 is never a race. It reports that a database
/// already exists, or that an attachment does not.
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

impl Profile for CouchDb {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/_rev")
            .reply_field("/rev")
            .query("rev")
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        match (problem.status(), problem.code()) {
            (StatusCode::CONFLICT, Some("conflict")) => Some(RefusalKind::StaleVersion),
            _ => by_code(problem, &ERRORS),
        }
    }
}
