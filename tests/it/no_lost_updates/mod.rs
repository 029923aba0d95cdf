//! Promise 1. No lost update: no write is sent without a precondition once a version is known, wherever the version
//! travels.

mod conditions;
mod contention;
mod other_versions;
mod redirects;
mod removals;
mod trailers;
mod unconditional;
pub(crate) mod versions_elsewhere;
mod versions_inside;
