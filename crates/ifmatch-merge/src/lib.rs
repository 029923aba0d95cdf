//! Three-way merge of JSON documents by policy, without losing what a Rust type does not know.
//!
//! This is the pure part of the crate `ifmatch`, which re-exports it. It has no network, no runtime and no clock.
//! Use it alone if your documents do not come from an HTTP API.
//!
//! * [`json`]: documents that keep the text of their numbers and the members that the type does not know.
//! * [`merge`]: policies, three-way merges, conflicts.
//! * [`lens`]: typed values put back into the documents that they were read from.
//!
//! `#[derive(Merge)]` generates paths into `ifmatch`. If you use this crate alone, put
//! `#[merge(crate = "ifmatch_merge")]` on the type.

pub mod json;
pub mod lens;
mod line;
pub mod merge;
#[doc(hidden)]
pub mod shape;

pub use ifmatch_derive::Merge;
pub use json::{Document, JsonError};
pub use merge::{BoxError, FieldConflict, Merge, Policy, Rule, ThreeWay};

/// Items for the crate `ifmatch` only. They may change in any version.
#[doc(hidden)]
pub mod internal {
    pub use crate::json::Likeness;
    pub use crate::json::patch::json_patch_if;
    pub use crate::json::push_token;
    pub use crate::line::one_line;
    pub use crate::merge::impartial;
    pub use crate::merge::pick_side::edited;
    pub use crate::merge::set_order::same_but_for_sets;
    pub use crate::merge::sightings::{Sight, Sighting, sightings};
}
