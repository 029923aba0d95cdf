//! Eve, the REST framework for Python.

use http::StatusCode;

use crate::protocol::{Problem, Profile, RefusalKind, Versioning, WeakTags};

/// Eve servers.
///
/// Versions are strong entity tags, repeated as `_etag` in the document. A stale write is a 412. A write
/// without a precondition is a 428. All other writes carry their version, so a 428 means that a creation
/// found an existing document. Errors of fields are in `_issues`, with a 422.
///
/// A write to a document that another client removed creates it again, whatever its `If-Match` says. Removals
/// on this server are therefore not safe from racing edits.
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
