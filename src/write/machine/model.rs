//! Explores every order of events, up to a bound: the real machine, judge and merge against a server with versions
//! and a network with arbitrary faults.
//!
//! Only the number of faults in one run is bounded. Everything else happens in any order and as often as possible.
//! `promises` states the invariants, `scenarios` lists the settings in which they hold, and `found` shows that a
//! violation of each invariant is detected, with deliberate mistakes and in cases that no client can handle.
//! `unknown` defines what cannot be known about a write.
//!
//! The model omits unusable versions, handlers that rename (which starts another write), and the clock, of which a
//! write sees only whether its time is over. The write queues are not part of the machine;
//! `tests/it/queues/schedules` covers them.

mod client;
mod decisions;
mod detected_flaws;
mod document;
mod flaws;
mod promises;
mod scenarios;
mod server;
mod setting;
mod unknown;
mod world;
