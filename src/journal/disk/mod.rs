//! A journal in files, one for each process.

mod rows;
mod tables;
mod takeover;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redb::Database;

use super::error::JournalError;
use super::home::{Adopted, Changes, Done, Home, KeptMark, Suspect};
use super::mark::{MarkAt, MarkDocuments};
use crate::durable::{DatabaseDir, DirError, Format, OpenError, OpenSettings, Writer};
use crate::store::KeyDigest;
use crate::support::panics;
use rows::Row;

/// The ending of the names of the files.
const KIND: &str = "journal";
/// The name of the file with the secret of the digests, which all processes share.
const SECRET: &str = "secret";
const SETTINGS: OpenSettings = OpenSettings {
    format: Format(1),
    cache_bytes: 8 * 1024 * 1024,
    // Each value has a checksum of its own, so that the others stay readable.
    verify: false,
};

/// A home in a directory.
pub(super) struct DiskHome {
    dir: DatabaseDir,
    /// The files of this process. The first one takes new marks. The others were left by processes that have ended.
    files: Mutex<Vec<OpenFile>>,
    check: Mutex<Option<KeyDigest>>,
}

#[derive(Clone)]
struct OpenFile {
    database: Arc<Database>,
    writer: Arc<Writer>,
}

impl DiskHome {
    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn files(&self) -> MutexGuard<'_, Vec<OpenFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check(&self) -> Option<KeyDigest> {
        *self.check.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, file: u16) -> Result<OpenFile, JournalError> {
        let found = self.files().get(usize::from(file)).cloned();
        found.ok_or_else(|| JournalError::damaged("a mark is in no file of this process"))
    }
}

#[async_trait]
impl Home for DiskHome {
    fn write(&self, changes: Changes, done: Option<Done>) {
        let mut outdated: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        for at in &changes.outdated {
            outdated.entry(at.file).or_default().push(at.number);
        }
        let (mut new, mut into) = (Vec::with_capacity(changes.new.len()), None);
        for (at, mark, documents) in &changes.new {
            let Some(row) = Row::of(at.number, mark, documents) else {
                let error = JournalError::damaged("a document is larger than 1 GiB");
                return tell(done, Err(error));
            };
            outdated.entry(at.file).or_default();
            into = Some(at.file);
            new.push((at.number, row));
        }
        let Some(last) = outdated.keys().next_back().copied() else {
            return tell(done, Ok(()));
        };
        // What is recorded together is in one file, except requests of awaited calls that are forgotten together.
        let mut done = done;
        for (file, numbers) in outdated {
            let rows = match into {
                Some(of) if of == file => std::mem::take(&mut new),
                _ => Vec::new(),
            };
            let done = done.take_if(|_| file == last);
            match self.file(file) {
                Ok(file) => file.writer.send_then(
                    move |transaction| tables::write(transaction, &rows, &numbers),
                    move |result| tell(done, result.map_err(JournalError::closed)),
                ),
                Err(error) => tell(done, Err(error)),
            }
        }
    }

    async fn documents(&self, at: MarkAt) -> Result<MarkDocuments, JournalError> {
        let file = self.file(at.file)?;
        if let Some(documents) = read(&file.database, at.number).await? {
            return Ok(documents);
        }
        // A mark is known before it is on disk.
        file.writer
            .send(|_| Ok(()))
            .await
            .map_err(JournalError::closed)?;
        let documents = read(&file.database, at.number).await?;
        documents.ok_or_else(|| JournalError::damaged("the documents of a write are damaged"))
    }

    fn bind(&self, check: KeyDigest) -> Result<(), JournalError> {
        let files = self.files().clone();
        for file in files {
            takeover::bind(&file.database, check)?;
        }
        *self.check.lock().unwrap_or_else(PoisonError::into_inner) = Some(check);
        Ok(())
    }

    fn set_aside(&self, suspects: Vec<Suspect>) {
        for Suspect { file, damaged } in suspects {
            if let Ok(file) = self.file(file) {
                // If it fails, they are suspects again at the next start.
                file.writer.send_then(
                    move |transaction| tables::set_aside(transaction, &damaged),
                    |_| {},
                );
            }
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn adopt(&self) -> Result<(Adopted, Vec<KeptMark>), JournalError> {
        self.take_orphans()
    }
}

/// Reads the documents of a mark on a thread for blocking work. `None` if they are missing or damaged.
async fn read(
    database: &Arc<Database>,
    number: u64,
) -> Result<Option<MarkDocuments>, JournalError> {
    let database = database.clone();
    let read = move || of_engine(|| tables::documents(&database, number));
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(JournalError::damaged(error)))
}

/// Tells whether changes are durable. The caller may have stopped waiting.
fn tell(done: Option<Done>, result: Result<(), JournalError>) {
    if let Some(done) = done {
        let _ = done.send(result);
    }
}

/// Returns what the engine read. It may panic on a damaged page.
fn of_engine<T>(read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, JournalError> {
    match panics::catch("the database", read) {
        Ok(read) => read.map_err(JournalError::damaged),
        Err(panicked) => Err(JournalError::damaged(panicked)),
    }
}

/// Returns the error for a directory or a file that cannot be opened, with its reasons.
fn unopened(error: &DirError) -> JournalError {
    if let DirError::Database {
        path,
        source: OpenError::UnknownFormat(found),
    } = error
    {
        return JournalError::Newer {
            file: path.display().to_string(),
            found: found.clone(),
        };
    }
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text = format!("{text}: {error}");
        source = error.source();
    }
    JournalError::Open(text.into())
}
