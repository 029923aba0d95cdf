//! Merge strategies for conflicts, and handlers for other refusals.

mod refusal_handler;
mod strategy;

pub use refusal_handler::{Answer, Refusal, RefusalHandler};
pub use strategy::*;
