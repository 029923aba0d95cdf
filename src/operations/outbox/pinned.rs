//! The strategy of a resolution, which holds only for the state that was shown.

use async_trait::async_trait;

use crate::BoxError;
use crate::merge::Policy;
use crate::operations::ResourceData;
use crate::resolve::{Conflict, MergeStrategy, Resolution, Strategy};

/// Merges nothing, and compares as the strategy of the handle does.
pub(in crate::operations) struct Pinned<T>(pub(in crate::operations) Strategy<T>);

#[async_trait]
impl<T: ResourceData> MergeStrategy<T> for Pinned<T> {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        let documents = conflict.documents()?;
        if documents.remote.is_some() && documents.remote == documents.base {
            // It is what was shown, as far as the server tells without a version.
            return Ok(Resolution::KeepLocal);
        }
        Ok(Resolution::Unresolved {
            merged: None,
            fields: Vec::new(),
        })
    }

    fn is_state_like(&self) -> bool {
        self.0.is_state_like()
    }

    fn policy(&self) -> Option<Policy> {
        self.0.policy()
    }
}
