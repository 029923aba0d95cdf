//! Any bytes as the result of a call that stands for a request, and as a line of a watch.
//!
//! Input: a byte that chooses the request, then the body of the result.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ifmatch::fuzzing::translations(bytes));
