//! Lanes: the writes of one client to one resource take turns, and those that can go out together do.
//!
//! While a write is in flight, further ones queue behind it; the next turn takes as many of them along as
//! fit into one conditional request. A lane is led by a task of its own and never by a caller's future,
//! which may be alive without being polled (`select!`) and would then hold up everybody behind it. The
//! lane of a resource to which nothing is being written does not exist.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::oneshot;

use crate::store::SnapshotKey;

/// How many writes go out in one request at most.
pub(crate) const TOGETHER: usize = 1_024;

pub(crate) type Run = Pin<Box<dyn Future<Output = Vec<Box<dyn Job>>> + Send>>;

/// A write, or several that go out together, waiting for its turn.
pub(crate) trait Job: Send {
    /// Whether somebody still waits for it.
    fn is_wanted(&mut self) -> bool;

    /// Takes another one along, or gives it back.
    fn absorb(&mut self, other: Box<dyn Job>) -> Result<(), Box<dyn Job>>;

    /// Carries it out. What comes back goes next: the parts of what could not go out together.
    fn run(self: Box<Self>, pass: Pass) -> Run;

    /// Itself, to be told what it is.
    fn as_any(&self) -> &dyn Any;

    /// The same by value.
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
}

/// The queue of a lane is full.
#[derive(Debug)]
pub(crate) struct Full;

/// The lanes of one client.
pub(crate) struct Lanes {
    waiting: Mutex<HashMap<SnapshotKey, VecDeque<Box<dyn Job>>>>,
    length: usize,
}

impl Lanes {
    /// Lanes in which at most so many writes wait.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            length,
        }
    }

    // Nothing panics while the lanes are locked, except a destructor of the user's, which leaves the
    // queues whole.
    fn waiting(&self) -> MutexGuard<'_, HashMap<SnapshotKey, VecDeque<Box<dyn Job>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a job at the end.
    pub(crate) fn submit(
        self: &Arc<Self>,
        key: &SnapshotKey,
        job: Box<dyn Job>,
    ) -> Result<(), Full> {
        let mut waiting = self.waiting();
        if let Some(queue) = waiting.get_mut(key) {
            if queue.len() >= self.length {
                return Err(Full);
            }
            queue.push_back(job);
            return Ok(());
        }
        waiting.insert(key.clone(), VecDeque::from([job]));
        drop(waiting);
        self.open(key);
        Ok(())
    }

    /// Queues jobs in front of all others, in their order.
    fn put_first(self: &Arc<Self>, key: &SnapshotKey, jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let mut waiting = self.waiting();
        let led = waiting.contains_key(key);
        let queue = waiting.entry(key.clone()).or_default();
        for job in jobs.into_iter().rev() {
            queue.push_front(job);
        }
        drop(waiting);
        if !led {
            self.open(key);
        }
    }

    fn open(self: &Arc<Self>, key: &SnapshotKey) {
        tokio::spawn(lead(Leader {
            lanes: self.clone(),
            key: key.clone(),
            leads: true,
        }));
    }

    /// The next turn; `None`: nobody waits, and the lane is gone.
    fn next(&self, key: &SnapshotKey) -> Option<Box<dyn Job>> {
        let mut waiting = self.waiting();
        let queue = waiting.get_mut(key)?;
        while let Some(mut job) = queue.pop_front() {
            if !job.is_wanted() {
                continue;
            }
            for _ in 1..TOGETHER {
                let Some(mut behind) = queue.pop_front() else {
                    break;
                };
                if behind.is_wanted()
                    && let Err(other) = job.absorb(behind)
                {
                    queue.push_front(other);
                    break;
                }
            }
            return Some(job);
        }
        waiting.remove(key);
        None
    }
}

/// Whoever leads a lane. Dropped before its end, because its runtime has ended, it takes the lane along:
/// those who wait are told, and the next write opens the lane anew.
struct Leader {
    lanes: Arc<Lanes>,
    key: SnapshotKey,
    leads: bool,
}

impl Drop for Leader {
    fn drop(&mut self) {
        if self.leads {
            let left = self.lanes.waiting().remove(&self.key);
            drop(left);
        }
    }
}

