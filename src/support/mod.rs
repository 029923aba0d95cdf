//! Helpers for all modules: random IDs, panics of the application's parts as errors, counts and times in words.

#[cfg(test)]
pub(crate) mod explore;
pub(crate) mod hints;
pub(crate) mod ids;
pub(crate) mod join;
pub(crate) mod panics;
pub(crate) mod words;
