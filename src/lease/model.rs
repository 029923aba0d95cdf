//! Explores every order of delay, duplication, crash and takeover, up to a bound: two processes with the real rules of
//! holders, contenders and fences, a document with the record of the lease, and a document that the lease protects.
//!
//! A request may be delayed without bound, so it may also never arrive, and it may arrive twice. A process may stand
//! still, with both of its clocks, between any two of its steps. `promises` states what holds in every state, and
//! `scenarios` the settings in which it does. `detected_flaws` shows that each mistake is found.
//!
//! The model omits a first holder that contends again, reads that fail, tokens that go down, and a document that is removed: its token goes with it.

mod detected_flaws;
mod flaws;
mod promises;
mod scenarios;
mod setting;
mod steps;
mod world;
