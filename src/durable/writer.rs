//! The thread that writes to a database. It commits all jobs that wait in one durable transaction.
//!
//! A sync of the disk takes much longer than the writes before it, so jobs that wait at the same time share one.

use std::collections::VecDeque;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use redb::{Database, WriteTransaction};
use tokio::sync::oneshot;

use crate::support::panics::{self, Panicked};

/// The most jobs in one transaction, so that one transaction cannot grow without bound.
const MAX_JOBS: usize = 1_000;

/// The thread that writes to a database.
///
/// When the writer is dropped, the thread does the jobs that were sent before, and ends. It drops its reference to the
/// database last.
#[derive(Debug)]
pub(crate) struct Writer {
    jobs: Sender<Box<dyn Job>>,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
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

struct Waiting<F, T> {
    work: F,
    result: Option<T>,
    answer: oneshot::Sender<Result<T, WriteError>>,
}

impl Writer {
    /// Starts the thread.
    pub(crate) fn start(database: Arc<Database>) -> io::Result<Self> {
        let (jobs, waiting) = channel();
        let (end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("ifmatch-writer".to_owned())
            .spawn(move || {
                write_all(&database, &waiting);
                drop(database);
                // Nobody may be waiting for the end.
                let _ = end.send(());
            })?;
        let ended = Mutex::new(Some(ended));
        Ok(Self { jobs, ended })
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
        let result = None;
        let job = Waiting {
            work,
            result,
            answer,
        };
        // If the thread has ended, the job is dropped, and with it the sender of the answer.
        let _ = self.jobs.send(Box::new(job));
        async { answered.await.unwrap_or(Err(WriteError::Ended)) }
    }

    /// Ends the thread after the jobs that were sent before, and waits for it.
    pub(crate) async fn close(self) {
        let Self { jobs, ended } = self;
        drop(jobs);
        let ended = ended.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some(ended) = ended {
            let _ = ended.await;
        }
    }
}

impl<F, T> Job for Waiting<F, T>
where
    F: FnMut(&WriteTransaction) -> Result<T, redb::Error> + Send,
    T: Send,
{
    fn run(&mut self, transaction: &WriteTransaction) -> Result<(), WriteError> {
        self.result = None;
        let ran = panics::catch("a job of the writer", || (self.work)(transaction));
        let result = ran.map_err(WriteError::Panicked)?;
        self.result = Some(result.map_err(|error| WriteError::Job(Arc::new(error)))?);
        Ok(())
    }

    fn answer(self: Box<Self>, error: Option<WriteError>) {
        let answer = match (error, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => Ok(result),
            (None, None) => Err(WriteError::Ended),
        };
        // The caller may have stopped waiting.
        let _ = self.answer.send(answer);
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
