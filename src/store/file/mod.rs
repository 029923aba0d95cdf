//! A bounded store in files.

mod index;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use redb::Database;
use tokio::runtime::Handle;

use super::memory::{BYTES, ENTRIES};
use super::{SnapshotKey, SnapshotStore, StoredSnapshot, encoded};
use crate::BoxError;
use crate::durable::{DatabaseDir, Format, OpenSettings, Writer};
use crate::support::panics;
use index::{Change, Found, Index};

/// The ending of the names of the files.
const KIND: &str = "snapshots";
const SETTINGS: OpenSettings = OpenSettings {
    format: Format(1),
    cache_bytes: 16 * 1024 * 1024,
    // Each value has a checksum of its own.
    verify: false,
};
/// Values up to this size are read on the runtime's thread, larger ones on a thread for blocking work.
const READ_AT_ONCE: usize = 64 * 1024;

/// A store in a directory, whose snapshots survive the process. Feature `durable`.
///
/// Each process that opens the directory uses a file of its own there, with the ending `.snapshots`. A process that
/// starts takes over the latest file of an ended process. Processes that run at the same time share nothing. The
/// documents stay on disk. Only the digests of their keys are in memory.
///
/// A `put` does not wait for the disk. Clones are the same store, and when the last one is dropped, it waits until all
/// snapshots are on disk. If the process is killed, the last ones may be missing, which costs a read each. A value that
/// was damaged on disk is not returned. The directory may be deleted at any time. If a write fails, for example because
/// the disk is full, the store is empty from then on, until it is opened again. The directory has to be on a local file
/// system, because others may not keep the locks that show which process owns a file.
///
/// # What is on disk
///
/// The documents are on disk in clear, and so are the headers of the responses, which may contain addresses.
/// `Set-Cookie` is left out. The addresses in keys and the users are there only as digests. On Unix, the directory
/// is created with mode 0700 and its files with mode 0600. The store refuses a directory that is a symbolic link, and follows no
/// link in it.
///
/// # How snapshots are found again
///
/// The digests in keys depend on the secret of the client and on the user. So a snapshot is found again only by a
/// client with the same [`store_secret`](crate::ClientBuilder::store_secret) or the same
/// [journal](crate::ClientBuilder::journal) in files, and, if the client has an authenticator, only if [`Authenticator::identity`](crate::Authenticator::identity) names the user or the
/// credentials are still the same.
///
/// # Default
///
/// At most 10 000 snapshots and 64 MiB ([`bounded`](Self::bounded) sets other limits). The least recently used
/// snapshots go first. After a restart, those that were written first go first. The file may be several times larger
/// than the snapshots in it, because the engine never overwrites a page that is in use.
///
/// # Example
///
/// ```
/// use ifmatch::{Client, FileStore};
///
/// # fn secret() -> Vec<u8> { vec![7; 32] }
/// # fn main() -> Result<(), ifmatch::Error> {
/// # let cache = std::env::temp_dir().join(format!("ifmatch-example-{}", std::process::id()));
/// let client = Client::builder("https://api.example.com/v1")
///     .store(FileStore::open(&cache)?)
///     .store_secret(secret())
///     .build()?;
/// # drop(client);
/// # let _ = std::fs::remove_dir_all(cache);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FileStore(Arc<Inner>);

struct Inner {
    index: Arc<Index>,
    // The writer is dropped last, so that the database is closed on its thread.
    database: Arc<Database>,
    writer: Writer,
}

/// The error for a [`FileStore`] that cannot be opened: the directory cannot be used, or no file can be created in it.
#[derive(Debug, thiserror::Error)]
#[error("the snapshot store in {path} cannot be opened", path = .path.display())]
pub struct FileStoreError {
    path: PathBuf,
    source: BoxError,
}

