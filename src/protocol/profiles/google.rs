//! Google's APIs: `error.status`, or in older ones `error.errors[].reason`.

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind, Versioning};

/// Google's APIs.
///
/// The version is the member `etag` of the resource and is sent back there, or as `?etag=` in a `DELETE`
/// (AIP-154). The code is `error.status`, or `error.errors[0].reason` in older APIs. `ABORTED` is the
/// response to a stale `etag`, but also to an aborted transaction, so the version decides.
/// `FAILED_PRECONDITION`, at the status 400, is an invalid state.
///
/// For APIs that accept `If-Match` (Calendar, People, Tasks), change the versioning with
/// [`Generic::over`](crate::Generic::over).
///
/// [AIP-193](https://google.aip.dev/193), [AIP-154](https://google.aip.dev/154),
/// [codes](https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, Generic, Versioning, WeakTags, profiles::Google};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://secretmanager.googleapis.com/v1").profile(Google).build()?;
/// // An API that accepts `If-Match`:
/// let calendar = Generic::over(Google).versioning(Versioning::entity_tag(WeakTags::Refuse));
/// # let _ = (client, calendar);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Google;

const CODES: [(&str, RefusalKind); 7] = [
    ("ALREADY_EXISTS", RefusalKind::AlreadyExists),
    ("FAILED_PRECONDITION", RefusalKind::InvalidState),
    // Older APIs.
    ("conditionNotMet", RefusalKind::StaleVersion),
    ("alreadyExists", RefusalKind::AlreadyExists),
    ("duplicate", RefusalKind::AlreadyExists),
    ("failedPrecondition", RefusalKind::InvalidState),
    ("resourceInUseByAnotherResource", RefusalKind::InvalidState),
];

impl Profile for Google {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/etag").query("etag")
    }

    fn patch_media_type(&self) -> &'static str {
        "application/json"
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
