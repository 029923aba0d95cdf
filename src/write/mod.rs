//! The write loop: one logical write from its first request to its settled end.

pub(crate) mod abandoned;
pub(crate) mod address;
mod decisions;
pub(crate) mod driver;
pub(crate) mod ending;
pub(crate) mod evidence;
pub(crate) mod machine;
pub(crate) mod measure;
mod operation;
pub(crate) mod payload;
pub(crate) mod plan;
pub(crate) mod practice;
pub(crate) mod reading;
mod replies;
mod seen;
pub(crate) mod settle;
pub(crate) mod stamp;
pub(crate) mod target;
pub(crate) mod task;
mod wire;
