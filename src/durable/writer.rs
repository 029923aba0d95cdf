//! The thread that writes to a database. It commits all jobs that wait in one durable transaction.
//!
//! A sync of the disk takes much longer than the writes before it, so jobs that wait at the same time share one.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};

use redb::{Database, WriteTransaction};
use tokio::sync::oneshot;

use crate::support::panics::{self, Panicked};

/// The most jobs in one transaction, so that one transaction cannot grow without bound.
const MAX_JOBS: usize = 1_000;

/// The thread that writes to a database.
///
/// When the writer is dropped, the thread does the jobs that were sent before, drops its reference to the database, and
/// ends. The drop waits for that, which takes as long as a sync of the disk.
#[derive(Debug)]
pub(crate) struct Writer {
    /// `None` once the thread is to end.
    jobs: Option<Sender<Box<dyn Job>>>,
    thread: Option<JoinHandle<()>>,
}

/// The reason why a job was not committed.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum WriteError {
    /// This job failed, and was taken out of its transaction.
    #[error("the write failed")]
    Job(#[source] Arc<redb::Error>),
    /// A transaction could not be committed. What it wrote may be on the disk or not, so the writer accepts nothing
    /// more until the database is opened again. Every later job gets the first error.
    #[error("the database accepts no more writes since a commit failed")]
    Commit(#[source] Arc<redb::Error>),
    /// The job panicked.
    #[error(transparent)]
    Panicked(Panicked),
    /// The thread has ended.
    #[error("the thread that writes to the database has ended")]
    Ended,
}

/// Work for one transaction, and the caller that waits for it.
trait Job: Send {
    /// Writes to the transaction. May be called again for another transaction, after this one was given up.
    fn run(&mut self, transaction: &WriteTransaction) -> Result<(), WriteError>;

    /// Tells the caller the result of the last run, or the error.
    fn answer(self: Box<Self>, error: Option<WriteError>);
}

struct Waiting<F, T, A> {
    work: F,
    result: Option<T>,
    then: A,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(database: Arc<Database>) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let thread = thread::Builder::new()
            .name("ifmatch-writer".to_owned())
            .spawn(move || {
                write_all(&database, &waiting);
                drop(database);
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    /// Sends a job, and returns a future of its result, which is ready once the job is durable. The job is done even
    /// if the future is dropped. Jobs are done in the order of the calls.
    ///
    /// A job that must not write, such as one beyond a quota, writes nothing and returns its refusal as a `T`. If a job
    /// returns an error or panics, the transaction is given up, and the other jobs run again in another one. So a job
    /// may run several times.
    pub(crate) fn send<T, F>(
        &self,
        work: F,
    ) -> impl Future<Output = Result<T, WriteError>> + Send + use<T, F>
    where
        T: Send + 'static,
        F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.send_then(work, move |result| {
            // The caller may have stopped waiting.
            let _ = answer.send(result);
        });
        // If the thread has ended, the job is dropped, and with it the sender of the answer.
        async { answered.await.unwrap_or(Err(WriteError::Ended)) }
    }

    /// Sends a job like [`send`](Self::send), and has the thread call `then` with the result. If the thread has ended,
    /// `then` is not called.
    pub(crate) fn send_then<T: Send + 'static>(
        &self,
        work: impl FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send + 'static,
        then: impl FnOnce(Result<T, WriteError>) + Send + 'static,
    ) {
        let result = None;
        if let Some(jobs) = &self.jobs {
            let _ = jobs.send(Box::new(Waiting { work, result, then }));
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        // A job may own the last reference to its writer, and a thread cannot wait for itself.
        let others = self
            .thread
            .take_if(|it| it.thread().id() != thread::current().id());
        if let Some(thread) = others {
            // The thread catches the panics of its jobs.
            let _ = thread.join();
        }
    }
}

impl<F, T, A> Job for Waiting<F, T, A>
where
    F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send,
    T: Send,
    A: FnOnce(Result<T, WriteError>) + Send,
{
    fn run(&mut self, transaction: &WriteTransaction) -> Result<(), WriteError> {
        self.result = None;
        let ran = panics::catch("a job of the writer", || (self.work)(transaction));
        let result = ran.map_err(WriteError::Panicked)?;
        self.result = Some(result.map_err(|error| WriteError::Job(Arc::new(error)))?);
        Ok(())
    }

    fn answer(self: Box<Self>, error: Option<WriteError>) {
        let Self { result, then, .. } = *self;
        let answer = match (error, result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(WriteError::Ended),
        };
        // A panic must not end the thread.
        let _ = panics::catch("a job of the writer", || then(answer));
    }
}

/// Does the jobs until the writer is dropped.
fn write_all(database: &Database, waiting: &Receiver<Box<dyn Job>>) {
    let mut failure = None;
    while let Ok(first) = waiting.recv() {
        let mut jobs: VecDeque<_> = [first].into();
        jobs.extend(waiting.try_iter().take(MAX_JOBS - 1));
        while failure.is_none() && !jobs.is_empty() {
            let tried = panics::catch("the database", || commit(database, &mut jobs));
            match tried.unwrap_or_else(|panic| Tried::Failed(WriteError::Panicked(panic))) {
                Tried::Committed => jobs.drain(..).for_each(|job| job.answer(None)),
                Tried::JobTakenOut => {}
                Tried::Failed(error) => failure = Some(error),
            }
        }
        for job in jobs {
            job.answer(failure.clone());
        }
    }
}

/// How one transaction ended.
enum Tried {
    Committed,
    /// A job failed and was answered. The others have to run again.
    JobTakenOut,
    /// No further transaction is possible.
    Failed(WriteError),
}

impl From<redb::Error> for Tried {
    fn from(error: redb::Error) -> Self {
        Self::Failed(WriteError::Commit(Arc::new(error)))
    }
}

/// Runs all jobs in one transaction and commits it.
fn commit(database: &Database, jobs: &mut VecDeque<Box<dyn Job>>) -> Tried {
    // A transaction is durable when its commit returns, which is the default of the engine.
    let transaction = match database.begin_write() {
        Ok(transaction) => transaction,
        Err(error) => return redb::Error::from(error).into(),
    };
    for at in 0..jobs.len() {
        let ran = jobs.get_mut(at).map_or(Ok(()), |job| job.run(&transaction));
        let Err(error) = ran else { continue };
        if let Some(job) = jobs.remove(at) {
            job.answer(Some(error));
        }
        return match transaction.abort() {
            Ok(()) => Tried::JobTakenOut,
            Err(error) => redb::Error::from(error).into(),
        };
    }
    match transaction.commit() {
        Ok(()) => Tried::Committed,
        Err(error) => redb::Error::from(error).into(),
    }
}
