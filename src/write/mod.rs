//! The write loop: one logical write from its first request to its settled end.
//!
//! `machine` decides and `driver` carries out. The other files here are the parts of a write that the driver keeps.

pub(crate) mod diagnosis;
pub(crate) mod driver;
pub(crate) mod edit_hooks;
pub(crate) mod in_flight;
pub(crate) mod machine;
pub(crate) mod merge_state;
pub(crate) mod outcome;
pub(crate) mod queued;
pub(crate) mod recovery;
pub(crate) mod request;
mod session;
pub(crate) mod step;
mod timer;
