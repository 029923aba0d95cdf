//! Futures that run side by side in one task.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

/// Runs the futures side by side, and returns their results in the same order.
pub(crate) async fn all<F: Future>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output> {
    let futures = futures.into_iter();
    let mut open: Vec<_> = futures.map(|it| (Box::pin(it), None)).collect();
    poll_fn(|context| {
        let mut is_pending = false;
        for (future, result) in &mut open {
            if result.is_some() {
                continue;
            }
            match Pin::as_mut(future).poll(context) {
                Poll::Ready(output) => *result = Some(output),
                Poll::Pending => is_pending = true,
            }
        }
        if is_pending {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    open.into_iter().filter_map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    #[tokio::test(start_paused = true)]
    async fn all_run_at_once_and_keep_their_order() {
        let begun = Instant::now();
        let waits = [3, 1, 2].map(|seconds| async move {
            sleep(Duration::from_secs(seconds)).await;
            seconds
        });
        assert_eq!(super::all(waits).await, [3, 1, 2]);
        assert_eq!(begun.elapsed(), Duration::from_secs(3));
    }
}
