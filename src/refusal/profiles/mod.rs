//! API families by name: where their versions travel, and what their refusals mean.
//!
//! A profile is named once, when the client is built; [`Generic`](crate::Generic) is the one for
//! every other API, and [`Generic::over`](crate::Generic::over) adds an application's own meanings to
//! any of them. Only what a code proves is called a race here. A refusal that no profile knows is
//! settled by reading the resource: the version has moved, or it has not.
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
//! let profile = Generic::over(CouchDb).meaning("forbidden", RefusalKind::InvalidState);
//! # let _ = (client, profile);
//! # Ok(())
//! # }
//! ```

mod azure_blob;
mod azure_table;
mod couchdb;
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

use ::http::StatusCode;

use super::RefusalKind;
use crate::http::Problem;

/// What the machine code of a refusal means, by a table.
///
/// An API that tells its reasons by code has one for races too, so a 412 under a code that is not in
/// the table is no proof of one: the read that follows tells.
fn by_code(problem: &Problem, table: &[(&str, RefusalKind)]) -> Option<RefusalKind> {
    let code = problem.code()?;
    let known = table.iter().find(|(name, _)| *name == code);
    let unproven = problem.status() == StatusCode::PRECONDITION_FAILED;
    known
        .map(|(_, kind)| *kind)
        .or_else(|| unproven.then_some(RefusalKind::Unknown))
}
