//! Profiles of known API families: where their versions are found, and what their refusals mean.
//!
//! Name a profile once, when you build the client. [`Generic`](crate::Generic) serves every other API, and
//! [`Generic::over`](crate::Generic::over) adds an application's own meanings to any profile. A profile
//! reports a race only if a code proves it. A refusal that no profile knows is settled by reading the
//! resource, which shows whether the version has changed. For an API that hides refusals in 200 responses,
//! [`HiddenRefusal`](crate::HiddenRefusal) describes how to detect them.
//!
//! | profile | version, and how it is sent back | stale write | other features | run against |
//! |---|---|---|---|---|
//! | [`AzureBlob`] | strong tag → `If-Match` | 412 `ConditionNotMet` | leases are locks, a lost lease is an invalid state; 409 `BlobAlreadyExists` | Azurite 3.35 |
//! | [`AzureTable`] | weak tag → `If-Match`, unchanged | 412 `UpdateConditionNotSatisfied` | creation only by `post`; 409 `EntityAlreadyExists`; tags in items; change sets | Azurite 3.35 |
//! | [`CouchDb`] | `_rev` → the document, `?rev=` in a removal | 409 `conflict` | new version in `rev` of the response; a 412 is never a race; tags are not used | express-pouchdb 4.2 |
//! | [`Elasticsearch`] | `_seq_no`, `_primary_term` → `?if_seq_no=&if_primary_term=` | 409 `version_conflict_engine_exception` | document in `_source`, sent alone; creation with `op_type=create`; the 200 of `_bulk` with `errors` | — |
//! | [`EtcdV2`] | `node.modifiedIndex` → `?prevIndex=` | 412, code 101 | document as text in `node.value`, sent as a form; creation with `prevExist=false` | etcd 3.4 |
//! | [`EtcdV3`] | `mod_revision` → a comparison of the transaction | the comparison failed | requests become calls of the JSON gateway; the refusal contains the current value, which is merged without a read; `create_revision` tells a key that was created again; transactions | etcd 3.4 |
//! | [`Eve`] | strong tag → `If-Match` | 412 | 428 to a creation: it exists; tags in items | Eve 2.3 |
//! | [`Fhir`] | weak tag → `If-Match`, unchanged | 412; 409 on some servers, confirmed by a read | issue types; media type | — |
//! | [`Firebase`] | tag (a hash of the content) → `If-Match` | 412 | the refusal contains the current state, which is merged without a read; `.json` behind each path; creation with `If-Match: null_etag`; `null` is nothing | — |
//! | [`GitHubContents`] | `sha` → the document | 409, confirmed by a read | new version in `content.sha`; retry if the branch is busy; 422 without `sha`: it exists | — |
//! | [`Google`] | `etag` → the document, `?etag=` in a removal | 409 `ABORTED` (confirmed by a read), 412 `conditionNotMet` | 400 `FAILED_PRECONDITION` is an invalid state; media type of patches | — |
//! | [`JsonApi`] | strong tag → `If-Match` | 412 | document in `data.attributes`; 409 at `/data/id`: it exists; media types | — |
//! | [`Kinto`] | strong tag → `If-Match` | 412, `errno` 114 | the refusal contains the current record, which is merged without a read; document in `data`; 409 `errno` 122: a value is taken | Kinto 26.5 |
//! | [`Kubernetes`] | `metadata.resourceVersion` → the document, preconditions in a removal | 409 `Conflict`, confirmed by a read | `AlreadyExists`; conflicts of field managers; creation only by `post`; fields of `details.causes` | — |
//! | [`OData`] | weak tag → `If-Match`, unchanged | 412; `resourceModified`, `Request_EntityChanged` | duplicates at 412 (Dataverse); tags in items; media type of patches | — |
//! | [`S3`] | strong tag → `If-Match` | 412 `PreconditionFailed` | 409 `ConditionalRequestConflict`: retried | moto 5.2 |
//! | [`Scim`] | weak tag → `If-Match`, unchanged | 412 | 409 `uniqueness`; `meta.version` in items; media type; `PatchOp` with `WriteMode::ScimPatch` | scim2-server 0.8 |
//! | [`Solid`] | strong tag → `If-Match` | 412 | a write to what was removed creates it anew; containers in Turtle; streaming channels | Community Solid Server 7.2, with files |
//! | [`WebDav`] | strong tag → `If-Match` | 412 | 423; 409: the collection is missing; `no-uid-conflict`; `-gzip` is removed | Apache 2.4, lighttpd 1.4; not nginx, whose `dav` ignores `If-Match` |
//!
//! Profiles with a server in the last column were tested and probed on it: reads, conflicts, merges,
//! creations and removals, as in `tests/interop/run`. The others ran the same tests on an in-memory server
//! that spells versions as the documentation of the API describes, and were shown the refusals documented
//! there.
//!
//! # Example
//!
//! ```
//! use ifmatch::{Client, Generic, RefusalKind, profiles::CouchDb};
//!
//! # fn main() -> Result<(), ifmatch::Error> {
//! let client = Client::builder("http://127.0.0.1:5984").profile(CouchDb).build()?;
//!
//! // The same, with a refusal from your own validation function:
//! let profile = Generic::over(CouchDb).map_code("forbidden", RefusalKind::InvalidState);
//! # let _ = (client, profile);
//! # Ok(())
//! # }
//! ```

mod azure_blob;
mod azure_table;
mod couchdb;
mod elasticsearch;
mod etcd_v2;
mod etcd_v3;
mod eve;
mod fhir;
mod firebase;
mod github_contents;
mod google;
mod json_api;
mod kinto;
mod kubernetes;
mod odata;
mod s3;
mod scim;
mod solid;
mod webdav;

pub use azure_blob::AzureBlob;
pub use azure_table::AzureTable;
pub use couchdb::CouchDb;
pub use elasticsearch::Elasticsearch;
pub use etcd_v2::EtcdV2;
pub use etcd_v3::EtcdV3;
pub use eve::Eve;
pub use fhir::Fhir;
pub use firebase::Firebase;
pub use github_contents::GitHubContents;
pub use google::Google;
pub use json_api::JsonApi;
pub use kinto::Kinto;
pub use kubernetes::Kubernetes;
pub use odata::OData;
pub use s3::S3;
pub use scim::Scim;
pub use solid::Solid;
pub use webdav::WebDav;

use http::StatusCode;

use super::RefusalKind;
use crate::protocol::Problem;

/// Looks up the meaning of a refusal's machine code in a table.
///
/// An API that gives its reasons by code also has a code for races. A 412 with a code that is not in the
/// table therefore does not prove a race, and the read that follows decides. At a 429 or 5xx, a code in a
/// table does not mean that the request was refused for good.
fn by_code(problem: &Problem, table: &[(&str, RefusalKind)]) -> Option<RefusalKind> {
    let status = problem.status();
    if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
        return None;
    }
    let unproven = problem.status() == StatusCode::PRECONDITION_FAILED;
    meaning_of(problem.code()?, table).or_else(|| unproven.then_some(RefusalKind::Unknown))
}

fn meaning_of(code: &str, table: &[(&str, RefusalKind)]) -> Option<RefusalKind> {
    let known = table.iter().find(|(name, _)| *name == code);
    known.map(|(_, kind)| *kind)
}
