//! The v2 API of etcd.

use super::by_code;
use crate::protocol::{Envelope, Problem, Profile, RefusalKind, Versioning};

/// The v2 API of etcd (`/v2/keys/…`), with JSON documents as values.
///
/// The version is `node.modifiedIndex`, which is sent as the query parameter `prevIndex`. A creation has
/// `prevExist=false`. The document is the text in `node.value`, and a write sends it as the form field
/// `value`. A stale write is a 412 with the code 101. Its `index` belongs to the store and not to the key, so
/// the key is read. `If-Match` is ignored.
///
/// [`EtcdV3`](super::EtcdV3) is for the v3 API.
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
