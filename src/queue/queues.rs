//! The queues, one for each key that is being worked on.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;

use super::Work;
use super::holder::Holder;
use super::permit::{Home, Permit};
use super::waiter::Waiter;

/// The queues of one client.
pub(crate) struct Queues<W: Work> {
    by_key: Mutex<HashMap<W::Key, Queue<W>>>,
    tickets: AtomicU64,
    length: usize,
}

/// The queue of one key. It exists while there is a holder or a waiter.
pub(super) struct Queue<W: Work> {
    pub(super) holder: Option<Arc<Holder>>,
    /// The waiters by ticket, oldest first.
    pub(super) waiting: BTreeMap<u64, Waiting<W>>,
    /// The waiters that were taken along, until they have received their result.
    pub(super) carried: HashMap<u64, Carried<W>>,
    /// The number of times that the permit was given or ended.
    pub(super) turns: u64,
    /// Whether the last holder belonged to a group.
    pub(super) was_apart: bool,
}

pub(super) struct Waiting<W: Work> {
    pub(super) job: Option<W::Job>,
    /// Only members of the same group may go together. `None` is the group of the newcomers.
    pub(super) group: Option<u64>,
    pub(super) waker: Option<Waker>,
}

pub(super) enum Carried<W: Work> {
    By(Arc<Holder>, Waiting<W>),
    Answered(W::Answer),
    Lost,
}

/// Actions that are carried out after the lock is released, because wakers and jobs run foreign code.
pub(super) struct After<W: Work> {
    wake: Vec<Waker>,
    wakers: Vec<Waker>,
    waiting: Vec<Waiting<W>>,
    carried: Vec<Carried<W>>,
}

impl<W: Work> After<W> {
    pub(super) fn wake(&mut self, waker: Option<Waker>) {
        self.wake.extend(waker);
    }

    pub(super) fn drop_later(&mut self, waiting: Waiting<W>) {
        self.waiting.push(waiting);
    }

    pub(super) fn drop_carried_later(&mut self, carried: Carried<W>) {
        self.carried.push(carried);
    }
}

impl<W: Work> Waiting<W> {
    pub(super) fn new(job: Option<W::Job>) -> Self {
        Self {
            job,
            group: None,
            waker: None,
        }
    }

    /// Sets the waker, unless it is the same as before.
    pub(super) fn with_waker(mut self, waker: &Waker, after: &mut After<W>) -> Self {
        let same = |known: &Waker| known.will_wake(waker);
        if !self.waker.as_ref().is_some_and(same) {
            after.wakers.extend(self.waker.replace(waker.clone()));
        }
        self
    }
}

impl<W: Work> Carried<W> {
    pub(super) fn is_by(&self, holder: &Arc<Holder>) -> bool {
        matches!(self, Self::By(by, _) if Arc::ptr_eq(by, holder))
    }
}

