//! Checks your own merge against the laws of merging.

mod changed_places;
mod law;
mod law_check;
mod report;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::MergeStrategy;

pub use law::Law;
pub use report::{BrokenLaw, LawReport};

/// Checks a strategy against the laws of merging on every triple of the samples, and reports the laws that it
/// breaks.
///
/// The samples are states of one resource that could follow from each other: a first state, one with another title,
/// one with another list, one with both. Each is tried as base, local and remote side, so ten samples take about
/// two thousand merges, and more than thirty are seldom useful. Removals are not tried. A case that the strategy
/// leaves unresolved breaks only the laws that allow no conflict: one side unchanged, and the same change on both
/// sides.
///
/// # Panics
///
/// Panics if there are fewer than three different samples, or if one cannot be written as JSON and read back. A
/// panic of the strategy is passed on.
///
/// # Example
///
/// ```
/// use ifmatch::{BoxError, merge_fn, testing::{Law, check_merge_laws}};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct Note { text: String, tags: Vec<String> }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// // All tags of both sides, and the longer text.
/// let careless = merge_fn(|_: Option<&Note>, mine: &Note, theirs: &Note| {
///     let longer = if mine.text.len() > theirs.text.len() { mine } else { theirs };
///     let tags = [mine.tags.clone(), theirs.tags.clone()].concat();
///     Ok::<_, BoxError>(Note { text: longer.text.clone(), tags })
/// });
///
/// let note = |text: &str, tags: &[&str]| Note {
///     text: text.into(),
///     tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
/// };
/// let samples = [note("short", &["a"]), note("much longer", &["a"]), note("short", &["a", "b"])];
/// let report = check_merge_laws(&careless.state_like(), &samples).await;
///
/// let broken: Vec<Law> = report.broken().iter().map(|broken| broken.law).collect();
/// assert!(broken.contains(&Law::OneSide)); // a shortened text grows again, tags double
/// println!("{report}");
/// # }
/// ```
pub async fn check_merge_laws<T, S>(strategy: &S, samples: &[T]) -> LawReport
where
    T: Serialize + DeserializeOwned + Send + Sync + 'static,
    S: MergeStrategy<T> + ?Sized,
{
    law_check::Check::new(strategy, samples).run().await
}
