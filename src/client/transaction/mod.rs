//! How an application says what is to be written together.

mod builder;
mod commit;

pub use builder::Transaction;
pub use commit::Commit;
