//! Whether a write may be built on a document, by its fencing token. Pure.

/// Whether a holder with its own token may write onto a document in which this token was found.
///
/// The write is pinned to the version that was read, so no later holder can write in between.
pub(super) fn fence_allows(own: u64, found: Option<u64>) -> bool {
    found.is_none_or(|found| found <= own)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_later_token_stops_a_write() {
        assert!(fence_allows(2, None) && fence_allows(2, Some(1)) && fence_allows(2, Some(2)));
        assert!(!fence_allows(2, Some(3)));
    }
}
