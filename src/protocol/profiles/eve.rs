//! Eve, the REST framework for Python.

use http::StatusCode;

use crate::protocol::{Problem, Profile, RefusalKind, Versioning, WeakTags};

/// Eve.
///
/// Versions are strong entity tags, repeated as `_etag` in the document; a stale write is a 412. A
/// write without a condition is a 428, and since every other write goes out with its version, the
/// one that meets a 428 is a creation of something that exists. Errors of fields are in `_issues`,
/// with a 422.
///
/// A write to a document that somebody removed makes it anew, whatever its `If-Match` says: removals
/// are not safe from racing edits on this server.
///
/// [Documentation](https://docs.python-eve.org/en/stable/features.html), "Data Integrity and
/// Concurrency Control".
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Eve};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("http://127.0.0.1:5000").profile(Eve).build()?;
/// let people = client.collection::<serde_json::Value>("people");
/// # let _ = people;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Eve;

impl Profile for Eve {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Refuse).fallback_field("/_etag")
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        (problem.status() == StatusCode::PRECONDITION_REQUIRED)
            .then_some(RefusalKind::AlreadyExists)
    }
}
