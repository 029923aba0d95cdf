//! The lane held by a caller's own future, which nobody may have to wait for without end.
//!
//! A write that finds its lane empty runs in its caller's future: no task is spawned and no thread is
//! changed for the common case. A caller may stop polling (`select!`, a full buffer) without dropping
//! the future, so the hold ends for those behind once its future has been woken and not polled for a
//! while. Waiting for the server is no such thing: then nobody has woken it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// How long a future may have been woken without being polled, and still hold others up.
const PATIENCE: Duration = Duration::from_millis(20);

/// Where a held lane stands.
#[derive(Default)]
pub(crate) struct Hold {
    state: Mutex<State>,
    over: Notify,
}

#[derive(Default)]
struct State {
    over: bool,
    /// Since when it could go on and was not polled.
    woken: Option<Instant>,
    caller: Option<Waker>,
}

impl Hold {
    // Nothing panics while the state is locked.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The hold is over.
    pub(crate) fn end(&self) {
        self.state().over = true;
        self.over.notify_waiters();
    }

    /// Waits until the hold is over, or its future is not polled any more.
    pub(crate) async fn ended(&self) {
        loop {
            let over = self.over.notified();
            let woken = {
                let state = self.state();
                if state.over {
                    return;
                }
                state.woken
            };
            if woken.is_some_and(|since| since.elapsed() >= PATIENCE) {
                return;
            }
            // Late or not: the state tells.
            let _ = timeout(PATIENCE, over).await;
        }
    }
}

impl Wake for Hold {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let caller = {
            let mut state = self.state();
            state.woken.get_or_insert_with(Instant::now);
            state.caller.clone()
        };
        if let Some(caller) = caller {
            caller.wake();
        }
    }
}

/// A future that notes whether it is polled when it could go on.
pub(crate) struct Watched<F> {
    future: Pin<Box<F>>,
    hold: Arc<Hold>,
    waker: Waker,
}

impl<F> Watched<F> {
    pub(crate) fn new(hold: Arc<Hold>, future: F) -> Self {
        Self {
            future: Box::pin(future),
            waker: Waker::from(hold.clone()),
            hold,
        }
    }
}

impl<F: Future> Future for Watched<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        {
            let mut state = self.hold.state();
            state.woken = None;
            let same = |caller: &Waker| caller.will_wake(context.waker());
            if !state.caller.as_ref().is_some_and(same) {
                state.caller = Some(context.waker().clone());
            }
        }
        let waker = self.waker.clone();
        self.future.as_mut().poll(&mut Context::from_waker(&waker))
    }
}
