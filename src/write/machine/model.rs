//! Every order of events, up to a bound: the real machine, the real judge and the real merge against a
//! server with versions and a network that may do anything.

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
mod world;
