//! Writes to several resources that are made together, or taken back.

mod builder;
mod commit;
mod hooks;
mod machine;
#[cfg(test)]
mod model;
mod report;
mod run;
mod step;
mod unchanged_step;
mod write_step;

pub use builder::Transaction;
pub use commit::Commit;
pub use report::{Committed, CommittedBy, TransactionReport};
