//! Snapshots in stores outside of the process.
//!
//! Input: a value of such a store after its version and checksum.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ifmatch::fuzzing::stored_snapshot(bytes));
