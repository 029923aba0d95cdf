//! Guides: what the crate means and how it works, page by page.

/// The concepts of the crate, the states of a write, and the path of a write through the crate.
///
#[doc = include_str!("../../docs/guide/concepts.md")]
///
#[doc = include_str!("../../docs/guide/states.svg")]
///
#[doc = include_str!("../../docs/guide/states.md")]
///
#[doc = include_str!("../../docs/guide/way.md")]
pub mod concepts {}

/// Observability: spans, events, metrics, and calls of an [`Observer`](crate::Observer).
///
#[doc = include_str!("../../docs/guide/seen.md")]
pub mod seen {}

/// Offline and restarts: writes that are queued, sent later, and decided by a person if they conflict.
///
#[doc = include_str!("../../docs/guide/offline.md")]
pub mod offline {}

/// Leases: exclusive access for a time, and what it can promise.
///
#[doc = include_str!("../../docs/guide/locks.md")]
pub mod locks {}

/// Transactions: writes to several resources that are made together, or taken back.
///
#[doc = include_str!("../../docs/guide/transactions.md")]
pub mod transactions {}

/// Watching and resolving: changes that are told before the clash, snapshots that stay fresh, and conflicts that a person
/// decides.
///
#[doc = include_str!("../../docs/guide/watches.md")]
pub mod watches {}
