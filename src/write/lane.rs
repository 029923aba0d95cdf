//! Lanes: the writes of one client to one resource take turns, and those that can go out together do.
//!
//! A write that finds its lane empty runs at once, in its caller's future. While it is in flight, further
//! ones queue behind it; the next turn takes as many of them along as fit into one conditional request.
//! The queue is led by a task of its own and not by a caller's future, which may be alive without being
//! polled (`select!`) and would then hold up everybody behind it. The lane of a resource to which nothing
//! is being written does not exist.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::sync::oneshot;

use super::hold::{Hold, Watched};
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
    lanes: Mutex<HashMap<SnapshotKey, Lane>>,
    length: usize,
}

#[derive(Default)]
struct Lane {
    /// Whoever found it empty and has not ended yet.
    hold: Option<Arc<Hold>>,
    waiting: VecDeque<Box<dyn Job>>,
    /// A task leads it.
    led: bool,
}

impl Lanes {
    /// Lanes in which at most so many writes wait.
    pub(crate) fn new(length: usize) -> Self {
        Self {
            lanes: Mutex::default(),
            length,
        }
    }

    // Nothing panics while the lanes are locked, except a destructor of the user's, which leaves the
    // queues whole.
    fn lanes(&self) -> MutexGuard<'_, HashMap<SnapshotKey, Lane>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an empty lane; `None`: somebody is in it.
    pub(crate) fn enter(self: &Arc<Self>, key: &SnapshotKey) -> Option<Holding> {
        let mut lanes = self.lanes();
        if lanes.contains_key(key) {
            return None;
        }
        let hold = Arc::new(Hold::default());
        let lane = Lane {
            hold: Some(hold.clone()),
            ..Lane::default()
        };
        lanes.insert(key.clone(), lane);
        Some(Holding {
            lanes: self.clone(),
            key: key.clone(),
            hold,
        })
    }

    /// Queues a job at the end.
    pub(crate) fn submit(
        self: &Arc<Self>,
        key: &SnapshotKey,
        job: Box<dyn Job>,
    ) -> Result<(), Full> {
        let mut lanes = self.lanes();
        let lane = lanes.entry(key.clone()).or_default();
        if lane.waiting.len() >= self.length {
            return Err(Full);
        }
        lane.waiting.push_back(job);
        self.see_it_led(key, lane);
        Ok(())
    }

    /// Queues jobs in front of all others, in their order.
    fn put_first(self: &Arc<Self>, key: &SnapshotKey, jobs: Vec<Box<dyn Job>>) {
        if jobs.is_empty() {
            return;
        }
        let mut lanes = self.lanes();
        let lane = lanes.entry(key.clone()).or_default();
        for job in jobs.into_iter().rev() {
            lane.waiting.push_front(job);
        }
        self.see_it_led(key, lane);
    }

    fn see_it_led(self: &Arc<Self>, key: &SnapshotKey, lane: &mut Lane) {
        if std::mem::replace(&mut lane.led, true) {
            return;
        }
        tokio::spawn(lead(Leader {
            lanes: self.clone(),
            key: key.clone(),
            leads: true,
        }));
    }

    /// The next turn; `None`: nobody waits, and the lane is gone.
    fn next(&self, key: &SnapshotKey) -> Option<Box<dyn Job>> {
        let mut lanes = self.lanes();
        let queue = &mut lanes.get_mut(key)?.waiting;
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
        lanes.remove(key);
        None
    }

    /// Who holds the lane and is to be waited for.
    fn holder(&self, key: &SnapshotKey) -> Option<Arc<Hold>> {
        self.lanes().get_mut(key)?.hold.take()
    }
}

/// A lane that was found empty.
pub(crate) struct Holding {
    lanes: Arc<Lanes>,
    key: SnapshotKey,
    hold: Arc<Hold>,
}

impl Holding {
    /// Runs a write in it.
    pub(crate) async fn run<F: Future>(self, write: impl FnOnce(Pass) -> F) -> F::Output {
        let pass = Pass(Some(Held {
            leave: None,
            hold: Some(self.hold.clone()),
            lanes: self.lanes.clone(),
            key: self.key.clone(),
            turn: None,
        }));
        Watched::new(self.hold.clone(), write(pass)).await
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.hold.end();
        let mut lanes = self.lanes.lanes();
        if let Some(lane) = lanes.get_mut(&self.key) {
            let own = |hold: &Arc<Hold>| Arc::ptr_eq(hold, &self.hold);
            if lane.hold.as_ref().is_some_and(own) && !lane.led {
                lanes.remove(&self.key);
            }
        }
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
            let left = self.lanes.lanes().remove(&self.key);
            drop(left);
        }
    }
}

async fn lead(mut leader: Leader) {
    let (lanes, key) = (leader.lanes.clone(), leader.key.clone());
    if let Some(hold) = lanes.holder(&key) {
        hold.ended().await;
    }
    while let Some(job) = lanes.next(&key) {
        let (leave, left) = oneshot::channel();
        let mut running = job.run(Pass(Some(Held {
            leave: Some(leave),
            hold: None,
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
    hold: Option<Arc<Hold>>,
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
            if let Some(hold) = held.hold.take() {
                hold.end();
            }
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
        let key = SnapshotKey::new(&url::Url::parse("http://h/1")?, &[], None, &[]);
        for _ in 0..3 {
            let (done, is_done) = oneshot::channel();
            assert!(lanes.submit(&key, Box::new(Nothing(done))).is_ok());
            assert_eq!(lanes.lanes().len(), 1);
            is_done.await?;
            tokio::task::yield_now().await;
            assert!(lanes.lanes().is_empty());
            let held = lanes.enter(&key).ok_or("it is empty")?;
            assert!(lanes.enter(&key).is_none());
            drop(held);
            assert!(lanes.lanes().is_empty());
        }
        Ok(())
    }
}
