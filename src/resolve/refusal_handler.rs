//! Refusals other than version conflicts, and how an application handles them.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::protocol::{Problem, RefusalKind};
use crate::value::Versioned;

/// A refusal other than a version conflict, as passed to a handler.
#[non_exhaustive]
pub struct Refusal<T> {
    /// The meaning of the refusal.
    pub kind: RefusalKind,
    /// The problem that the server reported.
    pub problem: Problem,
    /// The value to be written, or `None` for a removal.
    pub local: Option<T>,
    /// The state on the server, if it was read.
    pub remote: Option<Versioned<T>>,
    /// The id of the resource, or `None` for a `POST` or a resource without an id.
    pub id: Option<String>,
    /// Number of conditional writes so far, including those under other ids. It is 1 at the first refusal.
    pub attempt: u32,
}

/// The decision of a handler about a refusal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer<T> {
    /// Retry the request unchanged. The cause of the refusal has been resolved.
    Again,
    /// Send this value instead, under the same precondition. A `post` gets a new idempotency key.
    ///
    /// For `save`, `update`, `create` and `post`. A `delete` has no document, so its call ends with the refusal.
    ///
    /// If the changed value loses a race, a `save` merges it like any other local side. An `update` runs its edit
    /// again on the new state, so the changed value is not kept. If the server refuses the result again, the handler
    /// is asked again.
    Change(T),
    /// Create the resource under this id instead, with the same document. Only for
    /// [`create`](crate::Collection::create). An existing resource keeps its id, and the server assigns the id of a
    /// resource created by [`post`](crate::Collection::post).
    Rename(String),
    /// Accept the state on the server as the remote side, and merge into it. An `update` runs its edit on it. The state
    /// is read if that has not been done. A `post` has no such state, so its call ends with the refusal.
    Adopt,
    /// Retry the request unchanged after this time.
    Wait(Duration),
    /// End the call with the refusal as the error.
    GiveUp,
}

/// Handles refusals other than version conflicts, such as an order that must be paid first or a name that is taken.
///
/// A handler may act before it decides, through its own clone of the client. Its writes are conditional like all
/// others. The round limit and the deadline of the write bound how often it is called. An
/// [`action`](crate::Resource::action) does not ask it.
///
/// [`guide::refusals`](crate::guide::refusals) shows what each answer does for which operation.
///
/// # Example
///
/// ```
/// use ifmatch::{async_trait, Answer, BoxError, Refusal, RefusalHandler, RefusalKind};
/// use serde_json::Value;
///
/// struct NumberedNames;
///
/// #[async_trait]
/// impl RefusalHandler<Value> for NumberedNames {
///     async fn refused(&self, refusal: &Refusal<Value>) -> Result<Answer<Value>, BoxError> {
///         Ok(match (refusal.kind, &refusal.local) {
///             (RefusalKind::AlreadyExists, Some(user)) => {
///                 Answer::Rename(format!("{}-{}", user["name"], refusal.attempt))
///             }
///             _ => Answer::GiveUp,
///         })
///     }
/// }
/// ```
#[async_trait]
pub trait RefusalHandler<T: Send + Sync + 'static>: Send + Sync + 'static {
    /// Handles one refusal.
    ///
    /// # Errors
    ///
    /// Any error ends the write. The refusal is reported as the error of the call, with the returned error as its
    /// source.
    async fn refused(&self, refusal: &Refusal<T>) -> Result<Answer<T>, BoxError>;
}

impl<T> fmt::Debug for Refusal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refusal")
            .field("kind", &self.kind)
            .field("problem", &self.problem)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}
