//! Any bytes as what a feed or a conflict service says.
//!
//! Input: a byte that chooses the feed, the length of the event's name, the name, then the data.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ifmatch::fuzzing::feeds(bytes));
