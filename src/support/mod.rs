//! Small helpers for every room: random ids, and panics of the application's parts as errors.

pub(crate) mod ids;
pub(crate) mod panics;
