//! Azure Blob Storage, and Azurite.

use super::by_code;
use crate::protocol::{Problem, Profile, RefusalKind};

/// Azure Blob Storage and Azurite.
///
/// Versions are strong entity tags. A 412 has many meanings, told apart by the code in the body or in
/// `x-ms-error-code`: the condition failed (a race), somebody holds a lease (a lock, which a read
/// does not lift), or our own lease is gone. A creation that finds something is a 409.
///
/// Every `PUT` of a blob needs `x-ms-blob-type`; set it on the collection.
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
    // Somebody holds a lease.
    ("LeaseAlreadyPresent", RefusalKind::Locked),
    ("LeaseIdMissing", RefusalKind::Locked),
    ("LeaseIdMismatchWithBlobOperation", RefusalKind::Locked),
    ("LeaseIdMismatchWithContainerOperation", RefusalKind::Locked),
    ("LeaseIdMismatchWithLeaseOperation", RefusalKind::Locked),
    ("LeaseIsBreakingAndCannotBeAcquired", RefusalKind::Locked),
    // Our own lease is gone: waiting does not bring it back.
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
    // Conditions on something else than the version of the blob.
    ("SourceConditionNotMet", RefusalKind::InvalidState),
    ("AppendPositionConditionNotMet", RefusalKind::InvalidState),
    ("MaxBlobSizeConditionNotMet", RefusalKind::InvalidState),
    ("SequenceNumberConditionNotMet", RefusalKind::InvalidState),
    // The blob, container or account is in a state that does not allow it.
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
