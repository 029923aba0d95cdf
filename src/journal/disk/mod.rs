//! A journal in files, one for each process.

mod rows;
mod tables;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use redb::Database;

use super::error::JournalError;
use super::home::{Adopted, Changes, Done, Home, KeptMark, Suspect};
use super::mark::{Mark, MarkAt, MarkDocuments};
use crate::durable::{
    DamagedFile, DatabaseDir, DatabaseFile, DirError, Format, OpenError, OpenSettings, Orphans,
    Writer,
};
use crate::store::{KeyDigest, Secret};
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
    /// Opens the directory, and returns the marks of its free files with the secret of its digests.
    pub(super) fn open(
        path: &Path,
        each: impl FnMut(MarkAt, Mark, usize),
    ) -> Result<(Self, Adopted, Secret), JournalError> {
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
        let mut files = vec![taken.own];
        files.extend(taken.orphans);
        // New marks go to a file that has some already, so that no file stays empty.
        files.sort_by_key(|file| has_marks(file).unwrap_or(true));
        files.reverse();
        let mut adopted = home.take(files, each)?;
        adopted.damage.extend(told(taken.damaged));
        Ok((home, adopted, Secret::of(&secret)))
    }

    /// Opens a home whose only file is this one.
    #[cfg(test)]
    fn over(
        dir: DatabaseDir,
        file: DatabaseFile,
        each: impl FnMut(MarkAt, Mark, usize),
    ) -> Result<(Self, Adopted), JournalError> {
        let home = Self {
            dir,
            files: Mutex::default(),
            check: Mutex::default(),
        };
        let adopted = home.take(vec![file], each)?;
        Ok((home, adopted))
    }

    /// Takes over files. Those without marks are removed, except the first one of this process.
    fn take(
        &self,
        taken: Vec<DatabaseFile>,
        mut each: impl FnMut(MarkAt, Mark, usize),
    ) -> Result<Adopted, JournalError> {
        let mut adopted = Adopted::default();
        for file in taken {
            let is_first = self.files().is_empty();
            if !is_first && !has_marks(&file)? {
                self.dir.remove(file).map_err(|error| unopened(&error))?;
                continue;
            }
            let name = file.path.display().to_string();
            let index = u16::try_from(self.files().len()).map_err(JournalError::damaged)?;
            let at = |number| MarkAt {
                file: index,
                number,
            };
            let stored = of_engine(|| {
                tables::read_marks(&file.database, |number, mark, size| {
                    each(at(number), mark, size);
                })
            })?;
            let damaged = stored.damaged.len();
            let told = u64::try_from(damaged).unwrap_or(u64::MAX);
            let told = stored.aside.saturating_add(told);
            if told > 0 {
                let whole = stored.whole;
                let damage = format!("{name}: {told} damaged and {whole} intact marks");
                adopted.damage.push(damage);
            }
            adopted.last.push(at(stored.last));
            let database = Arc::new(file.database);
            let writer = Writer::start(database.clone()).map_err(JournalError::closed)?;
            let writer = Arc::new(writer);
            if damaged > 0 {
                adopted.suspects.push(Suspect {
                    file: index,
                    damaged: stored.damaged,
                });
            }
            self.files().push(OpenFile { database, writer });
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
        self.compare(check)
    }

    /// Compares the check of each file with this one. A file without one gets it.
    fn compare(&self, check: KeyDigest) -> Result<(), JournalError> {
        let files = self.files().clone();
        for file in files {
            let stored = of_engine(|| tables::bind(&file.database, check))?;
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
        let mut outdated: BTreeMap<u16, Vec<u64>> = BTreeMap::new();
        for at in &changes.outdated {
            outdated.entry(at.file).or_default().push(at.number);
        }
        let new = match &changes.new {
            None => None,
            Some((at, mark, documents)) => {
                let Some(row) = Row::of(at.number, mark, documents) else {
                    let error = JournalError::damaged("a document is larger than 1 GiB");
                    return tell(done, Err(error));
                };
                outdated.entry(at.file).or_default();
                Some((at.file, at.number, row))
            }
        };
        let Some(last) = outdated.keys().next_back().copied() else {
            return tell(done, Ok(()));
        };
        // What is recorded together is in one file, except requests of awaited calls that are forgotten together.
        let (mut new, mut done) = (new, done);
        for (file, numbers) in outdated {
            let row = new.take_if(|(of, ..)| *of == file);
            let row = row.map(|(_, number, row)| (number, row));
            let done = done.take_if(|_| file == last);
            match self.file(file) {
                Ok(file) => file.writer.send_then(
                    move |transaction| tables::write(transaction, row.as_ref(), &numbers),
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
        self.compare(check)?;
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

    async fn adopt(self: Arc<Self>) -> Result<(Adopted, Vec<KeptMark>), JournalError> {
        let adopt = move || {
            let taken = self.dir.take_orphans();
            let Orphans {
                opened,
                damaged,
                left,
            } = taken.map_err(|error| unopened(&error))?;
            let mut marks = Vec::new();
            let mut adopted = self.take(opened, |at, mark, size| marks.push((at, mark, size)))?;
            adopted.damage.extend(told(damaged));
            let left = left.iter().map(|error| unopened(error).to_string());
            adopted.damage.extend(left);
            Ok((adopted, marks))
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

fn has_marks(file: &DatabaseFile) -> Result<bool, JournalError> {
    of_engine(|| tables::is_empty(&file.database)).map(|is_empty| !is_empty)
}

/// Returns what the engine read. It may panic on a damaged page.
fn of_engine<T>(read: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, JournalError> {
    match panics::catch("the database", read) {
        Ok(read) => read.map_err(JournalError::damaged),
        Err(panicked) => Err(JournalError::damaged(panicked)),
    }
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
