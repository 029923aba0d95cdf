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
    #[cfg(feature = "testing")]
    Counted,
}

impl Waits {
    /// Returns after a wait, and the part of it that took no time.
    pub(crate) async fn pass(self, wait: Duration) -> Duration {
        match self {
            Self::Slept => {
                tokio::time::sleep(wait).await;
                Duration::ZERO
            }
            #[cfg(feature = "testing")]
            Self::Counted => {
                // Others go on, as they would during the wait.
                tokio::task::yield_now().await;
                wait
            }
        }
    }

    /// Returns after a wait. A deadline comes earlier by the part that took no time.
    pub(crate) async fn pass_before(self, deadline: &mut Instant, wait: Duration) {
        let counted = self.pass(wait).await;
        *deadline = deadline.checked_sub(counted).unwrap_or(*deadline);
    }
}
