//! Addresses of resources from any base and any ids.
//!
//! Input: a base address and path segments, separated by the byte 0x1E.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(input) = std::str::from_utf8(bytes) {
        let mut parts = input.split('\x1e');
        let base = parts.next().unwrap_or_default();
        ifmatch::fuzzing::addresses(base, &parts.take(6).collect::<Vec<_>>());
    }
});
