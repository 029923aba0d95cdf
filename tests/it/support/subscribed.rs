//! Subscribers of `tracing` for one test.

use std::sync::LazyLock;

use tracing::subscriber::{DefaultGuard, NoSubscriber};
use tracing::{Dispatch, Subscriber};

/// While there is only one subscriber, `tracing` asks that of the thread which comes to a span first. A test that runs beside
/// this one, without a subscriber, would turn the span off for both.
static ANOTHER: LazyLock<Dispatch> = LazyLock::new(|| Dispatch::new(NoSubscriber::new()));

/// Sends the spans and events of this thread to a subscriber.
pub(crate) fn subscribe(subscriber: impl Subscriber + Send + Sync + 'static) -> DefaultGuard {
    LazyLock::force(&ANOTHER);
    tracing::subscriber::set_default(subscriber)
}
