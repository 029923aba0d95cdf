//! Leases: exclusive access for a time, the seam for services that grant them, and the task that renews them.
//!
//! Most programs use [`Leases`](crate::Leases) and [`Held`], and need only
//! [`LeaseService`] for a service of their own.
//!
//! # Terms
//!
//! - A *lease* gives its *holder* exclusive access for a limited time, its *ttl*. The holder *renews* it before it ends.
//!   If the holder stops, another one *takes it over*.
//! - A *fencing token* is a number that rises with each holder. Each document keeps the token of its last writer. An earlier
//!   holder that reads a greater token than its own does not write, and one that has not read it is refused, because its
//!   write is pinned to an older version.

mod binding;
mod clock;
mod contender;
mod contest;
mod fence;
mod granted;
mod held;
mod holder;
mod isolation;
mod keeper;
#[cfg(test)]
mod model;
mod names;
mod service;

pub(crate) use binding::LeaseBinding;
pub use clock::{LeaseClock, LeaseTime, SystemClock};
pub use contender::{Contender, NextTry};
pub(crate) use contest::{Order, Place, acquire};
pub use granted::{Lease, LeaseLost, LostBecause};
pub use held::Held;
pub use isolation::Isolation;
pub(crate) use names::Names;
pub(crate) use service::SERVICE;
pub use service::{Granted, LeaseHolder, LeaseRequest, LeaseService, NotGranted};
