//! Queues for a permit that one holder has at a time.
//!
//! A permit saves work and is no guard: what it is held for has to be safe without it. So it can be taken
//! over. A waiter that has waited for [`STALL_TIMEOUT`] wakes the holder; one that is not polled for another
//! [`STALL_TIMEOUT`] has lost the permit. It does not matter why: its future may be kept without being polled,
//! its runtime may stand still, or its thread may be blocked. A holder that waits for a slow server is
//! polled when it is woken, and keeps the permit.
//!
//! Each waiter looks after itself, in its own future and with its own timer, so no task and no runtime
//! has to live on for the others. A holder has no timer: while there is no waiter, a permit costs two
//! visits to the map of queues.
//!
//! The holder may take waiters along whose jobs fit its own. The [`Batch`] of them ends with an answer for
//! each, or it gives them back: to the queue as long as nothing of the work is under way, and as lost
//! otherwise.

mod carried_batch;
mod holder;
mod permit;
mod queues;
#[cfg(test)]
mod tests;
mod waiter;

use std::hash::Hash;
use std::time::Duration;

pub(crate) use carried_batch::Batch;
pub(crate) use holder::{Stopped, UnderWay};
pub(crate) use permit::Permit;
pub(crate) use queues::Queues;
pub(crate) use waiter::Turn;

/// A holder that was woken and is not polled for so long has stalled.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_millis(20);

/// What the permits of some queues are for.
pub(crate) trait Work: 'static {
    /// What has a queue of its own.
    type Key: Clone + Eq + Hash + Send + Sync;
    /// What a waiter wants done, as far as another one can do it along with its own.
    type Job: Clone + Send + Sync;
    /// What a waiter that was taken along is told.
    type Answer: Send;
}
