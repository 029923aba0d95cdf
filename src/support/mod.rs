//! Helpers for all modules: random IDs, and panics of the application's parts as errors.

pub(crate) mod ids;
pub(crate) mod panics;
