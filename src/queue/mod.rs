//! Queues for a permit that one holder has at a time.
//!
//! A permit avoids wasted work. Correctness does not depend on it, so a permit can be taken over. A waiter that has
//! waited for [`STALL_TIMEOUT`] wakes the holder. A holder that is not polled for another [`STALL_TIMEOUT`] loses the
//! permit, whatever the reason. Its future may be kept without being polled, its runtime may be suspended, or its
//! thread may be blocked. A holder that waits for a slow server is polled when it is woken, and keeps the permit.
//!
//! Each waiter handles its own turn, in its own future and with its own timer, so no task and no runtime has to
//! live on for the others. A holder has no timer. While there is no waiter, a permit costs two visits to the map of
//! queues.
//!
//! The holder may take along waiters whose jobs fit its own. Their [`Batch`] ends with an answer for each of them,
//! or it gives them back. They go back to the queue if nothing of the work is under way, and are lost otherwise.

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

/// A holder that was woken and is not polled for this time has stalled.
pub(crate) const STALL_TIMEOUT: Duration = Duration::from_millis(20);

/// The kind of work that some queues give permits for.
pub(crate) trait Work: 'static {
    /// The key of a queue.
    type Key: Clone + Eq + Hash + Send + Sync;
    /// The job of a waiter, as far as another waiter can do it along with its own.
    type Job: Clone + Send + Sync;
    /// The result for a waiter that was taken along.
    type Answer: Send;
}
