//! Guides: what the crate means and how it works, page by page.

/// The concepts of the crate, the states of a write, and the path of a write through the crate.
///
#[doc = include_str!("../../docs/guide/concepts.md")]
///
#[doc = include_str!("../../docs/guide/states.svg")]
///
#[doc = include_str!("../../docs/guide/states.md")]
///
#[doc = include_str!("../../docs/guide/way.md")]
pub mod concepts {}