impl<W: Work> Queues<W> {
    /// Creates queues with at most `length` waiters each.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            by_key: Mutex::default(),
            tickets: AtomicU64::new(0),
            length,
        }
    }

    // A poisoned lock can be used, because nothing panics while the queues are locked.
    fn lock(&self) -> MutexGuard<'_, HashMap<W::Key, Queue<W>>> {
        self.by_key.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a ticket. The next number is reserved for its holder to come back with.
    fn ticket(&self) -> u64 {
        self.tickets.fetch_add(2, Ordering::Relaxed)
    }

    /// Takes the permit, if it is free and there is no waiter.
    pub(crate) fn enter(self: &Arc<Self>, key: &W::Key) -> Option<Permit<W>> {
        let holder = Holder::new(self.ticket());
        {
            let mut queues = self.lock();
            if queues.contains_key(key) {
                return None;
            }
            let queue = Queue {
                holder: Some(holder.clone()),
                ..Queue::default()
            };
            queues.insert(key.clone(), queue);
        }
        Some(Permit::new(holder, Home::new(self.clone(), key.clone())))
    }

    /// Joins the end of the queue, unless the queue is full.
    pub(crate) fn wait(self: &Arc<Self>, key: &W::Key, job: Option<W::Job>) -> Option<Waiter<W>> {
        let holder = Holder::new(self.ticket());
        let (ticket, waiting) = (holder.ticket, Waiting::new(job));
        let home = Home::new(self.clone(), key.clone());
        let full = home.visit(|queue, after| {
            let full = queue.waiting.len() >= self.length;
            if full {
                after.drop_later(waiting);
            } else {
                queue.waiting.insert(ticket, waiting);
            }
            full
        });
        (!full).then(|| Waiter::new(home, ticket, holder))
    }

    /// Changes one queue, and removes it if it is empty afterwards.
    pub(super) fn visit<R>(
        &self,
        key: &W::Key,
        change: impl FnOnce(&mut Queue<W>, &mut After<W>) -> R,
    ) -> R {
        let mut after = After {
            wake: Vec::new(),
            wakers: Vec::new(),
            waiting: Vec::new(),
            carried: Vec::new(),
        };
        let mut queues = self.lock();
        let result = if let Some(queue) = queues.get_mut(key) {
            let result = change(queue, &mut after);
            if queue.is_empty() {
                queues.remove(key);
            }
            result
        } else {
            let mut queue = Queue::default();
            let result = change(&mut queue, &mut after);
            if !queue.is_empty() {
                queues.insert(key.clone(), queue);
            }
            result
        };
        drop(queues);
        after.wake.into_iter().for_each(Waker::wake);
        result
    }

    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }
}

impl<W: Work> Default for Queue<W> {
    fn default() -> Self {
        Self {
            holder: None,
            waiting: BTreeMap::new(),
            carried: HashMap::new(),
            turns: 0,
            was_apart: false,
        }
    }
}

impl<W: Work> Queue<W> {
    fn is_empty(&self) -> bool {
        self.holder.is_none() && self.waiting.is_empty() && self.carried.is_empty()
    }

    pub(super) fn is_held_by(&self, holder: &Arc<Holder>) -> bool {
        let holds = self.holder.as_ref();
        holds.is_some_and(|holds| Arc::ptr_eq(holds, holder))
    }

    /// Returns the ticket whose turn it is when the permit is free. Members of groups are older than newcomers.
    /// Every other turn is a newcomer's, so that groups do not hold newcomers up.
    pub(super) fn next(&self) -> Option<u64> {
        let newcomer = || {
            let mut newcomers = self.waiting.iter();
            newcomers.find(|(_, waiting)| waiting.group.is_none())
        };
        let next = if self.was_apart { newcomer() } else { None };
        let next = next.or_else(|| self.waiting.first_key_value());
        next.map(|(ticket, _)| *ticket)
    }

    /// Ends the permit of this holder, if it still has it.
    pub(super) fn release(&mut self, holder: &Arc<Holder>, after: &mut After<W>) {
        if self.is_held_by(holder) {
            self.holder = None;
            self.turns += 1;
            self.wake_next(after);
        }
    }

    pub(super) fn wake_next_if_free(&self, after: &mut After<W>) {
        if self.holder.is_none() {
            self.wake_next(after);
        }
    }

    pub(super) fn wake_next(&self, after: &mut After<W>) {
        let next = self.next().and_then(|ticket| self.waiting.get(&ticket));
        after.wake(next.and_then(|next| next.waker.clone()));
    }

    /// Whether this holder has taken any waiters along.
    pub(super) fn is_carried_by(&self, holder: &Arc<Holder>) -> bool {
        self.carried.values().any(|carried| carried.is_by(holder))
    }

    /// Puts the waiters that this holder has taken along back into their places.
    pub(super) fn give_back(&mut self, holder: &Arc<Holder>) {
        let by = self
            .carried
            .iter()
            .filter(|(_, carried)| carried.is_by(holder));
        let tickets: Vec<u64> = by.map(|(ticket, _)| *ticket).collect();
        for ticket in tickets {
            if let Some(Carried::By(_, waiting)) = self.carried.remove(&ticket) {
                self.waiting.insert(ticket, waiting);
            }
        }
    }
}
