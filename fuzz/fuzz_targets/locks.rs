//! Any text as the locks of a resource.
//!
//! Input: the body of a response to `LOCK` or `PROPFIND`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| ifmatch::fuzzing::locks(bytes));
