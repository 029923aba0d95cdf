//! Whether waits are slept, or only counted.

use std::time::Duration;

use tokio::time::Instant;

/// What becomes of the waits of a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Waits {
    /// They are slept.
    #[default]
    Slept,
    /// They take no time. A call counts them as if they had taken it, so its deadline comes earlier.
    #[cfg_attr(
        not(feature = "testing"),
        expect(dead_code, reason = "set by the feature `testing`")
    )]
    Counted,
}

impl Waits {
    /// Returns after a wait.
    pub(crate) async fn pass(self, wait: Duration) {
        match self {
            Self::Slept => tokio::time::sleep(wait).await,
            // Others go on, as they would during the wait.
            Self::Counted => tokio::task::yield_now().await,
        }
    }

    /// Returns the deadline of a call that has waited for this long in all.
    pub(crate) fn earlier(self, deadline: Instant, waited: Duration) -> Instant {
        match self {
            Self::Slept => deadline,
            Self::Counted => deadline.checked_sub(waited).unwrap_or(deadline),
        }
    }
}
