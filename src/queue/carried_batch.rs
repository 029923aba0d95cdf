//! Waiters that a holder has taken along.

use std::ops::Range;
use std::sync::Arc;

use super::Work;
use super::holder::Holder;
use super::permit::Home;
use super::queues::{After, Carried, Queue};

/// The jobs that a holder does together, including its own, in the order of the queue. Dropping the batch gives
/// back the jobs without an answer. If something is under way, they are lost instead.
pub(crate) struct Batch<W: Work> {
    home: Home<W>,
    holder: Arc<Holder>,
    jobs: Vec<(u64, W::Job)>,
}

impl<W: Work> Batch<W> {
    pub(super) fn new(home: Home<W>, holder: Arc<Holder>, jobs: Vec<(u64, W::Job)>) -> Self {
        Self { home, holder, jobs }
    }

    pub(crate) fn jobs(&self) -> impl Iterator<Item = &W::Job> {
        self.jobs.iter().map(|(_, job)| job)
    }

    pub(crate) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Gives one of the waiters its answer. The answer is dropped if the waiter is gone or was given back.
    pub(crate) fn answer(&self, at: usize, answer: W::Answer) {
        let ticket = self.jobs.get(at).map(|(ticket, _)| *ticket);
        let end = Carried::Answered(answer);
        self.home.visit(|queue, after| match ticket {
            Some(ticket) => self.end(queue, after, ticket, end),
            None => after.drop_carried_later(end),
        });
    }

    fn end(&self, queue: &mut Queue<W>, after: &mut After<W>, ticket: u64, end: Carried<W>) {
        let carried = queue.carried.get_mut(&ticket);
        let Some(carried) = carried.filter(|carried| carried.is_by(&self.holder)) else {
            after.drop_carried_later(end);
            return;
        };
        let before = std::mem::replace(carried, end);
        if let Carried::By(_, waiting) = &before {
            after.wake(waiting.waker.clone());
        }
        after.drop_carried_later(before);
    }

    /// Puts some of the jobs back into the queue, as a group whose members only go together with each other.
    pub(crate) fn put_back(&self, which: Range<usize>) {
        let jobs = self.jobs.get(which).unwrap_or_default();
        let group = jobs.first().map(|(ticket, _)| *ticket);
        self.home.visit(|queue, after| {
            for (ticket, _) in jobs {
                let carried = queue.carried.get(ticket);
                if !carried.is_some_and(|carried| carried.is_by(&self.holder)) {
                    continue;
                }
                if let Some(Carried::By(_, mut waiting)) = queue.carried.remove(ticket) {
                    waiting.group = group;
                    queue.waiting.insert(*ticket, waiting);
                }
            }
            queue.wake_next_if_free(after);
        });
    }
}

impl<W: Work> Drop for Batch<W> {
    fn drop(&mut self) {
        let lost = self.holder.is_under_way();
        self.home.visit(|queue, after| {
            if lost {
                for (ticket, _) in &self.jobs {
                    self.end(queue, after, *ticket, Carried::Lost);
                }
            } else {
                queue.give_back(&self.holder);
                queue.wake_next_if_free(after);
            }
        });
    }
}
