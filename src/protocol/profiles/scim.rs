//! SCIM (RFC 7644).

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind, Versioning, WeakTags};

/// SCIM providers (RFC 7644).
///
/// Versions are entity tags, mostly weak (3.14), and are sent back unchanged. A stale write is a 412. A 409
/// with `"scimType": "uniqueness"` means that a name is taken (3.12), so it is never a race. Members that only the
/// server sets, such as `meta`, may be sent, because providers ignore them (3.5.1).
///
/// Providers without `PUT` are written by a `PatchOp`, with
/// [`WriteMode::ScimPatch`](crate::WriteMode::ScimPatch).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, WriteMode, profiles::Scim};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://id.example.com/scim/v2").profile(Scim).build()?;
/// let users = client.collection::<serde_json::Value>("Users").write_mode(WriteMode::ScimPatch);
/// # let _ = users;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Scim;

const TYPES: [(&str, RefusalKind); 2] = [
    ("uniqueness", RefusalKind::AlreadyExists),
    ("invalidVers", RefusalKind::UnsupportedApiVersion),
];

impl Profile for Scim {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Verbatim).fallback_field("/meta/version")
    }

    fn media_type(&self) -> &'static str {
        "application/scim+json"
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &TYPES)
    }
}
