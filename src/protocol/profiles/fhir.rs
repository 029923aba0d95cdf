//! FHIR: `OperationOutcome`, weak tags.

use http::StatusCode;

use super::by_code;
use crate::protocol::{Batch, Problem, Profile, RefusalKind, Versioning, WeakTags};

/// FHIR servers.
///
/// Versions are weak entity tags made from `meta.versionId`, such as `W/"3"`, and are sent back unchanged. A
/// stale write is a 412, or a 409 on some servers. A 412 with the issue `multiple-matches` means instead that
/// the criteria of a conditional update matched several resources. Issues point at fields by `FHIRPath`. A
/// `Location` ends in `/_history/1`, and the resource is the part before that.
///
/// A transaction is committed by one transaction bundle.
///
/// [RESTful API](https://hl7.org/fhir/http.html#concurrency),
/// [issue types](https://hl7.org/fhir/valueset-issue-type.html).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::Fhir};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://fhir.example.com/r4").profile(Fhir).build()?;
/// let patients = client.collection::<serde_json::Value>("Patient");
/// # let _ = patients;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Fhir;

/// Issue types that have the same meaning at any status.
const ISSUES: [(&str, RefusalKind); 4] = [
    ("duplicate", RefusalKind::AlreadyExists),
    ("multiple-matches", RefusalKind::Invalid),
    ("business-rule", RefusalKind::InvalidState),
    ("lock-error", RefusalKind::Transient),
];

impl Profile for Fhir {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Verbatim)
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::bundle(""))
    }

    fn versions_beneath(&self) -> Option<&'static str> {
        Some("_history")
    }

    fn media_type(&self) -> &'static str {
        "application/fhir+json"
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        match (problem.status(), problem.code()) {
            // The issue type `conflict` is defined as an edit conflict, which the standard reports with a 412
            // (or 409).
            (StatusCode::PRECONDITION_FAILED, Some("conflict")) => Some(RefusalKind::StaleVersion),
            _ => by_code(problem, &ISSUES),
        }
    }
}
