//! Kubernetes and similar servers: `Status` objects, versions in `metadata.resourceVersion`.

use serde_json::json;

use super::by_code;
use crate::protocol::{Feed, Problem, Profile, RefusalKind, Versioning};

/// Kubernetes, and API servers built with its libraries.
///
/// The version is `metadata.resourceVersion` inside the object and is sent back there, or among the
/// preconditions of a `DELETE`. A `PUT` without it overwrites the object, so new objects are created only by
/// `post`. Refusals are `Status` objects, whose `reason` says more than the status: `AlreadyExists` and
/// `Conflict` are both 409. `Conflict` alone does not count as a race, because it also reports a quota that
/// another client changed and a wrong `uid`. A read shows whether the object has changed.
///
/// An object that was removed and created again under the same name has another `metadata.uid`. An edit of
/// the old object then ends as [`Gone`](crate::ErrorKind::Gone). A removal of an object with finalizers only
/// marks it with `metadata.deletionTimestamp`. This is a success with
/// [`removal_pending`](crate::WriteReport::removal_pending). Responses to writes show the object as it is
/// stored.
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
/// // Only the data of config maps; the rest of each object is sent back unchanged.
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

/// The cause of a `Conflict` about the manager of a field (server-side apply), which does not depend on the
/// version.
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

    fn feed(&self) -> Option<Feed> {
        let feed = Feed::json_lines("")
            .query("watch", true)
            .query("allowWatchBookmarks", true)
            .position_query("resourceVersion")
            .kind_at("/type")
            .id_at("/object/metadata/name")
            .document_at("/object")
            .version_at("/object/metadata/resourceVersion")
            .position_at("/object/metadata/resourceVersion");
        let list = feed
            .items_at("/items")
            .item_id_at("/metadata/name")
            .list_position_at("/metadata/resourceVersion")
            .whole_items();
        Some(list.versions_count_up().signals_gaps())
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        let mut causes = problem.fields().iter().map(|cause| cause.code.as_deref());
        if causes.any(|cause| cause == Some(OTHER_MANAGER)) {
            return Some(RefusalKind::InvalidState);
        }
        by_code(problem, &REASONS)
    }
}
