//! The order in which the steps of a transaction are made, or taken back.

mod batch;
mod machine;
#[cfg(test)]
mod model;
mod plan;
mod record;
mod report;
mod resume;
mod run;
#[cfg(all(test, feature = "testing"))]
mod tests;

pub(crate) use batch::Endpoint;
pub(crate) use plan::{Plan, run};
pub use record::OnCrash;
pub(crate) use record::Record;
pub use report::{Committed, CommittedBy, TransactionReport};
pub(crate) use resume::{Left, WentOn, go_on};
