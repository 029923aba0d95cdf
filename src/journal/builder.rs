//! Opens a journal in a directory.

use std::path::PathBuf;
use std::sync::Arc;

use super::disk::DiskHome;
use super::{Journal, JournalError, QUOTA, State};

/// Opens a [`Journal`] in a directory, returned by [`Journal::open`]. Feature `durable`.
///
/// Each process that opens the directory uses a file of its own there, so processes never wait for each other. A
/// process that opens the journal takes over the files of processes that have ended, and so do
/// [`Outbox::drain`](crate::Outbox::drain), and [`Outbox::run`](crate::Outbox::run) every 30 seconds. The writes in a file
/// belong to one process at a time.
///
/// # What is on disk
///
/// Documents, addresses with their queries, refusals, and the headers of the responses that were read are on disk in clear.
/// The headers of requests are not, and users are there only as digests. On Unix, the directory is created with mode
/// 0700 and its files with mode 0600. A directory that is a symbolic link is refused, and no link in it is followed. Use
/// a local file system: the locks that distinguish a file in use from one that was left behind may not work on a network
/// file system.
///
/// A file that is damaged as a whole is renamed to `….damaged`, and [`damage`](Journal::damage) names it. If a document is
/// damaged, its write is open. If a mark is damaged, all queued writes of its file are open, because the mark may have said
/// that one of them was sent.
///
/// # Default
///
/// At most 64 MiB of unfinished writes. The engine caches up to 8 MiB for each file.
///
/// # Example
///
/// ```
/// use ifmatch::{Client, FileStore, Journal};
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// # let folder = std::env::temp_dir().join(format!("ifmatch-journal-{}", std::process::id()));
/// let client = Client::builder("https://api.example.com/v1")
///     .journal(Journal::open(folder.join("journal")).build()?)
///     .store(FileStore::open(folder.join("cache"))?)
///     .build()?;
/// # drop(client);
/// # let _ = std::fs::remove_dir_all(folder);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until `build`"]
pub struct JournalBuilder {
    path: PathBuf,
    quota: usize,
}

impl JournalBuilder {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, quota: QUOTA }
    }

    /// Sets how many bytes the unfinished writes may take (default 64 MiB).
    ///
    /// What is recorded later of a write that is already queued is kept beyond the quota. The files may take several times
    /// as much, because the engine never overwrites a page that is in use.
    pub fn quota(self, bytes: usize) -> Self {
        Self {
            quota: bytes,
            ..self
        }
    }

    /// Opens the journal, or creates it.
    ///
    /// The call blocks the thread until the files are open and their marks are read.
    ///
    /// # Errors
    ///
    /// Returns [`Newer`](JournalError::Newer) if a newer version wrote a file, which is then unchanged,
    /// [`Open`](JournalError::Open) if the directory or a file in it cannot be used, [`Damaged`](JournalError::Damaged) if
    /// the file with its secret or the engine's part of a file is damaged, and [`Closed`](JournalError::Closed) if no thread
    /// can be started.
    pub fn build(self) -> Result<Journal, JournalError> {
        let mut state = State::default();
        let opened = DiskHome::open(&self.path, |at, mark, size| state.take(at, mark, size));
        let (home, adopted, secret) = opened?;
        let suspects = state.take_over(adopted);
        Ok(Journal::new(Arc::new(home), state, suspects, secret).quota(self.quota))
    }
}
