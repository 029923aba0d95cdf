//! Any bytes as the response to a request that carries several writes.
//!
//! Input: the number of writes (one byte), and the body of the response, whose boundary is `batchresponse`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Some((writes, body)) = bytes.split_first() {
        ifmatch::fuzzing::batches(usize::from(*writes), body);
    }
});
