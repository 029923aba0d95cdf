//! The steps of a transaction, which know the types of their resources.

mod done;
mod fencing;
mod hooks;
mod record;
mod resumed;
mod unchanged_step;
mod undoing;
mod write_step;

pub(crate) use resumed::resumed;
pub(crate) use unchanged_step::UnchangedStep;
pub(crate) use write_step::{Input, WriteStep};
