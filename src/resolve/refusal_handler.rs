//! Refusals that are no race, and what an application answers.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::BoxError;
use crate::protocol::{Problem, RefusalKind};
use crate::value::Versioned;

/// A refusal that is no race, as a handler sees it.
#[non_exhaustive]
pub struct Refusal<T> {
    /// What it means.
    pub kind: RefusalKind,
    /// What the server said.
    pub problem: Problem,
    /// What was to be written; `None`: a removal.
    pub local: Option<T>,
    /// What is there, if it was read.
    pub remote: Option<Versioned<T>>,
    /// The id of the resource; `None`: a `POST`, or a resource without one.
    pub id: Option<String>,
    /// How many conditional writes went before, those under other ids included; the first refusal comes
    /// at 1.
    pub attempt: u32,
}

/// What to do about a refusal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer<T> {
    /// Send the same once more: what hindered it is out of the way.
    Again,
    /// Send this instead.
    Change(T),
    /// Create it under this id instead; the document stays what it is. Only for
    /// [`create`](crate::Collection::create): a resource that exists keeps its id, and what is handed in
    /// by [`post`](crate::Collection::post) is named by the server.
    Rename(String),
    /// Merge into what is there.
    Adopt,
    /// Send the same once more after a while.
    Wait(Duration),
    /// End with the refusal as the error.
    GiveUp,
}

/// Answers refusals that are no race: an order that has to be paid first, a name that is taken.
///
/// It may act before it answers, through a clone of the client that it holds: each of its own writes
/// is conditional like any other. The rounds and the time of the write bound how often it is asked.
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
    /// Answers one refusal.
    ///
    /// # Errors
    ///
    /// Any error ends the write with the refusal, and this error as its source.
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
