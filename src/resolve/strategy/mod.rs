//! Strategies that decide conflicts with another client's write, and the conflicts that they receive.

mod conflict;
mod derived;
mod function;
mod or_else;
mod shown;
mod three_way;
mod wins;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::de::DeserializeOwned;

use crate::BoxError;
use crate::json::Document;
use crate::merge::{FieldConflict, Policy};

pub use conflict::Conflict;
pub(crate) use conflict::Documents;
pub(crate) use derived::Derived;
pub use function::{AskFn, MergeFn, ask_fn, merge_fn};
pub use or_else::OrElse;
pub use wins::{LastWriteWins, LocalWins, RemoteWins};

/// The decision of a strategy.
#[derive(Clone, Debug)]
pub enum Resolution<T> {
    /// Write this value.
    Merged(T),
    /// Write the local side over the remote state, but only over the version that the strategy saw. If the local
    /// side is a removal, remove the resource.
    KeepLocal,
    /// Keep the remote state and write nothing.
    KeepRemote,
    /// Remove the resource, but only in the version that the strategy saw.
    Delete,
    /// Leave the conflict to the next strategy, or to the caller as an error.
    Unresolved {
        /// The value in which every field that could be resolved is resolved. The open fields hold the remote
        /// state.
        merged: Option<T>,
        /// The open fields.
        fields: Vec<FieldConflict>,
    },
}

/// A decision on documents. Documents that the crate's own strategies merge never pass through the type, which may
/// not show all of their fields.
#[doc(hidden)]
#[derive(Debug)]
pub enum Settled<T> {
    /// The decision of a strategy on the values.
    Typed(Resolution<T>),
    /// Write this document.
    Document(Document),
    /// Leave the conflict to the next strategy or to the caller, with the partial result and the open fields.
    Open(Option<Document>, Vec<FieldConflict>),
}

impl<T: DeserializeOwned> Settled<T> {
    /// Converts the decision to one on values.
    pub(crate) fn typed(self) -> Result<Resolution<T>, BoxError> {
        Ok(match self {
            Self::Typed(resolution) => resolution,
            Self::Document(document) => Resolution::Merged(document.decode()?),
            Self::Open(document, fields) => Resolution::Unresolved {
                merged: document.and_then(|document| document.decode().ok()),
                fields,
            },
        })
    }
}

/// Decides a conflict between a local edit and a remote state.
///
/// A strategy may run many times for one write, so it should have no side effects. It is asynchronous and may ask a
/// person or call a service. Meanwhile other writes to the resource may proceed. The deadline of the write applies,
/// unless [`time`](Self::time) sets a limit. Errors and panics of a strategy are never retried.
///
/// # Example
///
/// ```
/// use ifmatch::{BoxError, Conflict, MergeStrategy, Resolution, async_trait};
///
/// struct LongestTitle;
///
/// #[async_trait]
/// impl MergeStrategy<String> for LongestTitle {
///     async fn resolve(&self, conflict: &Conflict<String>) -> Result<Resolution<String>, BoxError> {
///         Ok(match (&conflict.local, &conflict.remote) {
///             (Some(mine), Some(theirs)) if mine.len() >= theirs.len() => Resolution::KeepLocal,
///             _ => Resolution::KeepRemote,
///         })
///     }
/// }
/// ```
#[async_trait]
pub trait MergeStrategy<T: Send + Sync + 'static>: Send + Sync + 'static {
    /// Decides one conflict.
    ///
    /// # Errors
    ///
    /// Any error ends the write like an unresolved conflict. The error of the call holds all sides, and the
    /// returned error is its source.
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError>;

    /// Decides on the documents, which contain more than the values.
    #[doc(hidden)]
    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        self.resolve(conflict).await.map(Settled::Typed)
    }

    /// Whether the result depends on states alone, so that merging it again changes nothing (default `false`).
    ///
    /// Setting a field is state-like. Adding to a counter is not.
    ///
    /// A write whose response was lost is settled by reading the remote state only if its strategy is state-like.
    /// Otherwise it ends as [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    fn is_state_like(&self) -> bool {
        false
    }

    /// Returns the time limit for a decision (default `None`).
    ///
    /// With `None`, the remaining time of the write applies. With a limit, the clock of the write is paused while
    /// the strategy runs.
    fn time(&self) -> Option<Duration> {
        None
    }

    /// Returns the policy by which documents are compared, which names keyed lists and counters (default `None`).
    ///
    /// `None` is for strategies that do not merge by a policy.
    fn policy(&self) -> Option<Policy> {
        None
    }

    /// Whether it merges by its policy alone, as [`ThreeWay`](crate::ThreeWay) does (default `false`).
    #[doc(hidden)]
    fn merges_by_policy(&self) -> bool {
        false
    }

    /// Adds a second strategy, which decides what this one leaves open.
    fn or_else<S: MergeStrategy<T>>(self, other: S) -> OrElse<Self, S, T>
    where
        Self: Sized,
    {
        OrElse::new(self, other)
    }
}

/// A strategy as stored in handles.
pub(crate) type Strategy<T> = Arc<dyn MergeStrategy<T>>;

/// A strategy behind a pointer decides as the strategy that it points to.
macro_rules! behind_a_pointer {
    ($($pointer:ident),*) => {$(
        #[async_trait]
        impl<T, S> MergeStrategy<T> for $pointer<S>
        where
            T: Send + Sync + 'static,
            S: MergeStrategy<T> + ?Sized,
        {
            async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
                (**self).resolve(conflict).await
            }

            async fn resolve_documents(
                &self,
                conflict: &Conflict<T>,
            ) -> Result<Settled<T>, BoxError> {
                (**self).resolve_documents(conflict).await
            }

            fn is_state_like(&self) -> bool {
                (**self).is_state_like()
            }

            fn time(&self) -> Option<Duration> {
                (**self).time()
            }

            fn policy(&self) -> Option<Policy> {
                (**self).policy()
            }

            fn merges_by_policy(&self) -> bool {
                (**self).merges_by_policy()
            }
        }
    )*};
}

behind_a_pointer!(Box, Arc);
