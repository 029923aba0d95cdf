//! A waiter, which handles its own turn with its own timer.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::carried_batch::Batch;
use super::holder::Holder;
use super::permit::{Home, Permit};
use super::queues::{After, Carried, Queue, Waiting};
use super::{STALL_TIMEOUT, Work};

/// The result of waiting for a turn.
pub(crate) enum Turn<W: Work> {
    /// The waiter has the permit.
    Permit(Permit<W>),
    /// Another holder did the job along with its own.
    Answered(W::Answer),
    /// The deadline passed, and nothing of the job was begun.
    OutOfTime,
    /// Another holder began the job, and its outcome will not be known.
    Lost,
}

/// The result of waiting, before the permit is made.
pub(super) enum Waited<W: Work> {
    Leads(Waiting<W>),
    Answered(W::Answer),
    OutOfTime,
    Lost,
}

/// A place in a queue. Dropping it gives the place up.
pub(crate) struct Waiter<W: Work> {
    home: Home<W>,
    ticket: u64,
    /// The holder that the waiter becomes when it gets the permit.
    holder: Arc<Holder>,
    /// The waiter's own job, while the waiter has the permit.
    own: Option<Waiting<W>>,
}

/// The state that a waiter saw when it last looked. If it has not changed by the next look, the holder has stalled,
/// or the waiter whose turn it is has stalled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LastLook {
    /// The number of turns, and the ticket and polls of the holder.
    Turn(u64, Option<(u64, u64)>),
    /// The ticket and polls of the holder that has taken the waiter along.
    Carried(u64, u64),
}

/// One look of a waiter, and what the waiter remembers until the next.
struct Look<'a> {
    waker: &'a Waker,
    now: Instant,
    deadline: Instant,
    /// Whether it is time to compare with the last look.
    is_due: bool,
    seen: &'a mut Option<LastLook>,
}

impl Look<'_> {
    /// Whether nothing has moved since the last look.
    fn stands_still(&mut self, now: LastLook) -> bool {
        self.is_due && self.seen.replace(now) == Some(now)
    }

    /// Returns when to look again. Waiters near the front look often, so that all together look rarely.
    fn next(&self, before: usize) -> Instant {
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        later(
            self.now,
            STALL_TIMEOUT + STALL_TIMEOUT.saturating_mul(before) / 4,
        )
    }
}

fn later(from: Instant, by: Duration) -> Instant {
    from.checked_add(by).unwrap_or(from)
}

/// The maximum number of waiters ahead that are counted.
const MOST_BEFORE: usize = 64;

impl<W: Work> Waiter<W> {
    pub(super) fn new(home: Home<W>, ticket: u64, holder: Arc<Holder>) -> Self {
        Self {
            home,
            ticket,
            holder,
            own: None,
        }
    }

    /// Waits for the permit, or for the answer of a holder that has taken this waiter along.
    pub(crate) async fn turn(&mut self, deadline: Instant) -> Turn<W> {
        match self.wait(deadline).await {
            Waited::Leads(own) => {
                self.own = Some(own);
                Turn::Permit(Permit::new(self.holder.clone(), self.home.clone()))
            }
            Waited::Answered(answer) => Turn::Answered(answer),
            Waited::OutOfTime => Turn::OutOfTime,
            Waited::Lost => Turn::Lost,
        }
    }

    pub(super) async fn wait(&self, deadline: Instant) -> Waited<W> {
        let (mut seen, mut due, mut begun) = (None, false, false);
        let mut timer = pin!(sleep_until(deadline));
        let waited = poll_fn(|context| {
            loop {
                let mut look = Look {
                    waker: context.waker(),
                    now: Instant::now(),
                    deadline,
                    is_due: due,
                    seen: &mut seen,
                };
                let looked = self
                    .home
                    .visit(|queue, after| self.look(queue, after, &mut look));
                match looked {
                    Ok(waited) => return Poll::Ready(waited),
                    Err(next) if due || !begun => timer.as_mut().reset(next),
                    Err(_) => {}
                }
                begun = true;
                due = timer.as_mut().poll(context).is_ready();
                if !due {
                    return Poll::Pending;
                }
            }
        });
        waited.await
    }