async fn lead(mut leader: Leader) {
    let (lanes, key) = (leader.lanes.clone(), leader.key.clone());
    while let Some(job) = lanes.next(&key) {
        let (leave, left) = oneshot::channel();
        let mut running = job.run(Pass(Some(Held {
            leave: Some(leave),
            lanes: lanes.clone(),
            key: key.clone(),
            turn: None,
        })));
        tokio::select! {
            biased;
            parts = &mut running => lanes.put_first(&key, parts),
            Ok(()) = left => {
                let (lanes, key) = (lanes.clone(), key.clone());
                tokio::spawn(async move { lanes.put_first(&key, running.await) });
            }
        }
    }
    leader.leads = false;
}

/// The right to write, for as long as it is held.
pub(crate) struct Pass(Option<Held>);

struct Held {
    leave: Option<oneshot::Sender<()>>,
    lanes: Arc<Lanes>,
    key: SnapshotKey,
    /// Ends the turn that was taken to come back.
    turn: Option<oneshot::Sender<()>>,
}

impl Pass {
    /// For writes that wait for nobody.
    pub(crate) fn free() -> Self {
        Self(None)
    }

    /// Runs a future of the user's that may itself write to the same resource. If it does not end at
    /// once, the lane goes on without us, and afterwards we are next.
    pub(crate) async fn aside<F: Future>(&mut self, future: F) -> F::Output {
        let mut future = pin!(future);
        let at_once = poll_fn(|context| Poll::Ready(future.as_mut().poll(context))).await;
        if let Poll::Ready(output) = at_once {
            return output;
        }
        if let Some(held) = &mut self.0 {
            held.turn = None;
            if let Some(leave) = held.leave.take() {
                // Whoever led the lane may be gone with its runtime.
                let _ = leave.send(());
            }
        }
        let output = future.await;
        if let Some(held) = &self.0 {
            let (grant, granted) = oneshot::channel();
            held.lanes.put_first(&held.key, vec![Box::new(Turn(grant))]);
            if let Ok(pass) = granted.await {
                *self = pass;
            }
        }
        output
    }
}

/// A turn for a write that had left the lane.
struct Turn(oneshot::Sender<Pass>);

impl Job for Turn {
    fn is_wanted(&mut self) -> bool {
        !self.0.is_closed()
    }

    fn absorb(&mut self, other: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
        Err(other)
    }

    fn run(self: Box<Self>, pass: Pass) -> Run {
        let (turn, over) = oneshot::channel();
        let Pass(held) = pass;
        let held = held.map(|held| Held {
            turn: Some(turn),
            ..held
        });
        let taken = self.0.send(Pass(held)).is_ok();
        Box::pin(async move {
            if taken {
                // It ends by the sender's being dropped.
                let _ = over.await;
            }
            Vec::new()
        })
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing(oneshot::Sender<()>);

    impl Job for Nothing {
        fn is_wanted(&mut self) -> bool {
            true
        }

        fn absorb(&mut self, other: Box<dyn Job>) -> Result<(), Box<dyn Job>> {
            Err(other)
        }

        fn run(self: Box<Self>, _: Pass) -> Run {
            Box::pin(async move {
                let _ = self.0.send(());
                Vec::new()
            })
        }

        fn as_any(&self) -> &dyn Any {
            self
        }

        fn into_any(self: Box<Self>) -> Box<dyn Any> {
            self
        }
    }

    #[tokio::test]
    async fn a_lane_to_which_nothing_is_written_does_not_exist()
    -> Result<(), Box<dyn std::error::Error>> {
        let lanes = Arc::new(Lanes::new(10));
        let key = SnapshotKey::new(
            &url::Url::parse("http://h/1")?,
            &http::HeaderMap::new(),
            None,
            &[],
        );
        for _ in 0..3 {
            let (done, is_done) = oneshot::channel();
            assert!(lanes.submit(&key, Box::new(Nothing(done))).is_ok());
            assert_eq!(lanes.waiting().len(), 1);
            is_done.await?;
            tokio::task::yield_now().await;
            assert!(lanes.waiting().is_empty());
        }
        Ok(())
    }
}
