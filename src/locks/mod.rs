//! Leases for applications: how they are acquired, and the services that grant them.

mod acquire;
mod leases;
mod service;

pub use acquire::Acquire;
pub use leases::{LeaseTarget, Leases};
