//! Azure Blob Storage, and Azurite.

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind};

/// Azure Blob Storage and Azurite.
///
/// Versions are strong entity tags. A 412 has several meanings, which the code in the body or in
/// `x-ms-error-code` distinguishes. The precondition failed (a race), another client holds a lease (a
/// lock, which a read does not lift), or your own lease is gone. A creation of an existing blob is a
/// 409.
///
/// Every `PUT` of a blob needs the header `x-ms-blob-type`. Set it on the collection.
///
/// [Error codes](https://learn.microsoft.com/rest/api/storageservices/blob-service-error-codes).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, profiles::AzureBlob};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::builder("https://account.blob.core.windows.net").profile(AzureBlob).build()?;
/// let documents = client
///     .collection::<serde_json::Value>("container")
///     .header("x-ms-blob-type".parse()?, "BlockBlob".parse()?);
/// # let _ = documents;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AzureBlob;

const CODES: [(&str, RefusalKind); 35] = [
    ("ConditionNotMet", RefusalKind::StaleVersion),
    ("TargetConditionNotMet", RefusalKind::StaleVersion),
    ("BlobAlreadyExists", RefusalKind::AlreadyExists),
    ("ContainerAlreadyExists", RefusalKind::AlreadyExists),
    ("ResourceAlreadyExists", RefusalKind::AlreadyExists),
    ("AccountAlreadyExists", RefusalKind::AlreadyExists),
    // Another client holds a lease.
    ("LeaseAlreadyPresent", RefusalKind::Locked),
    ("LeaseIdMissing", RefusalKind::Locked),
    ("LeaseIdMismatchWithBlobOperation", RefusalKind::Locked),
    ("LeaseIdMismatchWithContainerOperation", RefusalKind::Locked),
    ("LeaseIdMismatchWithLeaseOperation", RefusalKind::Locked),
    ("LeaseIsBreakingAndCannotBeAcquired", RefusalKind::Locked),
    // The client's own lease is gone, and waiting does not restore it.
    ("LeaseLost", RefusalKind::InvalidState),
    ("LeaseAlreadyBroken", RefusalKind::InvalidState),
    (
        "LeaseIsBreakingAndCannotBeChanged",
        RefusalKind::InvalidState,
    ),
    ("LeaseIsBrokenAndCannotBeRenewed", RefusalKind::InvalidState),
    (
        "LeaseNotPresentWithBlobOperation",
        RefusalKind::InvalidState,
    ),
    (
        "LeaseNotPresentWithContainerOperation",
        RefusalKind::InvalidState,
    ),
    (
        "LeaseNotPresentWithLeaseOperation",
        RefusalKind::InvalidState,
    ),
    // Conditions on something other than the version of the blob.
    ("SourceConditionNotMet", RefusalKind::InvalidState),
    ("AppendPositionConditionNotMet", RefusalKind::InvalidState),
    ("MaxBlobSizeConditionNotMet", RefusalKind::InvalidState),
    ("SequenceNumberConditionNotMet", RefusalKind::InvalidState),
    // The blob, container or account is in a state that does not allow the request.
    ("BlobArchived", RefusalKind::InvalidState),
    ("BlobBeingRehydrated", RefusalKind::InvalidState),
    ("BlobImmutableDueToPolicy", RefusalKind::InvalidState),
    ("BlobNotArchived", RefusalKind::InvalidState),
    ("ContainerBeingDeleted", RefusalKind::InvalidState),
    ("ContainerDisabled", RefusalKind::InvalidState),
    ("InvalidBlobType", RefusalKind::InvalidState),
    ("NoPendingCopyOperation", RefusalKind::InvalidState),
    ("PendingCopyOperation", RefusalKind::InvalidState),
    ("SnapshotsPresent", RefusalKind::InvalidState),
    ("SnapshotOperationRateExceeded", RefusalKind::Transient),
    ("InfiniteLeaseDurationRequired", RefusalKind::Invalid),
];

impl Profile for AzureBlob {
    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