impl FileStore {
    /// Opens the store in a directory, or creates it, with the default limits.
    ///
    /// This blocks the thread until the file is open. If the process before was killed, the engine checks the whole
    /// file first.
    ///
    /// # Errors
    ///
    /// Returns a [`FileStoreError`] if the path is a file or a symbolic link, or if the directory or a file in it
    /// cannot be created. It converts to an [`Error`](crate::Error) of the kind `Config`.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, FileStoreError> {
        Self::bounded(path, ENTRIES, BYTES)
    }

    /// Opens the store like [`open`](Self::open), for at most `entries` snapshots and `bytes` bytes.
    ///
    /// # Errors
    ///
    /// The same as for [`open`](Self::open).
    ///
    /// # Example
    ///
    /// ```
    /// # fn main() -> Result<(), ifmatch::Error> {
    /// # let cache = std::env::temp_dir().join(format!("ifmatch-bounded-{}", std::process::id()));
    /// let store = ifmatch::FileStore::bounded(&cache, 1_000, 8 << 20)?;
    /// assert!(store.is_empty());
    /// # drop(store);
    /// # let _ = std::fs::remove_dir_all(cache);
    /// # Ok(())
    /// # }
    /// ```
    pub fn bounded(
        path: impl AsRef<Path>,
        entries: usize,
        bytes: usize,
    ) -> Result<Self, FileStoreError> {
        let path = path.as_ref();
        Self::open_in(path, entries, bytes).map_err(|source| FileStoreError {
            path: path.to_owned(),
            source,
        })
    }

    fn open_in(path: &Path, entries: usize, bytes: usize) -> Result<Self, BoxError> {
        let dir = DatabaseDir::open(path, KIND, SETTINGS)?;
        let mut file = dir.take_one()?;
        // The tables may be damaged, although the engine could open the file.
        let stored = panics::catch("the database", || tables::stored(&file.database));
        let stored = if let Ok(Ok(stored)) = stored {
            stored
        } else {
            dir.remove(file)?;
            file = dir.create()?;
            Vec::new()
        };
        Self::over(file.database, Index::new(stored, entries, bytes))
    }

    fn over(database: Database, index: Index) -> Result<Self, BoxError> {
        let database = Arc::new(database);
        let writer = Writer::start(Arc::clone(&database))?;
        let store = Self(Arc::new(Inner {
            index: Arc::new(index),
            database,
            writer,
        }));
        // With lower limits than before, some snapshots have to go.
        store.write_later();
        Ok(store)
    }

    /// Returns the number of snapshots.
    pub fn len(&self) -> usize {
        self.0.index.len()
    }

    /// Whether the store is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until all snapshots that were put before are on disk, so that they survive even if the process is killed.
    ///
    /// # Errors
    ///
    /// Returns an error if they could not be written.
    ///
    /// # Example
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::BoxError> {
    /// # let cache = std::env::temp_dir().join(format!("ifmatch-flush-{}", std::process::id()));
    /// let store = ifmatch::FileStore::open(&cache)?;
    /// let client = ifmatch::Client::builder("https://api.example.com/v1")
    ///     .store(store.clone())
    ///     .store_secret([7; 32])
    ///     .build()?;
    /// // Calls of the client.
    /// store.flush().await?;
    /// # drop((client, store));
    /// # let _ = std::fs::remove_dir_all(cache);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn flush(&self) -> Result<(), BoxError> {
        self.0.writer.send(|_| Ok(())).await?;
        Ok(())
    }

    /// Has the changes of the index written, unless that is under way already.
    fn write_later(&self) {
        if !self.0.index.begin_write() {
            return;
        }
        let (taking, written) = (Arc::clone(&self.0.index), Arc::clone(&self.0.index));
        let mut changes = None;
        self.0.writer.send_then(
            move |transaction| {
                // The job runs again if another one in its transaction fails.
                let changes = changes.get_or_insert_with(|| taking.take_changes());
                tables::write(transaction, changes)?;
                Ok(changes.iter().map(Change::id).collect::<Vec<_>>())
            },
            move |result| match result {
                Ok(changes) => written.confirm(&changes),
                Err(error) => written.fail(error),
            },
        );
    }

    /// Reads a value from the database. A value that is missing or damaged is `None`.
    async fn read(
        &self,
        key: &SnapshotKey,
        bytes: usize,
    ) -> Result<Option<StoredSnapshot>, BoxError> {
        let (database, key) = (Arc::clone(&self.0.database), key.clone());
        let read = move || -> Result<Option<StoredSnapshot>, BoxError> {
            // The engine may panic on a damaged page.
            Ok(panics::catch("the database", || {
                tables::read(&database, &key)
            })??)
        };
        match Handle::try_current() {
            Ok(runtime) if bytes > READ_AT_ONCE => runtime.spawn_blocking(read).await?,
            _ => read(),
        }
    }
}

#[async_trait]
impl SnapshotStore for FileStore {
    async fn get(&self, key: &SnapshotKey) -> Result<Option<StoredSnapshot>, BoxError> {
        let digests = key.digests();
        let (sequence, bytes) = match self.0.index.find(&digests) {
            None => return Ok(None),
            Some(Found::InMemory(bytes)) => return Ok(encoded::decode(key, &bytes)),
            Some(Found::OnDisk { sequence, bytes }) => (sequence, bytes),
        };
        let found = self.read(key, bytes).await;
        if !matches!(found, Ok(Some(_))) && self.0.index.remove_unchanged(&digests, sequence) {
            self.write_later();
        }
        found
    }

    async fn put(&self, key: &SnapshotKey, snapshot: StoredSnapshot) -> Result<(), BoxError> {
        let digests = key.digests();
        match encoded::encode(key, &snapshot) {
            Some(bytes) => self.0.index.put(digests, bytes)?,
            None => self.0.index.remove(&digests)?,
        }
        self.write_later();
        Ok(())
    }

    async fn remove(&self, key: &SnapshotKey) -> Result<(), BoxError> {
        self.0.index.remove(&key.digests())?;
        self.write_later();
        Ok(())
    }
}

impl fmt::Debug for FileStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileStore")
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}
