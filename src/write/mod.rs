//! The write loop: one logical write from its first request to its settled end.

pub(crate) mod address;
pub(crate) mod diagnosis;
pub(crate) mod driver;
pub(crate) mod edit_hooks;
pub(crate) mod evidence;
mod in_flight;
pub(crate) mod lost_write;
pub(crate) mod machine;
pub(crate) mod measure;
pub(crate) mod merge_state;
mod monitor;
pub(crate) mod outcome;
pub(crate) mod payload;
pub(crate) mod practice;
pub(crate) mod reading;
mod session;
pub(crate) mod stamp;
pub(crate) mod target;
mod timer;
pub(crate) mod unsettled;
