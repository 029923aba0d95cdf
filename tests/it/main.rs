//! The promises of the crate's documentation, each checked from outside, with a folder or a file for each.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod support;

mod addresses;
mod bounded;
mod conflicts;
mod evidence;
mod hostile_input;
mod leases;
mod names;
mod no_double_apply;
mod no_lost_updates;
mod nothing_dropped;
mod offline;
mod one_round_trip;
mod only_conflicts_merge;
mod probing;
mod queues;
mod real_connections;
mod sent_as_meant;
mod serializable;
mod told;
mod transactions;
mod watches;
mod whole_api;
mod wrapped;
