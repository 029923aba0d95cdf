//! The promises of `ifmatch::testing` to people who test their applications with it.
#![expect(clippy::unwrap_used, reason = "a failing test may panic")]

mod asserting;
mod feeds;
mod laws;
mod listing;
mod scripting;
mod serving;
mod without_waits;
