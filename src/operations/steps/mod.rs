//! The steps of a transaction, which know the types of their resources.

mod hooks;
mod unchanged_step;
mod write_step;

pub(crate) use unchanged_step::UnchangedStep;
pub(crate) use write_step::{Input, WriteStep};
