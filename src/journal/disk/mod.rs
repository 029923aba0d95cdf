//! A journal in files, one for each process.

mod rows;
mod tables;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redb::Database;

use super::error::JournalError;
use super::home::{Adopted, Changes, Done, Home};
use super::mark::{MarkAt, MarkDocuments};
use crate::durable::{
    DamagedFile, DatabaseDir, DatabaseFile, DirError, Format, OpenError, OpenSettings, Writer,
};
use crate::store::{KeyDigest, Secret};
use crate::support::panics;
use rows::Row;
use tables::Stored;

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
    /// Opens the directory, and returns the marks of its free files with the secret of its digests.
    pub(super) fn open(path: &Path) -> Result<(Self, Adopted, Secret), JournalError> {
        let dir = DatabaseDir::open(path, KIND, SETTINGS).map_err(|error| unopened(&error))?;
        let secret = dir.shared_bytes(SECRET, || {
            let mut bytes = vec![0; 32];
            getrandom::fill(&mut bytes).map_err(io::Error::other)?;
            Ok(bytes)
        });
        let secret = secret.map_err(|error| unopened(&error))?;
        if secret.len() != 32 {
            return Err(JournalError::damaged("its file `secret` is damaged"));
        }
        let taken = dir.take_free().map_err(|error| unopened(&error))?;
        let home = Self {
            dir,
            files: Mutex::default(),
            check: Mutex::default(),
        };
        let mut adopted = home.take(vec![taken.own])?;
        adopted.extend(home.take(taken.orphans)?);
        adopted.damage.extend(told(taken.damaged));
        Ok((home, adopted, Secret::of(&secret)))
    }

    /// Opens a home whose only file is this one.
    #[cfg(test)]
    fn over(dir: DatabaseDir, file: DatabaseFile) -> Result<(Self, Adopted), JournalError> {
        let home = Self {
            dir,
            files: Mutex::default(),
            check: Mutex::default(),
        };
        let adopted = home.take(vec![file])?;
        Ok((home, adopted))
    }

    /// Takes over files. Those without marks are removed, except the first one of this process.
    fn take(&self, taken: Vec<DatabaseFile>) -> Result<Adopted, JournalError> {
        let mut adopted = Adopted::default();
        for file in taken {
            let name = file.path.display().to_string();
            let read = panics::catch("the database", || tables::stored(&file.database));
            let stored = match read {
                Ok(Ok(stored)) => stored,
                Ok(Err(error)) => return Err(JournalError::damaged(error)),
                Err(panicked) => return Err(JournalError::damaged(panicked)),
            };
            let Stored {
                marks,
                damaged,
                last,
            } = stored;
            let mut files = self.files();
            if marks.is_empty() && damaged == 0 && !files.is_empty() {
                drop(files);
                self.dir.remove(file).map_err(|error| unopened(&error))?;
                continue;
            }
            if damaged > 0 {
                let parts = if damaged == 1 { "mark" } else { "marks" };
                adopted
                    .damage
                    .push(format!("{name}: {damaged} damaged {parts}"));
            }
            let index = u16::try_from(files.len()).map_err(JournalError::damaged)?;
            let database = Arc::new(file.database);
            let writer = Writer::start(database.clone()).map_err(JournalError::closed)?;
            let writer = Arc::new(writer);
            files.push(OpenFile { database, writer });
            drop(files);
            let at = |number| MarkAt {
                file: index,
                number,
            };
            let marks = marks.into_iter();
            adopted
                .marks
                .extend(marks.map(|(number, mark, size)| (at(number), mark, size)));
            adopted.last.push(at(last));
        }
        self.bind_new()?;
        Ok(adopted)
    }

    // No code panics while holding this lock, so a poisoned lock is safe to use.
    fn files(&self) -> MutexGuard<'_, Vec<OpenFile>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, file: u16) -> Result<OpenFile, JournalError> {
        let found = self.files().get(usize::from(file)).cloned();
        found.ok_or_else(|| JournalError::damaged("a mark is in no file of this process"))
    }

    /// Compares the check of each file with that of the client, if that is known.
    fn bind_new(&self) -> Result<(), JournalError> {
        let check = *self.check.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(check) = check else { return Ok(()) };
        let files = self.files().clone();
        for file in files {
            let bound = panics::catch("the database", || tables::bind(&file.database, check));
            let stored = match bound {
                Ok(bound) => bound.map_err(JournalError::closed)?,
                Err(panicked) => return Err(JournalError::closed(panicked)),
            };
            if stored != check {
                return Err(JournalError::OtherSecret);
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Home for DiskHome {
    fn write(&self, changes: Changes, done: Option<Done>) {
        let tell = |done: Option<Done>, result| {
            if let Some(done) = done {
                // The caller may have stopped waiting.
                let _ = done.send(result);
            }
        };
        let file = changes.new.as_ref().map(|(at, ..)| at.file);
        let file = file.or(changes.outdated.first().map(|at| at.file));
        let file = match file.map(|file| self.file(file)) {
            Some(Ok(file)) => file,
            Some(Err(error)) => return tell(done, Err(error)),
            None => return tell(done, Ok(())),
        };
        let outdated: Vec<u64> = changes.outdated.iter().map(|at| at.number).collect();
        let new = match &changes.new {
            None => None,
            Some((at, mark, documents)) => {
                let Some(row) = Row::of(at.number, mark, documents) else {
                    let error = JournalError::damaged("a document is larger than 1 GiB");
                    return tell(done, Err(error));
                };
                Some((at.number, row))
            }
        };
        file.writer.send_then(
            move |transaction| tables::write(transaction, new.as_ref(), &outdated),
            move |result| tell(done, result.map_err(JournalError::closed)),
        );
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
        *self.check.lock().unwrap_or_else(PoisonError::into_inner) = Some(check);
        self.bind_new()
    }

    async fn adopt(self: Arc<Self>) -> Result<Adopted, JournalError> {
        let adopt = move || {
            let (orphans, damaged) = self.dir.take_orphans().map_err(|error| unopened(&error))?;
            let mut adopted = self.take(orphans)?;
            adopted.damage.extend(told(damaged));
            Ok(adopted)
        };
        let adopted = tokio::task::spawn_blocking(adopt).await;
        adopted.unwrap_or_else(|error| Err(JournalError::closed(error)))
    }
}

/// Reads the documents of a mark on a thread for blocking work. `None` if they are missing or damaged.
async fn read(
    database: &Arc<Database>,
    number: u64,
) -> Result<Option<MarkDocuments>, JournalError> {
    let database = database.clone();
    let read = move || {
        let read = panics::catch("the database", || tables::documents(&database, number));
        match read {
            Ok(Ok(documents)) => Ok(documents),
            Ok(Err(error)) => Err(JournalError::damaged(error)),
            Err(panicked) => Err(JournalError::damaged(panicked)),
        }
    };
    let read = tokio::task::spawn_blocking(read).await;
    read.unwrap_or_else(|error| Err(JournalError::damaged(error)))
}

fn told(damaged: Vec<DamagedFile>) -> impl Iterator<Item = String> {
    damaged
        .into_iter()
        .map(|file| format!("{}: set aside, {}", file.path.display(), file.reason))
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
