//! Amazon S3 and compatible stores.

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind};

/// Amazon S3, and compatible stores with conditional writes.
///
/// Versions are strong entity tags. A stale write and a creation of an existing object are both a 412
/// `PreconditionFailed`. A 409 `ConditionalRequestConflict` or `OperationAborted` means that another
/// operation on the object was in progress. The same request is retried with the same precondition. A 400
/// `RequestTimeout` means that an upload was too slow, and it is settled by a read, like a lost response. A
/// write to an object that was removed is a 404. Older stores respond with 304 to a creation of an existing
/// object.
///
/// Tags are mostly hashes of the content, so a state that was changed and changed back has its old tag again.
/// Requests are signed by a [`Transport`](crate::Transport) or a proxy, not by this profile.
///
/// [Conditional requests](https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-requests.html),
/// [error codes](https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::S3};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://bucket.s3.eu-central-1.amazonaws.com").profile(S3).build()?;
/// let index = client.resource::<serde_json::Value>("index.json");
/// # let _ = index;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct S3;

const CODES: [(&str, RefusalKind); 9] = [
    ("PreconditionFailed", RefusalKind::StaleVersion),
    ("ConditionalRequestConflict", RefusalKind::Transient),
    ("OperationAborted", RefusalKind::Transient),
    ("BucketAlreadyExists", RefusalKind::AlreadyExists),
    ("BucketAlreadyOwnedByYou", RefusalKind::AlreadyExists),
    ("BucketNotEmpty", RefusalKind::InvalidState),
    ("InvalidBucketState", RefusalKind::InvalidState),
    ("InvalidObjectState", RefusalKind::InvalidState),
    ("RestoreAlreadyInProgress", RefusalKind::InvalidState),
];

impl Profile for S3 {
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
