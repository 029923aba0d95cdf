//! The requests of a write: what is sent where, and what the responses mean.

pub(crate) mod action;
pub(crate) mod address;
pub(crate) mod body;
pub(crate) mod carrier;
pub(crate) mod payload;
pub(crate) mod reading;
mod scim_patch;
pub(crate) mod storage_behaviour;
pub(crate) mod target;
