//! `OData` services: SAP CAP, Dataverse, Business Central, Microsoft Graph.

use super::by_code;
use crate::protocol::{Batch, Problem, Profile, RefusalKind, Versioning, WeakTags};

/// `OData` services: SAP CAP, Microsoft Dataverse, Business Central, Microsoft Graph.
///
/// Versions are entity tags, mostly weak, and are sent back unchanged. A stale write is a 412. Graph and Business
/// Central may also respond with a 409 and a code of their own. A 428 means that a write had no precondition. A
/// `PATCH` has the media type of any other document. Dataverse also responds with 412 to duplicates, which have
/// other codes than races.
///
/// A transaction is committed by one change set of `$batch`.
///
/// [Protocol](https://docs.oasis-open.org/odata/odata/v4.01/odata-v4.01-part1-protocol.html), 11.4.1.1;
/// [Dataverse](https://learn.microsoft.com/power-apps/developer/data-platform/org-service/web-service-error-codes),
/// [Graph](https://learn.microsoft.com/graph/errors).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, WriteMode, profiles::OData};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://org.crm.dynamics.com/api/data/v9.2").profile(OData).build()?;
/// let account = client
///     .resource::<serde_json::Value>(["accounts(00000000-0000-0000-0000-000000000001)"])
///     .write_mode(WriteMode::MergePatch);
/// # let _ = account;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct OData;

const CODES: [(&str, RefusalKind); 11] = [
    // Dataverse: ConcurrencyVersionMismatch.
    ("0x80060882", RefusalKind::StaleVersion),
    // DuplicateRecord, DuplicateRecordEntityKey, DuplicateRecordsFound.
    ("0x80040237", RefusalKind::AlreadyExists),
    ("0x80060892", RefusalKind::AlreadyExists),
    ("0x80040333", RefusalKind::AlreadyExists),
    // OptimisticConcurrencyNotEnabled, ConcurrencyVersionNotProvided.
    ("0x80060883", RefusalKind::InvalidState),
    ("0x8006088d", RefusalKind::InvalidState),
    // Graph.
    ("resourceModified", RefusalKind::StaleVersion),
    ("ErrorIrresolvableConflict", RefusalKind::StaleVersion),
    ("nameAlreadyExists", RefusalKind::AlreadyExists),
    ("resourceLocked", RefusalKind::Locked),
    // Business Central.
    ("Request_EntityChanged", RefusalKind::StaleVersion),
];

impl Profile for OData {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Verbatim).fallback_field("/@odata.etag")
    }

    fn batch(&self) -> Option<Batch> {
        Some(Batch::change_set("$batch"))
    }

    fn patch_media_type(&self) -> &'static str {
        "application/json"
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
