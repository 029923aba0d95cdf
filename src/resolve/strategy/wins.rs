//! Strategies in which one side wins.

use std::cmp::Ordering;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conflict, MergeStrategy, Resolution, Settled};
use crate::BoxError;
use crate::json::Document;
use crate::merge::{Side, pick_side};

/// A strategy in which the local side wins. After another strategy, it decides only the fields that are still open.
///
/// The write stays pinned to the version that was seen, so the changes of a third client are not lost. Fields that
/// the resource type does not know keep the remote state. A resource that another client removed is created again.
/// A local removal is carried out.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalWins;

/// A strategy in which the remote side wins. After another strategy, it decides only the fields that are still
/// open.
///
/// A resource that another client removed stays removed, and the write ends with [`Gone`](crate::ErrorKind::Gone).
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoteWins;

/// A strategy in which the side with the later timestamp wins. It is created by [`LastWriteWins::by`].
#[derive(Clone, Debug)]
pub struct LastWriteWins {
    pointer: String,
}

impl LastWriteWins {
    /// Creates a strategy that compares the member at this JSON Pointer.
    ///
    /// The comparison follows [`Rule::Max`](crate::merge::Rule::Max): numbers by exact value, times as times, and
    /// other strings by their bytes. The remote side wins a tie. The conflict stays open if a side has no such
    /// member or if the two cannot be compared (a number and a string, a time and another string, times that cannot
    /// be parsed).
    pub fn by(pointer: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
        }
    }
}

/// Resolves the conflict in favour of one side, in the open fields or as a whole.
fn take<T: Serialize + DeserializeOwned>(
    conflict: &Conflict<T>,
    side: Side,
) -> Result<Settled<T>, BoxError> {
    if let Some(merged) = &conflict.documents()?.merged
        && !conflict.fields.is_empty()
    {
        let settled = pick_side(merged, &conflict.fields, side);
        // The document must decode as the type.
        settled.decode::<T>()?;
        return Ok(Settled::Document(settled));
    }
    Ok(Settled::Typed(match side {
        Side::Local => Resolution::KeepLocal,
        Side::Remote => Resolution::KeepRemote,
    }))
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for LocalWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        take(conflict, Side::Local)?.typed()
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        take(conflict, Side::Local)
    }

    fn is_state_like(&self) -> bool {
        true
    }
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for RemoteWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        take(conflict, Side::Remote)?.typed()
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        take(conflict, Side::Remote)
    }

    fn is_state_like(&self) -> bool {
        true
    }
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for LastWriteWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        self.resolve_documents(conflict).await?.typed()
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        let documents = conflict.documents()?;
        let stamp = |side: Option<Document>| side?.pointer(&self.pointer);
        let order = stamp(documents.local)
            .zip(stamp(documents.remote))
            .and_then(|(mine, theirs)| mine.order(&theirs));
        match order {
            Some(Ordering::Greater) => take(conflict, Side::Local),
            Some(_) => take(conflict, Side::Remote),
            None => Ok(Settled::Open(None, conflict.fields.clone())),
        }
    }

    fn is_state_like(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a failing test may panic")]
    use super::*;
    use serde_json::{Value, json};

    /// Resolves a conflict between two states with these timestamps.
    async fn resolved(mine: Value, theirs: Value) -> Resolution<Value> {
        let [mine, theirs] = [mine, theirs].map(|at| Some(json!({"at": at})));
        let conflict = Conflict::new(None, mine, theirs);
        LastWriteWins::by("/at").resolve(&conflict).await.unwrap()
    }

    #[tokio::test]
    async fn the_later_stamp_wins_however_it_is_spelt() {
        for (earlier, later) in [
            (
                json!("2024-05-01T10:00:00Z"),
                json!("2024-05-01T10:00:00.5Z"),
            ),
            (
                json!("2024-05-01T10:00:00+02:00"),
                json!("2024-05-01T09:00:00Z"),
            ),
            (
                json!("Wed, 01 May 2024 10:00:00 GMT"),
                json!("2024-05-01t10:00:01z"),
            ),
            (
                json!(9_007_199_254_740_992_u64),
                json!(9_007_199_254_740_993_u64),
            ),
            (
                json!("2024-05-01T11:00:00+0200"),
                json!("2024-05-01T10:00:00+0000"),
            ),
            (
                json!("Wed, 01 May 2024 12:00:00 +0200"),
                json!("Wed, 01 May 2024 11:00:00 +0000"),
            ),
            (json!("999999999"), json!("1714550400")),
            (json!(-1.5), json!(1)),
            (json!("v10"), json!("v9")),
        ] {
            let wins = resolved(later.clone(), earlier.clone()).await;
            assert!(matches!(wins, Resolution::KeepLocal), "{later}");
            let loses = resolved(earlier, later.clone()).await;
            assert!(matches!(loses, Resolution::KeepRemote), "{later}");
        }
    }

    #[tokio::test]
    async fn a_tie_is_the_remotes_and_what_cannot_be_compared_stays_open() {
        let time = || json!("2024-05-01T10:00:00Z");
        for same in [time(), json!("2024-05-01T12:00:00.00+02:00")] {
            let even = resolved(time(), same).await;
            assert!(matches!(even, Resolution::KeepRemote));
        }
        for other in [json!("yesterday"), json!(5), json!(null)] {
            let open = resolved(time(), other).await;
            assert!(matches!(open, Resolution::Unresolved { .. }));
        }
        let unclear = resolved(json!("05/01/2024"), json!("04/02/2025")).await;
        assert!(matches!(unclear, Resolution::Unresolved { .. }));
    }
}
