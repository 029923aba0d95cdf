//! What a client knows of its queued writes while it runs: who can send them, which of them are being sent, and who
//! waits for their end.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, oneshot};

use super::outcome::WriteOutcome;
use super::request::target::Target;
use super::step::Step;
use crate::journal::{ChainKey, IntentId, Journal, Standing};
use crate::json::Document;
use crate::store::{KeyDigest, StoredSnapshot};
use crate::value::{Error, WriteReport};

/// Sends the queued writes of one handle, whose type it knows.
#[async_trait]
pub(crate) trait QueuedWriter: Send + Sync + 'static {
    /// Returns the schema of the documents that it writes.
    fn schema(&self) -> u32;

    /// Runs a queued write once. `before` is what the write before it to the same resource has stored.
    ///
    /// # Errors
    ///
    /// Returns an error if the write could not begin.
    async fn run(&self, standing: &Standing, before: Option<Stored>) -> Result<Ran, Error>;

    /// Returns a step of a transaction that an earlier process has left. `undo` is the write that takes it back, if that has
    /// begun.
    ///
    /// # Errors
    ///
    /// Returns an error if its documents cannot be read.
    async fn step(
        &self,
        standing: &Standing,
        undo: Option<&Standing>,
    ) -> Result<Box<dyn Step>, Error>;
}

/// One run of a queued write.
pub(crate) struct Ran {
    pub(crate) end: QueuedEnd,
    /// The error, unless the write succeeded.
    pub(crate) error: Option<Error>,
    /// What it has stored, if it succeeded.
    pub(crate) result: Option<Stored>,
}

/// What a queued write has stored.
pub(crate) struct Stored {
    /// The document that was wanted, on which the next queued write was made.
    pub(crate) wanted: Document,
    /// The state that is stored now.
    pub(crate) snapshot: StoredSnapshot,
}

/// How a queued write ended, for those who wait.
#[derive(Clone)]
pub(crate) enum QueuedEnd {
    /// It was sent and has this outcome, which may be a failure that a person has to look at.
    Ran {
        target: Arc<Target>,
        id: Option<String>,
        done: Box<WriteOutcome>,
        report: WriteReport,
    },
    /// It could not begin, and waits for a person.
    NotBegun(String),
    /// A later removal in the queue made it unnecessary.
    Superseded,
    /// It was taken back before it was sent.
    Withdrawn,
    /// It was a step of a transaction, which has ended.
    WithTransaction,
}

/// What all clients of one journal share.
#[derive(Default)]
struct Common {
    /// The chains that are being sent.
    running: Mutex<HashSet<ChainKey>>,
    waiters: Mutex<HashMap<IntentId, Vec<oneshot::Sender<QueuedEnd>>>>,
}

/// The queued writes of one client, apart from its journal.
pub(crate) struct OutboxState {
    common: Arc<Common>,
    journal: Option<Journal>,
    writers: Mutex<HashMap<KeyDigest, Arc<dyn QueuedWriter>>>,
    /// The chains that got no response the last time.
    unanswered: Mutex<HashSet<ChainKey>>,
    /// Wakes those who wait for the server to be reachable again.
    nudged: Notify,
    /// Whether someone waits for the server.
    waits_for_server: AtomicBool,
}

// No code panics while holding one of these locks, so a poisoned lock is safe to use.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl OutboxState {
    pub(crate) fn of(journal: Option<Journal>) -> Self {
        let common = journal.as_ref().map(Journal::attached::<Common>);
        Self {
            common: common.unwrap_or_default(),
            journal,
            writers: Mutex::default(),
            unanswered: Mutex::default(),
            nudged: Notify::default(),
            waits_for_server: AtomicBool::default(),
        }
    }

    /// Sets who sends the writes of a handle. The last one counts.
    pub(crate) fn register(&self, handle: KeyDigest, writer: Arc<dyn QueuedWriter>) {
        locked(&self.writers).insert(handle, writer);
    }

    /// As [`register`](Self::register), unless someone is known already.
    pub(crate) fn register_first(
        &self,
        handle: KeyDigest,
        writer: impl FnOnce() -> Arc<dyn QueuedWriter>,
    ) {
        locked(&self.writers).entry(handle).or_insert_with(writer);
    }

    pub(crate) fn writer(&self, handle: &KeyDigest) -> Option<Arc<dyn QueuedWriter>> {
        locked(&self.writers).get(handle).cloned()
    }

    /// Whether the queued writes to a resource are being sent.
    pub(crate) fn is_running(&self, chain: &ChainKey) -> bool {
        locked(&self.common.running).contains(chain)
    }

    /// Begins to send the queued writes to a resource, unless someone does already.
    pub(crate) fn begin(&self, chain: ChainKey) -> Option<Running> {
        let begun = locked(&self.common.running).insert(chain);
        begun.then(|| Running {
            common: self.common.clone(),
            journal: self.journal.clone(),
            chain,
        })
    }

    /// Records whether the last request of a chain got a response.
    pub(crate) fn was_answered(&self, chain: ChainKey, is_answered: bool) {
        let mut unanswered = locked(&self.unanswered);
        if is_answered {
            unanswered.remove(&chain);
        } else {
            unanswered.insert(chain);
        }
    }

    /// Whether a chain got no response the last time.
    pub(crate) fn is_unanswered(&self, chain: &ChainKey) -> bool {
        locked(&self.unanswered).contains(chain)
    }

    /// Returns a future that ends with the next nudge after this call.
    pub(crate) fn nudged(&self) -> Notified<'_> {
        self.nudged.notified()
    }

    /// Wakes those who wait for the server.
    pub(crate) fn nudge(&self) {
        self.nudged.notify_waiters();
    }

    /// Sets whether the next response of the server is a nudge.
    pub(crate) fn waits_for_server(&self, waits: bool) {
        self.waits_for_server.store(waits, Ordering::Relaxed);
    }

    /// Records that the server has responded to any request of the client.
    pub(crate) fn answered(&self) {
        if self.waits_for_server.swap(false, Ordering::Relaxed) {
            self.nudge();
        }
    }

    /// Waits for the end of a queued write.
    pub(crate) fn wait(&self, id: IntentId) -> oneshot::Receiver<QueuedEnd> {
        let (told, waiter) = oneshot::channel();
        locked(&self.common.waiters)
            .entry(id)
            .or_default()
            .push(told);
        waiter
    }

    /// Forgets those who no longer wait for a write, because it could not be queued.
    pub(crate) fn stop_waiting(&self, id: IntentId) {
        let mut waiters = locked(&self.common.waiters);
        if let Some(waiting) = waiters.get_mut(&id) {
            waiting.retain(|waiter| !waiter.is_closed());
            if waiting.is_empty() {
                waiters.remove(&id);
            }
        }
    }

    /// Tells those who wait for a write how it ended.
    pub(crate) fn tell(&self, id: IntentId, end: &QueuedEnd) {
        let waiting = locked(&self.common.waiters).remove(&id);
        for waiter in waiting.into_iter().flatten() {
            // The caller may have stopped waiting.
            let _ = waiter.send(end.clone());
        }
    }
}

/// The right to send the queued writes to one resource.
pub(crate) struct Running {
    common: Arc<Common>,
    journal: Option<Journal>,
    chain: ChainKey,
}

impl Drop for Running {
    fn drop(&mut self) {
        locked(&self.common.running).remove(&self.chain);
        // Others may go on with it.
        if let Some(journal) = &self.journal {
            journal.tell();
        }
    }
}
