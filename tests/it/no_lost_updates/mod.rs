//! Promise 1. No lost update: no write goes out without a condition once a version is known, wherever the version travels.

mod conditions;
mod contention;
mod other_versions;
mod redirects;
mod removals;
mod trailers;
mod unconditional;
pub(crate) mod versions_elsewhere;
mod versions_inside;
