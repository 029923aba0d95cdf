//! A strategy that falls back to another one.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conflict, MergeStrategy, Resolution, Settled};
use crate::BoxError;
use crate::lens::Lens;
use crate::merge::Policy;

/// Two strategies, the second of which decides what the first leaves open.
///
/// Created by [`MergeStrategy::or_else`]. The second strategy receives the result of the first in
/// [`Conflict::merged`], and the open fields in [`Conflict::fields`].
pub struct OrElse<A, B, T> {
    first: A,
    second: B,
    of: PhantomData<fn(T)>,
}

impl<A, B, T> OrElse<A, B, T> {
    pub(super) fn new(first: A, second: B) -> Self {
        Self {
            first,
            second,
            of: PhantomData,
        }
    }
}

impl<A: Clone, B: Clone, T> Clone for OrElse<A, B, T> {
    fn clone(&self) -> Self {
        Self::new(self.first.clone(), self.second.clone())
    }
}

#[async_trait]
impl<A, B, T> MergeStrategy<T> for OrElse<A, B, T>
where
    A: MergeStrategy<T>,
    B: MergeStrategy<T>,
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
{
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        self.resolve_documents(conflict).await?.typed()
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        let (merged, fields) = match self.first.resolve_documents(conflict).await? {
            Settled::Open(merged, fields) => (merged, fields),
            Settled::Typed(Resolution::Unresolved { merged, fields }) => {
                let put = |value: T| {
                    let policy = self.policy().unwrap_or_default();
                    let lens = Lens::new(Arc::new(policy));
                    conflict.documents()?.put(&lens, &value)
                };
                (merged.map(put).transpose()?, fields)
            }
            decided => return Ok(decided),
        };
        let left = conflict.after(merged, fields)?;
        self.second.resolve_documents(&left).await
    }

    fn is_state_like(&self) -> bool {
        self.first.is_state_like() && self.second.is_state_like()
    }

    fn time(&self) -> Option<Duration> {
        match (self.first.time(), self.second.time()) {
            (Some(first), Some(second)) => Some(first.saturating_add(second)),
            (first, second) => first.or(second),
        }
    }

    fn policy(&self) -> Option<Policy> {
        self.first.policy().or_else(|| self.second.policy())
    }
}

impl<A: fmt::Debug, B: fmt::Debug, T> fmt::Debug for OrElse<A, B, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OrElse")
            .field(&self.first)
            .field(&self.second)
            .finish()
    }
}
