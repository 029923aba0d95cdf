//! The journal: what is kept of a write before its requests leave, so that it can be finished, judged or explained by
//! whoever comes next.

mod digest;
mod error;
mod fold;
mod home;
mod intent;
mod mark;
mod memory;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

pub use error::JournalError;
pub(crate) use fold::{Fold, Standing};
use home::{Changes, Home};
pub(crate) use intent::{ChainKey, Intent, IntentGoal};
pub use intent::{IntentId, InvalidIntentId};
use mark::Mark;
pub(crate) use mark::{MarkAt, MarkDocuments, Open, RawProblem, Sent};
use memory::MemoryHome;

use crate::store::Secret;

/// The quota of a journal, in bytes, unless another one is set.
const QUOTA: usize = 64 * 1024 * 1024;
/// The approximate size of a mark without its documents, in bytes.
const MARK_SIZE: usize = 256;

/// Keeps unfinished writes, so that they survive a lost response, a dropped future or the end of the process.
///
/// With a journal, nothing that changes the server is sent before a mark of it is kept:
///
/// - A write that is [queued](crate::Update::queue) is kept as a whole. [`Client::outbox`](crate::Client::outbox) sends it
///   when the server can be reached, in this process or in a later one.
/// - Of a call that is awaited, the request is kept. If its response is lost with the process, the same call in a
///   restarted program finds out whether the request was applied, and does not apply it twice. See
///   [`journal_awaited`](crate::ClientBuilder::journal_awaited).
///
/// If a mark cannot be kept, the call ends as [`ErrorKind::Journal`](crate::ErrorKind::Journal), and nothing is sent.
///
/// A journal is cheap to clone. Clones are the same journal, and several clients can share it.
///
/// # Default
///
/// At most 64 MiB of unfinished writes ([`quota`](Self::quota) sets another limit). Nothing is dropped to stay
/// below it: a full journal takes no new writes.
///
/// # Example
///
/// ```
/// use ifmatch::{Client, Journal, testing::ResourceServer};
/// use serde_json::Value;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::start().await;
/// server.put("/notes/1", r#"{"text": "milk"}"#);
/// let client = Client::builder(server.uri()).journal(Journal::in_memory()).build()?;
/// let notes = client.collection::<Value>("notes");
/// notes.get("1").await?;
///
/// let queued = notes.update("1", |note| note["text"] = "milk and bread".into()).queue().await?;
/// client.outbox().drain().await?;
/// assert_eq!(queued.settled().await?["text"], "milk and bread");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Journal {
    inner: Arc<Inner>,
    quota: usize,
}

struct Inner {
    state: Mutex<State>,
    home: Box<dyn Home>,
    secret: Secret,
    /// Counts the changes, for those who wait for one.
    changed: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    fold: Fold,
    /// The last number that was given, in each file.
    last: Vec<u64>,
    closed: Option<JournalError>,
    /// How often marks of other processes were taken over.
    adoptions: u64,
}

impl Journal {
    /// Creates a journal in memory, which ends with the process.
    ///
    /// It is for tests, and for programs that queue writes while the server cannot be reached and need not survive a
    /// restart.
    pub fn in_memory() -> Self {
        // Without random numbers, the digests could be guessed. They are not stored anywhere.
        let secret = Secret::random().unwrap_or_else(|_| Secret::of(b"a journal in memory"));
        Self::new(Box::<MemoryHome>::default(), secret, QUOTA)
    }

    fn new(home: Box<dyn Home>, secret: Secret, quota: usize) -> Self {
        let inner = Inner {
            state: Mutex::default(),
            home,
            secret,
            changed: watch::Sender::default(),
        };
        Self {
            inner: Arc::new(inner),
            quota,
        }
    }

    /// Sets how many bytes the unfinished writes may take (default 64 MiB).
    pub fn quota(self, bytes: usize) -> Self {
        Self {
            quota: bytes,
            ..self
        }
    }

    /// Returns the secret of the digests in this journal.
    pub(crate) fn secret(&self) -> &Secret {
        &self.inner.secret
    }

    /// Ties the journal to the secret of a client. Digests made with another secret would not be found again.
    pub(crate) fn bind(&self, secret: &Secret) -> Result<(), JournalError> {
        self.inner.home.bind(secret.check())
    }

