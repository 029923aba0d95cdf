//! Strategies: who decides when somebody else wrote first, and what they are shown.

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

/// What a strategy decided.
#[derive(Clone, Debug)]
pub enum Resolution<T> {
    /// Write this.
    Merged(T),
    /// Write the local side over what is there; still only over the version that was shown. If the
    /// local side is a removal, remove it.
    KeepLocal,
    /// Take what is there; nothing is written.
    KeepRemote,
    /// Remove what is there; still only the version that was shown.
    Delete,
    /// Left to the next strategy, or to the caller as an error.
    Unresolved {
        /// The document with everything settled that could be; the open fields hold the remote's
        /// state.
        merged: Option<T>,
        /// The open fields.
        fields: Vec<FieldConflict>,
    },
}

/// A decision on documents. What our own strategies merge never passes through the type, which may not show
/// all of it.
#[doc(hidden)]
#[derive(Debug)]
pub enum Settled<T> {
    /// What a strategy said of the values.
    Typed(Resolution<T>),
    /// Write this document.
    Document(Document),
    /// Left to the next strategy, or to the caller: what is settled so far, and the open fields.
    Open(Option<Document>, Vec<FieldConflict>),
}

impl<T: DeserializeOwned> Settled<T> {
    /// The same for those who see values.
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
/// A strategy may run many times for one write, so it should have no effects besides its answer.
/// It may ask a person or call a service: it is asynchronous, and nothing of the write is held
/// meanwhile but its deadline. Its errors and panics are never retried.
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
    /// Decides.
    ///
    /// # Errors
    ///
    /// Any error ends the write as an unresolved conflict that carries the error and all sides.
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError>;

    /// Decides on the documents, which hold more than the values.
    #[doc(hidden)]
    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
        self.resolve(conflict).await.map(Settled::Typed)
    }

    /// Whether the result depends on states alone, so that applying the same edit to its own result
    /// changes nothing: setting a field is state-like, adding to a counter is not.
    ///
    /// A write whose reply was lost can be settled by looking at the remote state only if this
    /// holds; otherwise it ends as [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown). `false` unless a strategy
    /// says so.
    fn is_state_like(&self) -> bool {
        false
    }

    /// How long an answer may take, if not what is left of the write's time. While a strategy with a
    /// time of its own is asked, the write's clock stands still.
    fn time(&self) -> Option<Duration> {
        None
    }

    /// The policy by which documents are compared: which lists have keys, which fields are counters.
    /// `None` unless a strategy merges by one.
    fn policy(&self) -> Option<Policy> {
        None
    }

    /// Leaves what this strategy cannot decide to another one.
    fn or_else<S: MergeStrategy<T>>(self, other: S) -> OrElse<Self, S, T>
    where
        Self: Sized,
    {
        OrElse::new(self, other)
    }
}

/// A strategy as handles keep it.
pub(crate) type Strategy<T> = Arc<dyn MergeStrategy<T>>;

#[async_trait]
impl<T: Send + Sync + 'static, S: MergeStrategy<T> + ?Sized> MergeStrategy<T> for Box<S> {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        (**self).resolve(conflict).await
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
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
}

#[async_trait]
impl<T: Send + Sync + 'static, S: MergeStrategy<T> + ?Sized> MergeStrategy<T> for Arc<S> {
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        (**self).resolve(conflict).await
    }

    async fn resolve_documents(&self, conflict: &Conflict<T>) -> Result<Settled<T>, BoxError> {
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
}
