//! A retry policy without waits.

use crate::retry::{RetryPolicy, Waits};

/// Returns a retry policy whose waits take no time, for tests with plain stubs.
///
/// A call counts its waits as if they had taken their time. So it ends after the same rounds, retries and waits as
/// with [`RetryPolicy::default`], and its report shows the same [`waited`](crate::WriteReport::waited). A `Retry-After`
/// that is longer than [`Limits::retry_after`](crate::Limits::retry_after) still ends the call.
///
/// | wait | with `fast` |
/// |---|---|
/// | after a lost race or a transient failure | no time, counted |
/// | `Retry-After`, and other waits in a refusal | no time, counted; it holds back no other call |
/// | a used-up quota (`RateLimit`) | no time, counted |
/// | before a lagging replica or a young version is read again | no time, counted |
/// | between the polls of an accepted write (202), or the checks of a probe | no time, counted |
/// | [`Answer::Wait`](crate::Answer::Wait) of a refusal handler | no time, counted |
/// | pauses for an overloaded server | none, and not counted |
/// | [`ClientBuilder::rate_limit`](crate::ClientBuilder::rate_limit) | not applied |
///
/// The client does not shorten time that others take: the delay of a stub, an authenticator, a strategy, a person.
/// The limits [`Limits::request`](crate::Limits::request) and [`Limits::time`](crate::Limits::time) apply to it. A
/// queued write that waits for a stalled one (about 40 ms) waits as usual. A version that becomes usable only when the
/// clock of a real server moves on (`Last-Modified`) does not become usable in no time, so do not use this policy
/// against such a server.
///
/// # Example
///
/// ```
/// use ifmatch::testing::{self, Reply, ResourceServer, Step};
/// use std::time::Duration;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::start().await;
/// server.put("/notes/1", r#"{"n": 1}"#);
/// let client = ifmatch::Client::builder(server.uri()).retry(testing::fast()).build()?;
/// let notes = client.collection::<serde_json::Value>("notes");
///
/// let busy = Reply::new(503).retry_after(Duration::from_secs(20));
/// server.next_write(Step::new().answer(busy));
/// let saved = notes.update(1, |note| note["n"] = 2.into()).await?; // at once
/// assert!(saved.report().waited >= Duration::from_secs(20));
/// # Ok(())
/// # }
/// ```
pub fn fast() -> RetryPolicy {
    let mut policy = RetryPolicy::default();
    policy.waits = Waits::Counted;
    policy
}
