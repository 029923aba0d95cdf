//! The order in which the steps of a transaction are made, or taken back.

mod machine;
#[cfg(test)]
mod model;
mod report;
mod run;
mod step;

pub(crate) use machine::{Made, TakenBack};
pub use report::{Committed, CommittedBy, TransactionReport};
pub(crate) use run::{Plan, run};
pub(crate) use step::{Back, Risk, Step, Tried};
