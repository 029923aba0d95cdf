//! Times that cannot overflow.

use std::time::Duration;

use tokio::time::Instant;

/// For ever, for all that a call can see of it.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);

/// That much later. `Duration::MAX` is how people say "no limit", and no clock reaches so far.
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
