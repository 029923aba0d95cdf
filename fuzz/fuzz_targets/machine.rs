//! The state machine of a write with any parameters and any events, in any order.
//!
//! Input: see `ifmatch::fuzzing::machine`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ifmatch::fuzzing::machine(bytes));
