//! Leases: exclusive access for a time, the seam for services that grant them, and the task that renews them.
//!
//! Most programs use [`Leases`](crate::Leases) and [`Held`], and need only
//! [`LeaseService`] for a service of their own.
//!
//! # Terms
//!
//! - A *lease* gives its *holder* exclusive access for a limited time, its *ttl*. The holder *renews* it before it ends.
//!   If the holder stops, somebody else *takes it over*.
//! - A *fencing token* is a number that rises with each holder. A document that keeps the token of its last writer refuses
//!   an earlier holder, however late its request arrives.

mod clock;
mod contender;
mod fence;
mod granted;
mod held;
mod holder;
mod keeper;
#[cfg(test)]
mod model;
mod names;
mod service;

pub use clock::{LeaseClock, LeaseTime, SystemClock};
pub use contender::{Contender, NextTry};
pub(crate) use granted::LeaseBinding;
pub use granted::{Lease, LeaseLost, LostBecause};
pub use held::Held;
pub(crate) use keeper::{Order, Place, acquire};
pub(crate) use names::Names;
pub use service::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
