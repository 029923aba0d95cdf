//! API families by name: where their versions travel, and what their refusals mean.
//!
//! A profile is named once, when the client is built; [`Generic`](crate::Generic) is the one for
//! every other API, and [`Generic::over`](crate::Generic::over) adds an application's own meanings to
//! any of them. Only what a code proves is called a race here. A refusal that no profile knows is
//! settled by reading the resource: the version has moved, or it has not. Where an API hides refusals in
//! replies of status 200, [`HiddenRefusal`](crate::HiddenRefusal) says by what they are told.
//!
//! | profile | version, and how it goes back | stale write | what else it knows | run against |
//! |---|---|---|---|---|
//! | [`AzureBlob`] | strong tag → `If-Match` | 412 `ConditionNotMet` | leases are locks, a lost lease is a wrong state; 409 `BlobAlreadyExists` | Azurite 3.35 |
//! | [`AzureTable`] | weak tag → `If-Match`, as it is | 412 `UpdateConditionNotSatisfied` | creation by `post` alone; 409 `EntityAlreadyExists`; tags in items | — |
//! | [`CouchDb`] | `_rev` → the document, `?rev=` in a removal | 409 `conflict` | new version in the reply's `rev`; no 412 is a race; no tag is used | express-pouchdb 4.2 |
//! | [`Elasticsearch`] | `_seq_no`, `_primary_term` → `?if_seq_no=&if_primary_term=` | 409 `version_conflict_engine_exception` | document in `_source`, sent alone; creation by `op_type=create`; the 200 of `_bulk` with `errors` | — |
//! | [`EtcdV2`] | `node.modifiedIndex` → `?prevIndex=` | 412, code 101 | document as text in `node.value`, sent as a form; creation by `prevExist=false` | etcd 3.4 |
//! | [`Eve`] | strong tag → `If-Match` | 412 | 428 to a creation: it exists; tags in items | Eve 2.3 |
//! | [`Fhir`] | weak tag → `If-Match`, as it is | 412; some servers 409, told by a read | types of issues; media type | — |
//! | [`GitHubContents`] | `sha` → the document | 409, told by a read | new version at `content.sha`; a busy branch is sent again; 422 without `sha`: it exists | — |
//! | [`Google`] | `etag` → the document, `?etag=` in a removal | 409 `ABORTED` (told by a read), 412 `conditionNotMet` | 400 `FAILED_PRECONDITION` is a wrong state; media type of patches | — |
//! | [`JsonApi`] | strong tag → `If-Match` | 412 | document in `data.attributes`; 409 at `/data/id`: it exists; media types | — |
//! | [`Kinto`] | strong tag → `If-Match` | 412, `errno` 114 | the current record comes along and is merged without a read; document in `data`; 409 `errno` 122: a value is taken | Kinto 26.5 |
//! | [`Kubernetes`] | `metadata.resourceVersion` → the document, preconditions in a removal | 409 `Conflict`, told by a read | `AlreadyExists`; conflicts of field managers; creation by `post` alone; fields of `details.causes` | — |
//! | [`OData`] | weak tag → `If-Match`, as it is | 412; `resourceModified`, `Request_EntityChanged` | duplicates at 412 (Dataverse); tags in items; media type of patches | — |
//! | [`S3`] | strong tag → `If-Match` | 412 `PreconditionFailed` | 409 `ConditionalRequestConflict`: sent again | — |
//! | [`Scim`] | weak tag → `If-Match`, as it is | 412 | 409 `uniqueness`; `meta.version` in items; media type | — |
//! | [`WebDav`] | strong tag → `If-Match` | 412 | 423; 409: the collection is missing; `no-uid-conflict`; `-gzip` taken off | Apache 2.4, lighttpd 1.4; not nginx, whose `dav` ignores `If-Match` |
//!
//! Those with a server in the last column read, clashed, merged, created and removed on it, as
//! `tests/interop/run` does, and were probed there. The others did so on a server in memory that spells
//! versions as their documentation says, and were shown the refusals that it shows.
//!
//! # Example
//!
//! ```
//! use ifmatch::{Client, Generic, RefusalKind, profiles::CouchDb};
//!
//! # fn main() -> Result<(), ifmatch::Error> {
//! let client = Client::builder("http://127.0.0.1:5984").profile(CouchDb).build()?;
//!
//! // The same, with a refusal of a validation function of one's own:
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
mod eve;
mod fhir;
mod github_contents;
mod google;
mod json_api;
mod kinto;
mod kubernetes;
mod odata;
mod s3;
mod scim;
mod webdav;

pub use azure_blob::AzureBlob;
pub use azure_table::AzureTable;
pub use couchdb::CouchDb;
pub use elasticsearch::Elasticsearch;
pub use etcd_v2::EtcdV2;
pub use eve::Eve;
pub use fhir::Fhir;
pub use github_contents::GitHubContents;
pub use google::Google;
pub use json_api::JsonApi;
pub use kinto::Kinto;
pub use kubernetes::Kubernetes;
pub use odata::OData;
pub use s3::S3;
pub use scim::Scim;
pub use webdav::WebDav;

use http::StatusCode;

use super::RefusalKind;
use crate::protocol::Problem;

/// What the machine code of a refusal means, by a table.
///
/// An API that tells its reasons by code has one for races too, so a 412 under a code that is not in
/// the table is no proof of one: the read that follows tells. At a 429 or 5xx no code of a table says that
/// the request was refused for good.
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
