//! Every order of events, up to a bound: the real machine, the real judge and the real merge against a
//! server with versions and a network that may do anything.
//!
//! What is bounded is the number of faults in one run; everything else goes in any order and for as
//! long as it can. `promises` says what must hold in every state, `scenarios` for whom it does, and
//! `found` shows that each promise can be seen broken: by mistakes put in on purpose, and where no
//! client can keep it. `unknown` defines what cannot be known of a write.
//!
//! What the model leaves out: unusable versions, handlers that rename (which begins another write), and the
//! clock, of which a write knows only whether its time is over. The write queues are no part of the machine;
//! `tests/it/schedules` has them.

mod client;
mod decisions;
mod document;
mod explore;
mod flaws;
mod found;
mod promises;
mod scenarios;
mod server;
mod setting;
mod unknown;
mod world;
