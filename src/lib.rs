//! A resilient, typed HTTP client that resolves write conflicts by itself.
pub mod http;
pub mod json;
pub mod merge;

pub use ifmatch_derive::Merge;
pub use merge::Merge;
