//! The journal: what is kept of a write before its requests leave, so that a later call or process can finish it, settle
//! it or report it.

#[cfg(feature = "durable")]
mod builder;
mod digest;
#[cfg(feature = "durable")]
mod disk;
mod error;
mod fold;
mod group;
mod home;
mod intent;
mod mark;
mod memory;
mod record;
#[cfg(all(test, feature = "testing"))]
pub(crate) mod stopping;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::sync::watch;

#[cfg(feature = "durable")]
pub use builder::JournalBuilder;
pub use error::JournalError;
pub(crate) use fold::{Fold, Standing};
pub(crate) use group::LeftOpen;
use home::{Adopted, Home, Suspect};
pub(crate) use intent::{ChainKey, GroupStep, Intent, IntentGoal, StepRole};
pub use intent::{IntentId, InvalidIntentId};
use mark::Mark;
pub(crate) use mark::{MarkAt, MarkDocuments, Open, RawProblem, Sent, StepEnd, Stepped};
use memory::MemoryHome;

use crate::store::Secret;

/// The quota of a journal, in bytes, unless another one is set.
const QUOTA: usize = 64 * 1024 * 1024;
/// The approximate size of a mark without its documents, in bytes.
const MARK_SIZE: usize = 256;

/// Keeps unfinished writes, so that they survive a lost response, a dropped future or the end of the process.
///
/// It keeps a mark of each of these writes before a request of it leaves:
///
/// - A write that is [queued](crate::Update::queue) is kept as a whole. [`Client::outbox`](crate::Client::outbox) sends it
///   when the server can be reached, in this process or in a later one.
/// - For an awaited `save`, `create`, `update` or `delete`, the request is kept. If its response is lost with the process,
///   a `save` of the same read or the same `create` in a restarted program finds out whether the request was applied, and
///   does not apply it twice. An `update` that is made again is another edit: it runs on the state that it reads. See
///   [`journal_awaited`](crate::ClientBuilder::journal_awaited).
/// - The steps of a [transaction](crate::Client::transaction) are kept as a whole, and the outbox of a later process ends it.
///
/// If a mark cannot be kept, the call ends as [`ErrorKind::Journal`](crate::ErrorKind::Journal), and the request is not
/// sent. An awaited `post`, an action and a plain request are never sent again on a guess, so they need no mark, and are
/// sent even if the journal is full.
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
    home: Arc<dyn Home>,
    secret: Secret,
    /// Held while files are taken over.
    adopting: Mutex<()>,
    /// Counts the changes, for those who wait for one.
    changed: watch::Sender<u64>,
    /// What the clients of this journal share apart from it.
    attached: OnceLock<Arc<dyn Any + Send + Sync>>,
}

#[derive(Default)]
struct State {
    fold: Fold,
    /// The last number that was given, in each file.
    last: Vec<u64>,
    /// How often marks of other processes were taken over.
    adoptions: u64,
    /// How often the requests of awaited calls were forgotten.
    forgotten: u64,
    damage: Vec<String>,
}

impl Journal {
    /// Creates a journal in memory, which ends with the process.
    ///
    /// It is for tests, and for programs that queue writes while the server cannot be reached and need not survive a
    /// restart.
    pub fn in_memory() -> Self {
        // Without random numbers, the digests could be guessed. They are not stored anywhere.
        let secret = Secret::random().unwrap_or_else(|_| Secret::of(b"a journal in memory"));
        Self::new(
            Arc::<MemoryHome>::default(),
            State::default(),
            Vec::new(),
            secret,
        )
    }

    /// Names the directory of a journal, which is opened or created by [`build`](JournalBuilder::build). Feature
    /// `durable`.
    #[cfg(feature = "durable")]
    pub fn open(path: impl Into<std::path::PathBuf>) -> JournalBuilder {
        JournalBuilder::new(path.into())
    }

    fn new(home: Arc<dyn Home>, state: State, suspects: Vec<Suspect>, secret: Secret) -> Self {
        let inner = Inner {
            state: Mutex::new(state),
            home,
            secret,
            adopting: Mutex::default(),
            changed: watch::Sender::default(),
            attached: OnceLock::new(),
        };
        let journal = Self {
            inner: Arc::new(inner),
            quota: QUOTA,
        };
        let mut state = journal.inner.state();
        journal.open_suspects(&mut state, suspects);
        drop(state);
        journal
    }

