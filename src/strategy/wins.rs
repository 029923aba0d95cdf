//! Strategies by which one side wins.

use std::cmp::Ordering;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conflict, MergeStrategy, Resolution};
use crate::BoxError;
use crate::json::Document;
use crate::merge::{Side, settle};

/// The local side wins; after another strategy, only in the fields that are still open.
///
/// What is written stays pinned to the version that was seen, so a third writer is not lost; and
/// fields that the resource type does not know keep the remote's state. A resource that somebody
/// removed is created again; a local removal is carried out.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalWins;

/// The remote side wins; after another strategy, only in the fields that are still open.
///
/// A resource that somebody removed stays removed, and the write ends as
/// [`Gone`](crate::ErrorKind::Gone).
#[derive(Clone, Copy, Debug, Default)]
pub struct RemoteWins;

/// The side with the later time stamp wins; made by [`LastWriteWins::by`].
#[derive(Clone, Debug)]
pub struct LastWriteWins {
    pointer: String,
}

impl LastWriteWins {
    /// Compares the member at this JSON Pointer: numbers by value and exactly, times as times, other texts
    /// by their bytes.
    ///
    /// Times are those of RFC 3339, with any offset and any fraction of a second, and HTTP dates. The
    /// remote side wins a tie. If a side has no such member, or the two cannot be compared (a number and
    /// a text, a time and another text), the conflict stays open.
    pub fn by(pointer: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
        }
    }
}

/// The side that wins, in the open fields or as a whole.
fn take<T: Serialize + DeserializeOwned>(
    conflict: &Conflict<T>,
    side: Side,
) -> Result<Resolution<T>, BoxError> {
    if let Some(merged) = &conflict.merged
        && !conflict.fields.is_empty()
    {
        let settled = settle(&Document::encode(merged)?, &conflict.fields, side);
        return Ok(Resolution::Merged(settled.decode()?));
    }
    Ok(match side {
        Side::Local => Resolution::KeepLocal,
        Side::Remote => Resolution::KeepRemote,
    })
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for LocalWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        take(conflict, Side::Local)
    }

    fn is_state_like(&self) -> bool {
        true
    }
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for RemoteWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        take(conflict, Side::Remote)
    }

    fn is_state_like(&self) -> bool {
        true
    }
}

#[async_trait]
impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> MergeStrategy<T> for LastWriteWins {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        let documents = conflict.documents()?;
        let stamp = |side: Option<Document>| side?.pointer(&self.pointer);
        let order = stamp(documents.local)
            .zip(stamp(documents.remote))
            .and_then(|(mine, theirs)| mine.order(&theirs));
        match order {
            Some(Ordering::Greater) => take(conflict, Side::Local),
            Some(_) => take(conflict, Side::Remote),
            None => Ok(Resolution::Unresolved {
                merged: None,
                fields: conflict.fields.clone(),
            }),
        }
    }

    fn is_state_like(&self) -> bool {
        true
    }
}
