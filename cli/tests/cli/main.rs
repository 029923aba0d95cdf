//! The promises of the command, checked on the real program against a server on loopback.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failing test may panic"
)]

mod edits;
mod exit_codes;
mod git;
mod kit;
mod listening;
mod printing;
mod queue;
mod saved_edits;
mod secrets;
mod transcript;
