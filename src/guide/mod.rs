#![doc = include_str!("../../docs/guide/index.md")]
#![cfg_attr(
    not(all(feature = "testing", feature = "durable", feature = "redis")),
    allow(
        rustdoc::broken_intra_doc_links,
        reason = "pages link to items that need these features"
    )
)]

#[cfg(test)]
mod tests;

/// Start: from `cargo add` to a first conflict that is resolved.
///
#[doc = include_str!("../../docs/guide/start.md")]
pub mod start {}

/// Operations: which one to use.
///
#[doc = include_str!("../../docs/guide/verbs.md")]
pub mod verbs {}

/// Merging: write a merge for your type, and test it.
///
#[doc = include_str!("../../docs/guide/merging.md")]
pub mod merging {}

/// Errors: what is known and what to do, for every [`ErrorKind`](crate::ErrorKind).
///
#[doc = include_str!("../../docs/guide/errors.md")]
pub mod errors {}

/// Refusals: handle those that are not races, such as an order that must be paid first.
///
#[doc = include_str!("../../docs/guide/refusals.md")]
pub mod refusals {}

/// Lost responses: find out whether a write was applied.
///
#[doc = include_str!("../../docs/guide/lost.md")]
pub mod lost {}

/// APIs: set up the client for yours, and find out what it does.
///
#[doc = include_str!("../../docs/guide/apis.md")]
pub mod apis {}

/// Many writers: queues, limits, stores and hot spots.
///
#[doc = include_str!("../../docs/guide/many_writers.md")]
pub mod many_writers {}

/// Testing: your application, without waits, with assertions on the requests.
///
#[doc = include_str!("../../docs/guide/testing.md")]
pub mod testing {}

/// Security: what holds without any setting, and what you have to do.
///
#[doc = include_str!("../../docs/guide/security.md")]
pub mod security {}

/// Servers: what an API should answer, so that clients can resolve conflicts by themselves.
///
#[doc = include_str!("../../docs/guide/servers.md")]
pub mod servers {}

/// Other crates: what changes for those who come from one, and when not to use this one.
///
#[doc = include_str!("../../docs/guide/from_elsewhere.md")]
pub mod from_elsewhere {}

/// Examples: programs to run and to read.
///
#[doc = include_str!("../../docs/guide/examples.md")]
pub mod examples {}

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
