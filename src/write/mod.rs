//! The write loop: one logical write from its first request to its settled end.

pub(crate) mod abandoned;
mod decisions;
pub(crate) mod driver;
pub(crate) mod ending;
pub(crate) mod machine;
pub(crate) mod measure;
mod operation;
pub(crate) mod payload;
pub(crate) mod plan;
pub(crate) mod reading;
mod replies;
pub(crate) mod settle;
pub(crate) mod stamp;
pub(crate) mod target;
pub(crate) mod task;
mod wire;
