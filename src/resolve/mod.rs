//! Who decides: merge strategies for conflicts, handlers for refusals that are no conflict.

mod refusal_handler;
mod strategy;

pub use refusal_handler::{Answer, Refusal, RefusalHandler};
pub use strategy::*;
