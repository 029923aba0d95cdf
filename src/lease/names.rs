//! Who in this process waits for a lease: for each name, in the order of their calls.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::held::Held;

/// The queues of all names. A name that is here is being contended for or held by this process.
#[derive(Default)]
pub(crate) struct Names(Mutex<HashMap<String, VecDeque<Waiter>>>);

/// A call that waits for its turn.
pub(super) struct Waiter {
    pub(super) owner: Option<String>,
    pub(super) at_most: Option<Duration>,
    pub(super) passed: oneshot::Sender<Passed>,
}

/// What a waiter gets.
pub(super) enum Passed {
    /// The turn to contend for the lease.
    Turn(Turn),
    /// The lease itself, from a holder in this process.
    Held(Held),
}

impl Names {
    /// Returns the turn to contend for a lease, or queues the waiter.
    pub(super) fn enter(self: &Arc<Self>, name: &str, waiter: Waiter) -> Option<Turn> {
        let mut queues = self.queues();
        if let Some(queue) = queues.get_mut(name) {
            queue.retain(|waiter| !waiter.passed.is_closed());
            queue.push_back(waiter);
            return None;
        }
        queues.insert(name.to_owned(), VecDeque::new());
        Some(Turn {
            names: self.clone(),
            name: name.to_owned(),
            is_passed_on: false,
        })
    }

    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn queues(&self) -> MutexGuard<'_, HashMap<String, VecDeque<Waiter>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn of one call in this process to contend for a lease. It is passed on when it is dropped.
pub(super) struct Turn {
    names: Arc<Names>,
    name: String,
    is_passed_on: bool,
}

impl Turn {
    /// Takes the next call that still waits.
    pub(super) fn next(&self) -> Option<Waiter> {
        let mut queues = self.names.queues();
        let queue = queues.get_mut(&self.name)?;
        loop {
            let waiter = queue.pop_front()?;
            if !waiter.passed.is_closed() {
                return Some(waiter);
            }
        }
    }

    /// Whether a call waits.
    pub(super) fn has_next(&self) -> bool {
        let queues = self.names.queues();
        let queue = queues.get(&self.name);
        queue.is_some_and(|queue| queue.iter().any(|waiter| !waiter.passed.is_closed()))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_passed_on {
            return;
        }
        loop {
            let waiter = {
                let mut queues = self.names.queues();
                let Some(waiter) = queues.get_mut(&self.name).and_then(VecDeque::pop_front) else {
                    queues.remove(&self.name);
                    return;
                };
                waiter
            };
            let turn = Self {
                names: self.names.clone(),
                name: self.name.clone(),
                is_passed_on: false,
            };
            match waiter.passed.send(Passed::Turn(turn)) {
                Err(Passed::Turn(mut turn)) => turn.is_passed_on = true,
                _ => return,
            }
        }
    }
}
