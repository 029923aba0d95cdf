//! Leases for applications: how they are acquired, and the services that grant them.

mod acquire;
mod leases;
mod lock_api;
mod probe;
mod service;

pub use acquire::Acquire;
pub use leases::{LeaseTarget, Leases};
pub use lock_api::{LockApi, LockPlace, LockRequest, LockValue};
pub use probe::{LeaseCheck, LeaseFinding, LeaseProbeReport};
