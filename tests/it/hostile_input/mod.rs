//! Promise 7. Hostile input is data: sizes, depths and times are bounded, and secrets stay out of messages.
//! `SECURITY.md` names these tests.

mod addresses;
mod coded;
mod headers;
mod https;
mod lines;
mod notes;
mod origins;
mod panicking;
mod printed;
#[cfg(all(feature = "durable", unix))]
mod private_files;
mod secrets;
mod tls;
mod users;
