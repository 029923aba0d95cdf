//! Opens the files of a journal, those of processes that have ended included.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};

use redb::Database;

use super::{DiskHome, KIND, OpenFile, SECRET, SETTINGS, of_engine, tables, unopened};
use crate::durable::{DamagedFile, DatabaseDir, DatabaseFile, Orphans, Writer};
use crate::journal::error::JournalError;
use crate::journal::home::{Adopted, KeptMark, Suspect};
use crate::journal::mark::{Mark, MarkAt};
use crate::store::{KeyDigest, Secret};

impl DiskHome {
    /// Opens the directory, and returns the marks of its free files with the secret of its digests.
    pub(in crate::journal) fn open(
        path: &Path,
        mut each: impl FnMut(MarkAt, Mark, usize),
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
        let home = Self::in_dir(dir);
        let mut files = vec![taken.own];
        files.extend(taken.orphans);
        // New marks go to a file that has some already, so that no file stays empty.
        files.sort_by_key(|file| has_marks(file).unwrap_or(true));
        let mut adopted = Adopted::default();
        for file in files.into_iter().rev() {
            home.take(file, &mut adopted, &mut each)?;
        }
        adopted.damage.extend(told(taken.damaged));
        Ok((home, adopted, Secret::of(&secret)))
    }

    /// Opens a home whose only file is this one.
    #[cfg(test)]
    pub(super) fn over(
        dir: DatabaseDir,
        file: DatabaseFile,
        mut each: impl FnMut(MarkAt, Mark, usize),
    ) -> Result<(Self, Adopted), JournalError> {
        let home = Self::in_dir(dir);
        let mut adopted = Adopted::default();
        home.take(file, &mut adopted, &mut each)?;
        Ok((home, adopted))
    }

    fn in_dir(dir: DatabaseDir) -> Self {
        Self {
            dir,
            files: Mutex::default(),
            check: Mutex::default(),
        }
    }

    /// Takes over the files of processes that have ended. One that cannot be taken over is told, and left to others.
    pub(super) fn take_orphans(&self) -> Result<(Adopted, Vec<KeptMark>), JournalError> {
        let taken = self.dir.take_orphans();
        let Orphans {
            opened,
            damaged,
            left,
        } = taken.map_err(|error| unopened(&error))?;
        let (mut adopted, mut marks) = (Adopted::default(), Vec::new());
        for file in opened {
            let name = file.path.display().to_string();
            let before = marks.len();
            let taken = self.take(file, &mut adopted, &mut |at, mark, size| {
                marks.push((at, mark, size));
            });
            if let Err(error) = taken {
                marks.truncate(before);
                adopted.damage.push(format!("{name}: {error}"));
            }
        }
        adopted.damage.extend(told(damaged));
        let left = left.iter().map(|error| unopened(error).to_string());
        adopted.damage.extend(left);
        Ok((adopted, marks))
    }

    /// Takes over a file. If it has no marks, it is removed, unless it is the first one of this process.
    fn take(
        &self,
        file: DatabaseFile,
        adopted: &mut Adopted,
        each: &mut impl FnMut(MarkAt, Mark, usize),
    ) -> Result<(), JournalError> {
        let count = self.files().len();
        if count > 0 && !has_marks(&file)? {
            return self.dir.remove(file).map_err(|error| unopened(&error));
        }
        if let Some(check) = self.check() {
            bind(&file.database, check)?;
        }
        let index = u16::try_from(count).map_err(JournalError::damaged)?;
        let at = |number| MarkAt {
            file: index,
            number,
        };
        let name = file.path.display().to_string();
        let database = Arc::new(file.database);
        let writer = Writer::start(database.clone()).map_err(JournalError::closed)?;
        let stored = of_engine(|| {
            tables::read_marks(&database, |number, mark, size| {
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
        if damaged > 0 {
            adopted.suspects.push(Suspect {
                file: index,
                damaged: stored.damaged,
            });
        }
        let writer = Arc::new(writer);
        self.files().push(OpenFile { database, writer });
        Ok(())
    }
}

/// Compares the check of a file with this one. A file without one gets it.
pub(super) fn bind(database: &Database, check: KeyDigest) -> Result<(), JournalError> {
    let stored = of_engine(|| tables::bind(database, check))?;
    if stored == check {
        Ok(())
    } else {
        Err(JournalError::OtherSecret)
    }
}

fn has_marks(file: &DatabaseFile) -> Result<bool, JournalError> {
    of_engine(|| tables::is_empty(&file.database)).map(|is_empty| !is_empty)
}

fn told(damaged: Vec<DamagedFile>) -> impl Iterator<Item = String> {
    damaged
        .into_iter()
        .map(|file| format!("{}: set aside, {}", file.path.display(), file.reason))
}
