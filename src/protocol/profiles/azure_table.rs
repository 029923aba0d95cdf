//! Azure Table Storage, the Table API of Cosmos DB, and Azurite.

use super::by_code;
use crate::protocol::{Batch, Problem, Profile, RefusalKind, Versioning, WeakTags};

/// Azure Table Storage, the Table API of Cosmos DB, and Azurite.
///
/// Versions are weak entity tags, `W/"datetime'…'"`, and must be sent back unchanged. A tag without its `W/`
/// is a 400. The service ignores `If-None-Match`, including the `*` of a creation. Create new entities with
/// `post`, which is refused with a 409 if the entity exists.
///
/// A transaction whose entities are of one partition is committed by one change set (at most 100 entities and 4 MiB). The
/// `PartitionKey` has to come before the `RowKey` in their addresses.
///
/// The service takes no other media type beside JSON in `Accept`, and the metadata in its responses does not belong into
/// entities that are written. So set the default header `Accept: application/json;odata=nometadata`.
///
/// [Error codes](https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes).
///
/// # Example
///
/// ```
/// use ifmatch::{Client, HeaderName, HeaderValue, profiles::AzureTable};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let json = HeaderValue::from_static("application/json;odata=nometadata");
/// let client = Client::builder("https://account.table.core.windows.net")
///     .profile(AzureTable)
///     .default_header(HeaderName::from_static("accept"), json)
///     .build()?;
/// let ada = client.resource::<serde_json::Value>(["people(PartitionKey='p',RowKey='ada')"]);
/// # let _ = ada;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct AzureTable;

const CODES: [(&str, RefusalKind); 5] = [
    ("UpdateConditionNotSatisfied", RefusalKind::StaleVersion),
    ("ConditionNotMet", RefusalKind::StaleVersion),
    ("EntityAlreadyExists", RefusalKind::AlreadyExists),
    ("TableAlreadyExists", RefusalKind::AlreadyExists),
    ("TableBeingDeleted", RefusalKind::InvalidState),
];

impl Profile for AzureTable {
    fn versioning(&self) -> Versioning {
        Versioning::entity_tag(WeakTags::Verbatim)
            .fallback_field("/odata.etag")
            .no_creation()
    }

    fn batch(&self) -> Option<Batch> {
        // Entity group transactions: one table and partition, each entity once.
        Some(Batch::change_set("$batch").same_before(",RowKey="))
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        by_code(problem, &CODES)
    }
}