    /// Returns something that changes when the unfinished writes do.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.inner.changed.subscribe()
    }

    /// Looks at the unfinished writes.
    pub(crate) fn read<R>(&self, look: impl FnOnce(&Fold) -> R) -> R {
        look(&self.inner.state().fold)
    }

    /// Takes over the unfinished writes of processes that have ended.
    pub(crate) async fn adopt(&self) -> Result<(), JournalError> {
        let adopted = self.inner.home.adopt().await?;
        if adopted.is_empty() {
            return Ok(());
        }
        {
            let mut state = self.inner.state();
            state.take_over(adopted);
            state.adoptions += 1;
        }
        self.tell();
        Ok(())
    }

    /// Returns how often marks of other processes were taken over.
    pub(crate) fn adoptions(&self) -> u64 {
        self.inner.state().adoptions
    }

    /// Returns the documents of a mark.
    pub(crate) async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError> {
        self.inner.home.documents(at).await
    }

    /// Records a write that is to be made, or that has changed. It is durable when this returns.
    ///
    /// `unless` is asked under the lock. If it returns `true`, nothing is recorded, and the result is `false`.
    pub(crate) async fn intend(
        &self,
        intent: Intent,
        documents: MarkDocuments,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        self.intend_instead(None, intent, documents, unless).await
    }

    /// As [`intend`](Self::intend), in the place of another write, which ends.
    pub(crate) async fn intend_instead(
        &self,
        instead_of: Option<IntentId>,
        mut intent: Intent,
        documents: MarkDocuments,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        let id = intent.id;
        let (waiter, is_new) = {
            let mut state = self.inner.state();
            if unless(&state.fold) {
                return Ok(false);
            }
            let known = state.fold.get(instead_of.unwrap_or(id));
            let known = known.map(|known| (known.at.file, known.intent.place));
            let at = state.next(known.map_or(0, |(file, _)| file));
            intent.place = known.map_or(at.number, |(_, place)| place);
            let mark = Mark::Intended(intent);
            let waiter = self.put(&mut state, at, mark, documents, instead_of)?;
            (waiter, known.is_none())
        };
        let kept = durable(waiter).await;
        if kept.is_err() && is_new {
            self.inner.state().fold.ended(id);
        }
        self.tell();
        kept.map(|()| true)
    }

    /// Records a request that is about to leave. It is durable when this returns.
    pub(crate) async fn sent(
        &self,
        sent: Sent,
        documents: MarkDocuments,
    ) -> Result<MarkAt, JournalError> {
        let intent = sent.intent;
        let (waiter, at) = {
            let mut state = self.inner.state();
            let file = intent
                .and_then(|id| state.fold.get(id))
                .map_or(0, |known| known.at.file);
            let at = state.next(file);
            (
                self.put(&mut state, at, Mark::Sent(sent), documents, None)?,
                at,
            )
        };
        let kept = durable(waiter).await;
        if kept.is_err() {
            self.judged(intent, &[at]);
        }
        kept.map(|()| at)
    }

    /// Records that requests are known to have been applied or not. It need not be durable: without it, they are judged
    /// once more.
    pub(crate) fn judged(&self, intent: Option<IntentId>, marks: &[MarkAt]) {
        if marks.is_empty() {
            return;
        }
        let mut state = self.inner.state();
        match intent {
            Some(id) => state.fold.judged_of(id, marks),
            None => state.fold.judged(marks),
        }
        self.remove(marks.to_vec(), None);
    }

    /// Records that a queued write waits for a person.
    pub(crate) async fn open(
        &self,
        open: Open,
        documents: MarkDocuments,
    ) -> Result<(), JournalError> {
        let waiter = {
            let mut state = self.inner.state();
            let Some(file) = state.fold.get(open.intent).map(|known| known.at.file) else {
                return Ok(());
            };
            let at = state.next(file);
            self.put(&mut state, at, Mark::Open(open), documents, None)?
        };
        let kept = durable(waiter).await;
        self.tell();
        kept
    }

    /// Puts an open write back into its chain, unless the condition holds under the lock. Returns whether it was put back.
    pub(crate) async fn retried(
        &self,
        id: IntentId,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        let waiter = {
            let mut state = self.inner.state();
            if unless(&state.fold) {
                return Ok(false);
            }
            let outdated = state.fold.retried(id);
            self.remove_durably(outdated)
        };
        let kept = durable(waiter).await;
        self.tell();
        kept.map(|()| true)
    }

    /// Records that a queued write was applied or given up, and removes its marks.
    pub(crate) async fn ended(&self, id: IntentId) -> Result<(), JournalError> {
        self.end_unless(id, |_| false).await.map(|_| ())
    }

    /// As [`ended`](Self::ended), unless the condition holds under the lock. Returns whether the write has ended.
    pub(crate) async fn end_unless(
        &self,
        id: IntentId,
        unless: impl FnOnce(&Fold) -> bool,
    ) -> Result<bool, JournalError> {
        let waiter = {
            let mut state = self.inner.state();
            if unless(&state.fold) {
                return Ok(false);
            }
            let file = state.fold.get(id).map_or(0, |known| known.at.file);
            let outdated = state.fold.ended(id);
            let waiter = self.remove_durably(outdated);
            if file != 0 && state.fold.is_empty(file) {
                self.inner.home.remove_file(file);
            }
            waiter
        };
        let kept = durable(waiter).await;
        self.tell();
        kept.map(|()| true)
    }

    fn put(
        &self,
        state: &mut State,
        at: MarkAt,
        mark: Mark,
        documents: MarkDocuments,
        ends: Option<IntentId>,
    ) -> Result<Waiter, JournalError> {
        if let Some(closed) = &state.closed {
            return Err(closed.clone());
        }
        let added = documents.size() + MARK_SIZE;
        let size = state.fold.size();
        // What is recorded of a write that is known already ends sooner if there is room for it.
        let is_new = matches!(&mark, Mark::Intended(intent) if state.fold.get(intent.id).is_none() && ends.is_none())
            || matches!(&mark, Mark::Sent(sent) if sent.intent.is_none());
        if is_new && size.saturating_add(added) > self.quota {
            let quota = self.quota;
            return Err(JournalError::Full { size, quota });
        }
        let mut outdated = ends.map_or_else(Vec::new, |id| state.fold.ended(id));
        outdated.extend(state.fold.mark(at, mark.clone(), added));
        let (done, waiter) = oneshot::channel();
        let changes = Changes {
            new: Some((at, mark, documents)),
            outdated,
        };
        self.inner.home.write(changes, Some(done));
        Ok(waiter)
    }

    fn remove(&self, outdated: Vec<MarkAt>, done: Option<home::Done>) {
        let changes = Changes {
            new: None,
            outdated,
        };
        self.inner.home.write(changes, done);
    }

    fn remove_durably(&self, outdated: Vec<MarkAt>) -> Waiter {
        let (done, waiter) = oneshot::channel();
        self.remove(outdated, Some(done));
        waiter
    }

    fn tell(&self) {
        self.inner.changed.send_modify(|count| *count += 1);
    }
}

type Waiter = oneshot::Receiver<Result<(), JournalError>>;

/// Waits until changes are durable.
async fn durable(waiter: Waiter) -> Result<(), JournalError> {
    waiter
        .await
        .unwrap_or_else(|_| Err(JournalError::closed("its writer has ended")))
}

impl Inner {
    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes marks that were kept before.
    fn take_over(&mut self, marks: Vec<(MarkAt, Mark, usize)>) {
        for (at, mark, size) in marks {
            self.next(at.file);
            let last = &mut self.last[usize::from(at.file)];
            *last = (*last).max(at.number);
            self.fold.mark(at, mark, size);
        }
    }

    /// Returns the next mark of a file.
    fn next(&mut self, file: u16) -> MarkAt {
        let index = usize::from(file);
        if self.last.len() <= index {
            self.last.resize(index + 1, 0);
        }
        let last = &mut self.last[index];
        *last += 1;
        MarkAt {
            file,
            number: *last,
        }
    }
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let size = self.read(Fold::size);
        f.debug_struct("Journal")
            .field("bytes", &size)
            .finish_non_exhaustive()
    }
}