    /// Forgets the requests of awaited calls whose outcome is not known. Queued writes are not affected.
    ///
    /// They are kept so that the same call, made again, does not apply a change twice. Each is forgotten when a later call
    /// on the same version has found out what became of it, and at most eight are kept for each resource. If most calls that
    /// end as [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) are never made again, call this from time to time, so
    /// that the journal does not fill up.
    pub fn forget_unsettled(&self) {
        let requests = self.read(Fold::requests);
        let awaited = requests
            .into_iter()
            .filter(|(_, sent)| sent.intent.is_none());
        let marks: Vec<_> = awaited.map(|(at, _)| at).collect();
        self.judged(None, &marks);
        self.inner.state().forgotten += 1;
    }

    /// Returns how often the requests of awaited calls were forgotten.
    pub(crate) fn forgotten(&self) -> u64 {
        self.inner.state().forgotten
    }

    /// Keeps what cannot be read, for people.
    pub(crate) fn told_damage(&self, damage: String) {
        self.inner.state().told_damage(damage);
    }

    /// Returns what cannot be read of the journal, for people: files, marks in a file, and requests of earlier calls.
    ///
    /// Damaged marks are kept aside in their file, and are reported at each start.
    pub fn damage(&self) -> Vec<String> {
        self.inner.state().damage.clone()
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
        let _adopting = self.inner.adopting();
        self.inner.home.bind(secret.check())
    }

    /// Returns what the clients of this journal share apart from it.
    pub(crate) fn attached<A: Default + Send + Sync + 'static>(&self) -> Arc<A> {
        let attached = self.inner.attached.get_or_init(|| Arc::<A>::default());
        attached.clone().downcast().unwrap_or_default()
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
        if !self.inner.home.is_shared() {
            return Ok(());
        }
        // A dropped future must not lose what it has taken over.
        let journal = self.clone();
        let adopted = tokio::task::spawn_blocking(move || journal.adopt_now()).await;
        adopted.unwrap_or_else(|error| Err(JournalError::closed(error)))
    }

    fn adopt_now(&self) -> Result<(), JournalError> {
        let _adopting = self.inner.adopting();
        let (adopted, marks) = self.inner.home.adopt()?;
        if adopted.last.is_empty() && adopted.damage.is_empty() {
            return Ok(());
        }
        {
            let mut state = self.inner.state();
            for (at, mark, size) in marks {
                state.take(at, mark, size);
            }
            let suspects = state.take_over(adopted);
            state.adoptions += 1;
            self.open_suspects(&mut state, suspects);
        }
        self.tell();
        Ok(())
    }

    /// Returns the number of files of this process.
    pub(crate) fn files(&self) -> usize {
        self.inner.state().last.len()
    }

    /// Returns how often marks of other processes were taken over.
    pub(crate) fn adoptions(&self) -> u64 {
        self.inner.state().adoptions
    }

    /// Returns the documents of a mark.
    pub(crate) async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError> {
        self.inner.home.documents(at).await
    }

    /// Returns the documents of a mark that others may replace or remove, or `None` if they have.
    pub(crate) async fn present_documents(
        &self,
        at: MarkAt,
    ) -> Result<Option<MarkDocuments>, JournalError> {
        match self.documents(at).await {
            Err(JournalError::Damaged(_)) if !self.read(|fold| fold.has(at)) => Ok(None),
            documents => documents.map(Some),
        }
    }
}

impl Inner {
    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The lock guards no data, so a poisoned one is safe to use.
    fn adopting(&self) -> MutexGuard<'_, ()> {
        self.adopting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a mark that was kept before.
    fn take(&mut self, at: MarkAt, mark: Mark, size: usize) {
        self.fold.mark(at, mark, size + MARK_SIZE);
    }

    /// Takes over files that processes that have ended left behind, and returns those with damaged marks.
    fn take_over(&mut self, adopted: Adopted) -> Vec<Suspect> {
        for at in adopted.last {
            self.next(at.file);
            self.last[usize::from(at.file)] = at.number;
        }
        for damage in adopted.damage {
            self.told_damage(damage);
        }
        adopted.suspects
    }

    /// Keeps what cannot be read, for people.
    fn told_damage(&mut self, damage: String) {
        if self.damage.contains(&damage) {
            return;
        }
        #[cfg(feature = "tracing")]
        tracing::error!(%damage, "a part of the journal cannot be read");
        self.damage.push(damage);
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
