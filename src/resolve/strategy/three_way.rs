//! The three-way merge as a strategy.

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conflict, MergeStrategy, Resolution, Settled};
use crate::BoxError;
use crate::merge::{ConflictKind, FieldConflict, Policy, Side, ThreeWay, pick_side};

/// Merges the documents by the policy. Fields that cannot be merged stay open.
///
/// A removal on one side and a change on the other also stay open.
///
/// Without a base, both sides created the resource. A member that only one side has is then an addition and is kept.
/// Sets, keyed lists and sequences keep the elements of both sides. `max`, `min`, `local`, `remote` and functions decide
/// as always. Any other value that differs stays open, counters and texts included, because no change can be computed.
#[async_trait]
impl<T> MergeStrategy<T> for ThreeWay
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        self.resolve_documents(conflict).await?.typed()
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        let documents = conflict.documents()?;
        let (Some(local), Some(remote)) = (&documents.local, &documents.remote) else {
            // A removal on both sides is no conflict. A removal on one side is left to other strategies.
            if documents.local.is_none() && documents.remote.is_none() {
                return Ok(Settled::Typed(Resolution::KeepRemote));
            }
            return Ok(Settled::Open(None, Vec::new()));
        };
        let merged = self.merge_documents(documents.base.as_ref(), local, remote);
        let mut fields = merged.conflicts;
        // Fields that may already hold this write's own change stay open (see `write::recovery::lost_write`).
        for doubtful in &conflict.doubtful {
            if !fields.iter().any(|field| field.pointer == doubtful.pointer) {
                fields.push(doubtful.clone());
            }
        }
        let document = if conflict.doubtful.is_empty() {
            merged.document
        } else {
            pick_side(&merged.document, &conflict.doubtful, Side::Remote)
        };
        // Two edits that are valid on their own can merge into a document that the type does not allow.
        let fits = document.decode::<T>().is_ok();
        if fits && fields.is_empty() {
            return Ok(Settled::Document(document));
        }
        if !fits && fields.is_empty() {
            fields = vec![whole(documents.base.as_ref(), local, remote)];
        }
        Ok(Settled::Open(fits.then_some(document), fields))
    }

    fn is_state_like(&self) -> bool {
        // The policy states this for each field, and the write loop consults it there.
        true
    }

    fn policy(&self) -> Option<Policy> {
        Some(ThreeWay::policy(self).clone())
    }

    fn merges_by_policy(&self) -> bool {
        true
    }
}

fn whole(
    base: Option<&crate::json::Document>,
    local: &crate::json::Document,
    remote: &crate::json::Document,
) -> FieldConflict {
    FieldConflict::new(
        String::new(),
        ConflictKind::TypeChanged,
        base.map(crate::json::Document::to_value),
        Some(local.to_value()),
        Some(remote.to_value()),
    )
}
