//! The v2 API of etcd.

use super::by_code;
use crate::protocol::{Envelope, Problem, Profile, RefusalKind, Versioning};

/// etcd, by its v2 API (`/v2/keys/…`), with JSON documents as values.
///
/// The version is `node.modifiedIndex` and goes into the query as `prevIndex`; a creation has
/// `prevExist=false`. The document is the text in `node.value`, and a write sends it as the form field
/// `value`. A stale write is a 412 with the code 101; the `index` in it is the store's, not the key's,
/// so the key is read. `If-Match` is ignored.
///
/// The v3 JSON gateway answers a lost comparison with 200; it is not for this profile.
///
/// [Reference](https://etcd.io/docs/v2.3/api/), [error codes](https://etcd.io/docs/v2.3/errorcode/).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::EtcdV2};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("http://127.0.0.1:2379/v2/keys").profile(EtcdV2).build()?;
/// let settings = client.collection::<serde_json::Value>("settings");
/// # let _ = settings;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct EtcdV2;

const CODES: [(&str, RefusalKind); 6] = [
    ("101", RefusalKind::StaleVersion),
    ("105", RefusalKind::AlreadyExists),
    // Not a file, not a directory, read-only, a directory that is not empty.
    ("102", RefusalKind::InvalidState),
    ("104", RefusalKind::InvalidState),
    ("107", RefusalKind::InvalidState),
    ("108", RefusalKind::InvalidState),
];

impl Profile for EtcdV2 {
    fn versioning(&self) -> Versioning {
        Versioning::body_field("/node/modifiedIndex")
            .sent_in_query("prevIndex")
            .create_query("prevExist", "false")
    }

    fn envelope(&self) -> Envelope {
        Envelope::at("/node/value").as_text().sent_as_form("value")
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
