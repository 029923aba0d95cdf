//! The locks of a resource, from any bytes.

use crate::protocol::{FIND_LOCKS, active_locks};

/// Reads any text as the body of a response about locks. Each token can be sent within its brackets.
pub fn locks(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    for lock in active_locks(text).unwrap_or_default() {
        let _ = (lock.holder(), lock.is_of("session"));
        let Some(token) = lock.token else {
            continue;
        };
        let condition = token.condition();
        let inner = condition.as_bytes().strip_prefix(b"(<");
        let end = inner.and_then(|inner| inner.iter().position(|byte| *byte == b'>'));
        assert_eq!(end, Some(token.as_str().len()));
    }
    // The request itself is no answer.
    assert!(active_locks(FIND_LOCKS).is_ok_and(|locks| locks.is_empty()));
}
