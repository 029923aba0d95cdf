//! Kubernetes and its like: `Status` objects, versions in `metadata.resourceVersion`.

use serde_json::json;

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind, Versioning};

/// Kubernetes, and API servers built on its machinery.
///
/// The version is `metadata.resourceVersion` inside the object and goes back there, in a `DELETE` as
/// one of its preconditions. A `PUT` without it overwrites, so new objects are made by `post` alone.
/// Refusals are `Status` objects, and their `reason` says more than the status: `AlreadyExists` and `Conflict`
/// are both 409. `Conflict` itself is not taken for a race, because it also answers for a quota that
/// somebody else changed and for a wrong `uid`; whether the object has moved is seen by reading it.
///
/// An object that was removed and made again under the same name has another `metadata.uid`: an edit of the old
/// one ends as [`Gone`](crate::ErrorKind::Gone). A removal of an object with finalizers marks it with
/// `metadata.deletionTimestamp`, which is a success with
/// [`removal_pending`](crate::WriteReport::removal_pending). Replies to writes show the object as it is stored.
///
/// [Conventions](https://github.com/kubernetes/community/blob/master/contributors/devel/sig-architecture/api-conventions.md),
/// "Concurrency control and consistency" and "Response status kind".
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Kubernetes};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://10.0.0.1:6443/api/v1").profile(Kubernetes).build()?;
/// let pods = client.collection::<serde_json::Value>(["namespaces", "default", "pods"]);
///
/// // Only the data of config maps; the rest of each object goes back as it came.
/// let config = client
///     .collection::<serde_json::Value>(["namespaces", "default", "configmaps"])
///     .envelope(ifmatch::Envelope::at("/data").keep_rest());
/// # let _ = (pods, config);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Kubernetes;

const REASONS: [(&str, RefusalKind); 1] = [("AlreadyExists", RefusalKind::AlreadyExists)];

/// The cause of a `Conflict` about who manages a field (server-side apply), whatever the version.
const OTHER_MANAGER: &str = "FieldManagerConflict";

impl Profile for Kubernetes {
    fn versioning(&self) -> Versioning {
        let options = json!({"kind": "DeleteOptions", "apiVersion": "v1"});
        Versioning::body_field("/metadata/resourceVersion")
            .delete_body(options, "/preconditions/resourceVersion")
            .identity_field("/metadata/uid")
            .deletion_mark("/metadata/deletionTimestamp")
            .no_creation()
    }

    fn returns_stored(&self) -> bool {
        true
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let mut causes = problem.fields().iter().map(|cause| cause.code.as_deref());
        if causes.any(|cause| cause == Some(OTHER_MANAGER)) {
            return Some(RefusalKind::InvalidState);
        }
        by_code(problem, &REASONS)
    }
}
