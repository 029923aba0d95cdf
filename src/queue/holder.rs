//! The holder of a permit, as others see it: whether it is alive, and what it has under way.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::support::panics::{self, Panicked};

/// The part of some work that cannot be undone.
pub(crate) trait UnderWay: Send + Sync {
    /// Whether something was sent whose outcome is not known.
    fn is_under_way(&self) -> bool;

    /// Notes that a waiter that was taken along has left with an unknown outcome.
    fn left_behind(&self);
}

/// The reason why work under a permit ended without a result.
#[derive(Debug)]
pub(crate) enum Stopped {
    /// The waiters that were taken along are gone, or back in the queue.
    Revoked,
    /// A part of the application panicked.
    Panicked(Panicked),
}

pub(super) struct Holder {
    /// The place in the queue to which the holder comes back.
    pub(super) ticket: u64,
    state: Mutex<HolderState>,
}

#[derive(Default)]
struct HolderState {
    /// The number of completed polls.
    polls: u64,
    is_polled: bool,
    is_revoked: bool,
    waker: Option<Waker>,
    under_way: Option<Arc<dyn UnderWay>>,
}

impl Holder {
    pub(super) fn new(ticket: u64) -> Arc<Self> {
        Arc::new(Self {
            ticket,
            state: Mutex::default(),
        })
    }

    // A poisoned lock can be used, because nothing panics while the state is locked.
    fn state(&self) -> MutexGuard<'_, HolderState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the number of completed polls, which grows as long as the work is polled.
    pub(super) fn polls(&self) -> u64 {
        self.state().polls
    }

    pub(super) fn waker(&self) -> Option<Waker> {
        self.state().waker.clone()
    }

    pub(super) fn reports(&self, under_way: Arc<dyn UnderWay>) {
        let before = self.state().under_way.replace(under_way);
        drop(before);
    }

    pub(super) fn under_way(&self) -> Option<Arc<dyn UnderWay>> {
        self.state().under_way.clone()
    }

    pub(super) fn is_under_way(&self) -> bool {
        let under_way = self.under_way();
        under_way.is_some_and(|under_way| under_way.is_under_way())
    }

    /// Ends the work, unless some of it is under way or it is being polled. Returns whether the work was ended.
    pub(super) fn revoke(&self) -> bool {
        let mut state = self.state();
        let out = state.under_way.as_ref();
        if state.is_polled || out.is_some_and(|out| out.is_under_way()) {
            return false;
        }
        state.is_revoked = true;
        true
    }

    /// Ends the work, even if some of it is under way. The caller has to wake the holder, which then notices.
    pub(super) fn stop(&self) {
        self.state().is_revoked = true;
    }

    fn begin_poll(&self, context: &Context<'_>) -> Result<(), Stopped> {
        let mut state = self.state();
        if state.is_revoked {
            return Err(Stopped::Revoked);
        }
        state.is_polled = true;
        let same = |known: &Waker| known.will_wake(context.waker());
        let mut before = None;
        if !state.waker.as_ref().is_some_and(same) {
            before = state.waker.replace(context.waker().clone());
        }
        drop(state);
        // Dropped without the lock, because the destructor of a waker is foreign code.
        drop(before);
        Ok(())
    }

    fn end_poll(&self) {
        let mut state = self.state();
        state.is_polled = false;
        state.polls += 1;
    }

    /// Runs the work and records each poll.
    pub(super) async fn run<F: Future>(&self, work: F) -> Result<F::Output, Stopped> {
        let mut work = pin!(work);
        let ended = poll_fn(|context| {
            if let Err(stopped) = self.begin_poll(context) {
                return Poll::Ready(Err(stopped));
            }
            let polled = panics::catch(panics::VALUE, || work.as_mut().poll(context));
            self.end_poll();
            match polled {
                Ok(Poll::Pending) => Poll::Pending,
                Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
                Err(panicked) => Poll::Ready(Err(Stopped::Panicked(panicked))),
            }
        });
        ended.await
    }
}
