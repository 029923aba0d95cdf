//! The permit, a value that is held until it is dropped, released or taken over.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;

use super::Work;
use super::holder::{Holder, Stopped, UnderWay};
use super::queues::{After, Queue, Queues, Waiting};
use super::waiter::Waiter;

/// The address of one queue: the queues of the client, and the key among them.
pub(super) struct Home<W: Work> {
    queues: Arc<Queues<W>>,
    key: W::Key,
}

impl<W: Work> Clone for Home<W> {
    fn clone(&self) -> Self {
        Self::new(self.queues.clone(), self.key.clone())
    }
}

impl<W: Work> Home<W> {
    pub(super) fn new(queues: Arc<Queues<W>>, key: W::Key) -> Self {
        Self { queues, key }
    }

    pub(super) fn visit<R>(&self, change: impl FnOnce(&mut Queue<W>, &mut After<W>) -> R) -> R {
        self.queues.visit(&self.key, change)
    }
}

/// The right to work, for as long as it is held.
pub(crate) struct Permit<W: Work> {
    holder: Arc<Holder>,
    /// The queue, or `None` for a permit that no other write waits for.
    home: Option<Home<W>>,
}

/// Runs work under a permit and records each poll.
pub(crate) struct Watch(Arc<Holder>);

impl Watch {
    /// Runs the work to its end, so that others see whether it progresses.
    pub(crate) async fn run<F: Future>(self, work: F) -> Result<F::Output, Stopped> {
        self.0.run(work).await
    }
}

impl<W: Work> Permit<W> {
    pub(super) fn new(holder: Arc<Holder>, home: Home<W>) -> Self {
        let home = Some(home);
        Self { holder, home }
    }

    /// Returns a permit without a queue.
    pub(crate) fn free() -> Self {
        Self {
            holder: Holder::new(0),
            home: None,
        }
    }

    /// Returns the wrapper in which the work must run.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.holder.clone())
    }

    /// Sets the value by which others see whether some of the work is under way.
    pub(crate) fn reports(&self, under_way: Arc<dyn UnderWay>) {
        self.holder.reports(under_way);
    }

    /// Whether some of the work is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.holder.is_under_way()
    }

    /// Runs a future of the application, which may itself wait for this permit. If the future does not end at once,
    /// the permit is released meanwhile. Afterwards the permit is taken again before all other waiters. The work
    /// continues without it if that takes too long.
    pub(crate) async fn release_while<F: Future>(
        &mut self,
        until: Instant,
        future: F,
    ) -> F::Output {
        let mut future = pin!(future);
        let at_once = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = at_once {
            return output;
        }
        let Some(home) = &self.home else {
            return future.await;
        };
        home.visit(|queue, after| queue.release(&self.holder, after));
        let output = future.await;
        // Lets waiters that the future woke begin first, because this work may never be polled again.
        tokio::task::yield_now().await;
        // The ticket is older than those of all waiters, except waiters that were passed over.
        let ticket = self.holder.ticket + 1;
        home.visit(|queue, _| queue.waiting.insert(ticket, Waiting::new(None)));
        let back = Waiter::new(home.clone(), ticket, self.holder.clone());
        // The work continues even without the permit.
        back.wait(until).await;
        output
    }
}

impl<W: Work> Drop for Permit<W> {
    fn drop(&mut self) {
        if let Some(home) = &self.home {
            home.visit(|queue, after| queue.release(&self.holder, after));
        }
    }
}
