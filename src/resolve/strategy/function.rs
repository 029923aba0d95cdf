//! Strategies made from functions.

use std::fmt;
use std::future::Future;
use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Conflict, MergeStrategy, Resolution};
use crate::BoxError;
use crate::merge::{Side, pick_side};

/// A strategy made from a function over values. See [`merge_fn`].
#[derive(Clone)]
pub struct MergeFn<F> {
    merge: F,
    state_like: bool,
}

/// Creates a strategy from a function of base, local and remote.
///
/// The function is called only if both sides exist. A removal on either side stays unresolved. An error of the
/// function ends the write like an unresolved conflict, with the error as its source. `?` converts any error, and
/// [`box_error`](crate::box_error) keeps the type of an `anyhow::Error`.
///
/// After another strategy ([`MergeStrategy::or_else`]), local and remote differ only in the fields that are still open. All
/// others are as that strategy has merged them, on both sides. So a function that takes some fields of one side, and the rest of
/// the other, loses nothing.
///
/// The result counts as
/// operation-like (see [`MergeStrategy::is_state_like`]) unless [`state_like`](MergeFn::state_like) is set.
///
/// # Example
///
/// ```
/// use ifmatch::{merge_fn, BoxError};
///
/// let longest = merge_fn(|_base: Option<&String>, local: &String, remote: &String| {
///     Ok::<_, BoxError>(if local.len() > remote.len() { local.clone() } else { remote.clone() })
/// })
/// .state_like();
/// # let _ = longest;
/// ```
pub fn merge_fn<T, F>(merge: F) -> MergeFn<F>
where
    F: Fn(Option<&T>, &T, &T) -> Result<T, BoxError> + Send + Sync + 'static,
{
    MergeFn {
        merge,
        state_like: false,
    }
}

impl<F> MergeFn<F> {
    /// Declares that the function sets states and performs no operation such as adding.
    ///
    /// Merging its own result again must give the same result.
    pub fn state_like(mut self) -> Self {
        self.state_like = true;
        self
    }
}

#[async_trait]
impl<T, F> MergeStrategy<T> for MergeFn<F>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(Option<&T>, &T, &T) -> Result<T, BoxError> + Send + Sync + 'static,
{
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        if let Some((local, remote)) = open_sides(conflict)? {
            let merged = (self.merge)(conflict.base.as_ref(), &local, &remote);
            return merged.map(Resolution::Merged);
        }
        match (&conflict.local, &conflict.remote) {
            (Some(local), Some(remote)) => {
                (self.merge)(conflict.base.as_ref(), local, remote).map(Resolution::Merged)
            }
            _ => Ok(Resolution::Unresolved {
                merged: None,
                fields: Vec::new(),
            }),
        }
    }

    fn is_state_like(&self) -> bool {
        self.state_like
    }
}

/// Returns what an earlier strategy has merged, once with the local and once with the remote side of the open fields. `None`
/// if there was no such strategy.
fn open_sides<T: Serialize + DeserializeOwned>(
    conflict: &Conflict<T>,
) -> Result<Option<(T, T)>, BoxError> {
    let merged = conflict.documents()?.merged;
    let Some(merged) = merged.filter(|_| !conflict.fields.is_empty()) else {
        return Ok(None);
    };
    let side = |side| pick_side(&merged, &conflict.fields, side).decode::<T>();
    Ok(Some((side(Side::Local)?, side(Side::Remote)?)))
}

impl<F> fmt::Debug for MergeFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MergeFn")
            .field("state_like", &self.state_like)
            .finish_non_exhaustive()
    }
}

/// A strategy made from an asynchronous function. See [`ask_fn`].
#[derive(Clone)]
pub struct AskFn<F> {
    ask: F,
    time: Duration,
}

/// The default time limit for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60 * 60);

/// Creates a strategy from an asynchronous function, which may ask a person or a service.
///
/// The function receives the whole conflict. Its decision counts as state-like (see
/// [`MergeStrategy::is_state_like`]), because it sees [`Conflict::may_have_been_applied`].
///
/// # Example
///
/// ```
/// use ifmatch::{ask_fn, Conflict, Resolution};
///
/// let ask = ask_fn(|conflict: Conflict<String>| async move {
///     println!("{}", conflict.diff());
///     Ok(Resolution::KeepRemote)
/// });
/// # let _ = ask;
/// ```
pub fn ask_fn<T, F, R>(ask: F) -> AskFn<F>
where
    F: Fn(Conflict<T>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Resolution<T>, BoxError>> + Send + 'static,
{
    AskFn {
        ask,
        time: ANSWER_TIMEOUT,
    }
}

impl<F> AskFn<F> {
    /// Sets the time limit for a decision (default one hour). The clock of the write is paused meanwhile.
    pub fn time(mut self, time: Duration) -> Self {
        self.time = time;
        self
    }
}

#[async_trait]
impl<T, F, R> MergeStrategy<T> for AskFn<F>
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    F: Fn(Conflict<T>) -> R + Send + Sync + 'static,
    R: Future<Output = Result<Resolution<T>, BoxError>> + Send + 'static,
{
    async fn resolve(&self, conflict: &Conflict<T>) -> Result<Resolution<T>, BoxError> {
        (self.ask)(conflict.copy()?).await
    }

    fn is_state_like(&self) -> bool {
        true
    }

    fn time(&self) -> Option<Duration> {
        Some(self.time)
    }
}

impl<F> fmt::Debug for AskFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AskFn").finish_non_exhaustive()
    }
}