    /// Checks whether the wait is over. If not, returns when to look again.
    fn look(
        &self,
        queue: &mut Queue<W>,
        after: &mut After<W>,
        look: &mut Look<'_>,
    ) -> Result<Waited<W>, Instant> {
        if let Some(carried) = queue.carried.remove(&self.ticket) {
            let (by, own) = match carried {
                Carried::Answered(answer) => return Ok(Waited::Answered(answer)),
                Carried::Lost => return Ok(Waited::Lost),
                Carried::By(by, own) => (by, own),
            };
            // The holder may have the same deadline and knows the outcome, so the waiter gives it a little more
            // time.
            let deadline = later(look.deadline, STALL_TIMEOUT);
            let over = look.is_due && look.now >= deadline;
            let still = look.stands_still(LastLook::Carried(by.ticket, by.polls()));
            if still {
                queue.release(&by, after);
            }
            if (still || over) && by.revoke() {
                queue.waiting.insert(self.ticket, own);
                queue.give_back(&by);
                queue.release(&by, after);
                queue.wake_next_if_free(after);
            } else if over {
                after.drop_later(own);
                if let Some(under_way) = by.under_way() {
                    under_way.left_behind();
                }
                return Ok(Waited::Lost);
            } else {
                if look.is_due {
                    after.wake(by.waker());
                }
                let own = own.with_waker(look.waker, after);
                queue.carried.insert(self.ticket, Carried::By(by, own));
                return Err(look.next(0).min(deadline));
            }
        }
        self.look_for_permit(queue, after, look)
    }

    fn look_for_permit(
        &self,
        queue: &mut Queue<W>,
        after: &mut After<W>,
        look: &mut Look<'_>,
    ) -> Result<Waited<W>, Instant> {
        let Some(own) = queue.waiting.remove(&self.ticket) else {
            return Ok(Waited::Lost);
        };
        if look.is_due && look.now >= look.deadline {
            after.drop_later(own);
            queue.wake_next_if_free(after);
            return Ok(Waited::OutOfTime);
        }
        let own = own.with_waker(look.waker, after);
        queue.waiting.insert(self.ticket, own);
        let holder = queue.holder.clone();
        let polls = holder
            .as_ref()
            .map(|holder| (holder.ticket, holder.polls()));
        let still = look.stands_still(LastLook::Turn(queue.turns, polls));
        if still && let Some(holder) = &holder {
            queue.release(holder, after);
        }
        // Waiters ahead that do not come when they are woken are passed over.
        let passes_over = still && holder.is_none();
        if queue.holder.is_none()
            && (passes_over || queue.next() == Some(self.ticket))
            && let Some(own) = queue.waiting.remove(&self.ticket)
        {
            queue.was_apart = own.group.is_some();
            queue.holder = Some(self.holder.clone());
            queue.turns += 1;
            return Ok(Waited::Leads(own));
        }
        let before = queue.waiting.range(..self.ticket);
        let before = before.take(MOST_BEFORE).count();
        if look.is_due {
            match &queue.holder {
                Some(holder) => after.wake(holder.waker()),
                None => queue.wake_next(after),
            }
        }
        Err(look.next(before).min(look.deadline))
    }

    /// Takes along waiters whose jobs fit, at most `most` jobs including the waiter's own. The work under the
    /// permit must do all of them. Returns `None` if there are no others.
    pub(crate) fn take_along(
        &mut self,
        most: usize,
        mut fits: impl FnMut(&W::Job) -> bool,
    ) -> Option<Batch<W>> {
        let own = self.own.as_ref().filter(|own| own.job.is_some())?;
        let group = own.group;
        let (own, ticket, holder) = (&mut self.own, self.ticket, &self.holder);
        let jobs = self.home.visit(|queue, _| {
            let mut taken = Vec::new();
            for (other, waiting) in &queue.waiting {
                if taken.len() + 1 >= most {
                    break;
                }
                if waiting.group == group && waiting.job.as_ref().is_some_and(&mut fits) {
                    taken.push(*other);
                } else if *other > ticket && waiting.group.is_none() {
                    // A job that does not fit is not overtaken.
                    break;
                }
            }
            if taken.is_empty() {
                return Vec::new();
            }
            let mut all: Vec<_> = own.take().map(|own| (ticket, own)).into_iter().collect();
            for other in taken {
                all.extend(queue.waiting.remove(&other).map(|waiting| (other, waiting)));
            }
            all.sort_unstable_by_key(|(ticket, _)| *ticket);
            let mut jobs = Vec::new();
            for (ticket, waiting) in all {
                jobs.extend(waiting.job.clone().map(|job| (ticket, job)));
                let carried = Carried::By(holder.clone(), waiting);
                queue.carried.insert(ticket, carried);
            }
            jobs
        });
        (!jobs.is_empty()).then(|| Batch::new(self.home.clone(), self.holder.clone(), jobs))
    }
}

impl<W: Work> Drop for Waiter<W> {
    fn drop(&mut self) {
        self.home.visit(|queue, after| {
            if let Some(own) = queue.waiting.remove(&self.ticket) {
                after.drop_later(own);
                queue.wake_next_if_free(after);
            }
            let Some(carried) = queue.carried.remove(&self.ticket) else {
                return;
            };
            if let Carried::By(by, _) = &carried
                && !queue.is_carried_by(by)
            {
                by.stop();
                after.wake(by.waker());
            }
            after.drop_carried_later(carried);
        });
    }
}
