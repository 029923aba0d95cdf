//! The permit as a value: held until it is dropped, released on the way, or taken over.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::time::Instant;

use super::Work;
use super::holder::{Holder, Stopped, UnderWay};
use super::queues::{After, Queue, Queues, Waiting};
use super::waiter::Waiter;

/// One queue of many.
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
    /// A permit without a queue: no other write waits for it.
    home: Option<Home<W>>,
}

/// Runs work under a permit.
pub(crate) struct Watch(Arc<Holder>);

impl Watch {
    /// Runs the work to its end, so that others see whether it goes on.
    pub(crate) async fn run<F: Future>(self, work: F) -> Result<F::Output, Stopped> {
        self.0.run(work).await
    }
}

impl<W: Work> Permit<W> {
    pub(super) fn new(holder: Arc<Holder>, home: Home<W>) -> Self {
        let home = Some(home);
        Self { holder, home }
    }

    /// A permit of no queue.
    pub(crate) fn free() -> Self {
        Self {
            holder: Holder::new(0),
            home: None,
        }
    }

    /// What the work is to be run in.
    pub(crate) fn watch(&self) -> Watch {
        Watch(self.holder.clone())
    }

    /// Tells the others by what they can see whether something of the work is under way.
    pub(crate) fn reports(&self, under_way: Arc<dyn UnderWay>) {
        self.holder.reports(under_way);
    }

    /// Whether something of the work is under way.
    pub(crate) fn is_under_way(&self) -> bool {
        self.holder.is_under_way()
    }

    /// Runs a future of the user's, which may itself wait for this permit. If it does not end at once, the
    /// permit is released, and taken again before all others afterwards; without it if that takes too long.
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
        // Those that it has woken begin before the work goes on, which may not be polled any more.
        tokio::task::yield_now().await;
        // Older than those of all that wait, unless they were passed over.
        let ticket = self.holder.ticket + 1;
        home.visit(|queue, _| queue.waiting.insert(ticket, Waiting::new(None)));
        let back = Waiter::new(home.clone(), ticket, self.holder.clone());
        // Without the permit it goes on as well.
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
