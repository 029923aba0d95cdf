//! Addition of times without overflow.

use std::time::Duration;

use tokio::time::Instant;

/// A time beyond the end of any call.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// Adds a time without overflow. Users write `Duration::MAX` for "no limit", which no clock can represent.
pub(crate) fn later(now: Instant, time: Duration) -> Instant {
    now.checked_add(time).unwrap_or_else(|| now + FAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_limit_is_later_than_any_limit() {
        let now = Instant::now();
        assert!(later(now, Duration::MAX) > later(now, Duration::from_secs(1 << 20)));
        assert!(later(later(now, Duration::MAX), Duration::MAX) > now);
    }
}
