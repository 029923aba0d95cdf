//! The promises, each checked from outside.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed test may panic"
)]

mod support;

mod bounded;
mod lost_replies;
mod lost_updates;
mod nothing_dropped;
mod only_races;
mod reading;
mod real_connections;
mod round_trips;
mod strategies;
