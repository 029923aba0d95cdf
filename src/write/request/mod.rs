//! The requests of a write: what is written where, and what the responses hold.

pub(crate) mod address;
pub(crate) mod payload;
pub(crate) mod practice;
pub(crate) mod reading;
pub(crate) mod target;
