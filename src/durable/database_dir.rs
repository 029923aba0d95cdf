//! The database files of one kind in a directory, one for each process.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use redb::Database;
use redb::backends::FileBackend;

use super::files;
use super::open::{OpenError, OpenSettings, open_backend};
use crate::support::ids;

/// A directory with the database files of one kind, named `<uuid>.<kind>`.
///
/// The directory has mode 0700 and its files have mode 0600. A file is open in at most one process at a time. A file
/// that can be opened was left by a process that has ended. The locks that this relies on need a local file system.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseDir {
    path: PathBuf,
    kind: &'static str,
    settings: OpenSettings,
}

/// An open database and its file.
#[derive(Debug)]
pub(crate) struct DatabaseFile {
    pub(crate) path: PathBuf,
    pub(crate) database: Database,
}

/// A damaged file, whose bytes are unchanged.
#[derive(Debug)]
pub(crate) struct DamagedFile {
    /// The new name of the file, `<uuid>.<kind>.damaged`.
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// The files that a process has opened.
#[derive(Debug)]
pub(crate) struct Taken {
    /// The database of this process, which may hold the data of an earlier one.
    pub(crate) own: DatabaseFile,
    pub(crate) orphans: Vec<DatabaseFile>,
    pub(crate) damaged: Vec<DamagedFile>,
}

/// The files of processes that have ended.
#[derive(Debug, Default)]
pub(crate) struct Orphans {
    pub(crate) opened: Vec<DatabaseFile>,
    pub(crate) damaged: Vec<DamagedFile>,
    /// The files that could not be opened.
    pub(crate) left: Vec<DirError>,
}

/// The reason why a directory, or a file in it, cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DirError {
    /// The path is a file or a symbolic link, or the directory cannot be created or read.
    #[error("the directory {path} cannot be used")]
    Directory { path: PathBuf, source: io::Error },
    /// The file is a symbolic link or not a regular file, or it cannot be created, renamed or removed.
    #[error("the file {path} cannot be used")]
    File { path: PathBuf, source: io::Error },
    /// The database in the file cannot be opened.
    #[error("the database {path} cannot be opened")]
    Database { path: PathBuf, source: OpenError },
}

/// What became of one file of the directory.
enum Tried {
    Opened(DatabaseFile),
    Damaged(String),
    /// Another process uses the file, or has removed it.
    Skipped,
}

/// The most bytes that are read of a file that all processes share.
const MAX_SHARED: u64 = 4096;
/// The ending of the names of damaged files.
const DAMAGED: &str = "damaged";

impl DatabaseDir {
    /// Opens the directory, or creates it.
    pub(crate) fn open(
        path: &Path,
        kind: &'static str,
        settings: OpenSettings,
    ) -> Result<Self, DirError> {
        let opened = files::private_dir(path);
        let path = opened.map_err(|source| DirError::Directory {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            path,
            kind,
            settings,
        })
    }

    /// Opens all files that no live process uses, and creates one if there is none.
    ///
    /// Damaged files are renamed. A file of an unknown format is an error, and it keeps its bytes.
    pub(crate) fn take_free(&self) -> Result<Taken, DirError> {
        let Orphans {
            opened: mut orphans,
            damaged,
            mut left,
        } = self.take_orphans()?;
        if let Some(error) = left.pop() {
            return Err(error);
        }
        let own = if orphans.is_empty() {
            self.create()?
        } else {
            orphans.remove(0)
        };
        Ok(Taken {
            own,
            orphans,
            damaged,
        })
    }

    /// Opens all files that no live process uses. The latest changed is first. A file that cannot be opened is left out,
    /// with its error.
    pub(crate) fn take_orphans(&self) -> Result<Orphans, DirError> {
        let mut taken = Orphans::default();
        for path in self.files()? {
            match self.try_open(&path) {
                Ok(Tried::Opened(file)) => taken.opened.push(file),
                Ok(Tried::Damaged(reason)) => taken.damaged.push(self.set_aside(&path, reason)?),
                Ok(Tried::Skipped) => {}
                Err(error) => taken.left.push(error),
            }
        }
        Ok(taken)
    }

    /// Opens the latest changed file that no live process uses, or creates one, for data that may be lost. Damaged
    /// files are removed, and other files that cannot be used are left.
    pub(crate) fn take_one(&self) -> Result<DatabaseFile, DirError> {
        for path in self.files()? {
            match self.try_open(&path) {
                Ok(Tried::Opened(file)) => return Ok(file),
                Ok(Tried::Damaged(_)) => in_file(&path, unless_gone(fs::remove_file(&path)))?,
                Ok(Tried::Skipped) | Err(_) => {}
            }
        }
        self.create()
    }

    /// Returns the bytes of a small file that all processes share. The first process makes them.
    pub(crate) fn shared_bytes(
        &self,
        name: &str,
        make: impl FnOnce() -> io::Result<Vec<u8>>,
    ) -> Result<Vec<u8>, DirError> {
        let path = self.path.join(name);
        let read = || {
            let mut bytes = Vec::new();
            files::open_regular(&path)?
                .take(MAX_SHARED)
                .read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(bytes)
        };
        match read() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return in_file(&path, found),
        }
        // The file appears as a whole, and only if no other process was faster.
        let new = self.path.join(format!("{}.new", ids::uuid()));
        let written = make().and_then(|bytes| {
            let mut file = files::create_private(&new)?;
            file.write_all(&bytes)?;
            file.sync_all()?;
            match fs::hard_link(&new, &path) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => Ok(()),
            }
        });
        let removed = unless_gone(fs::remove_file(&new));
        in_file(
            &path,
            written
                .and(removed)
                .and_then(|()| files::sync_dir(&self.path)),
        )?;
        in_file(&path, read())
    }

    /// Removes a file whose data is no longer needed.
    pub(crate) fn remove(&self, file: DatabaseFile) -> Result<(), DirError> {
        let DatabaseFile { path, database } = file;
        // While the database is open, no other process can take the file over.
        let removed = fs::remove_file(&path).and_then(|()| files::sync_dir(&self.path));
        let removed = unless_gone(removed);
        drop(database);
        removed.map_err(|source| DirError::File { path, source })
    }

    /// Creates a file.
    pub(crate) fn create(&self) -> Result<DatabaseFile, DirError> {
        loop {
            let path = self.path.join(format!("{}.{}", ids::uuid(), self.kind));
            let file = in_file(&path, files::create_private(&path))?;
            match self.open_database(&path, file) {
                Ok(Some(file)) => {
                    in_file(&path, files::sync_dir(&self.path))?;
                    return Ok(file);
                }
                // Another process has taken the new file over.
                Ok(None) | Err(OpenError::InUse) => {}
                Err(source) => return Err(DirError::Database { path, source }),
            }
        }
    }

    fn try_open(&self, path: &Path) -> Result<Tried, DirError> {
        let file = match files::open_regular(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Tried::Skipped),
            opened => in_file(path, opened)?,
        };
        match self.open_database(path, file) {
            Ok(Some(file)) => Ok(Tried::Opened(file)),
            Ok(None) | Err(OpenError::InUse) => Ok(Tried::Skipped),
            Err(OpenError::Damaged(_)) if in_file(path, is_unfinished(path))? => {
                in_file(path, unless_gone(fs::remove_file(path)))?;
                Ok(Tried::Skipped)
            }
            Err(OpenError::Damaged(reason)) => Ok(Tried::Damaged(reason)),
            Err(source) => {
                let path = path.to_owned();
                Err(DirError::Database { path, source })
            }
        }
    }

    /// Opens the database in a file, or returns `None` if the file was removed or renamed meanwhile.
    fn open_database(
        &self,
        path: &Path,
        file: fs::File,
    ) -> Result<Option<DatabaseFile>, OpenError> {
        let backend = FileBackend::new(file).map_err(redb::Error::from)?;
        let database = open_backend(backend, self.settings)?;
        // Names are not used twice, so a name that exists is the name of the open file. It stays, because only the
        // process that has the file open removes it.
        let path = path.to_owned();
        Ok(path.exists().then_some(DatabaseFile { path, database }))
    }

    fn set_aside(&self, path: &Path, reason: String) -> Result<DamagedFile, DirError> {
        let mut name = path.as_os_str().to_owned();
        name.push(".");
        name.push(DAMAGED);
        let new = PathBuf::from(name);
        in_file(path, unless_gone(fs::rename(path, &new)))?;
        in_file(path, files::sync_dir(&self.path))?;
        Ok(DamagedFile { path: new, reason })
    }

    /// Returns the paths of all files of the kind, the latest changed first.
    fn files(&self) -> Result<Vec<PathBuf>, DirError> {
        let listed = self.list().map_err(|source| DirError::Directory {
            path: self.path.clone(),
            source,
        });
        let mut files = listed?;
        files.sort_unstable_by(|one, other| other.cmp(one));
        Ok(files.into_iter().map(|(_, path)| path).collect())
    }

    fn list(&self) -> io::Result<Vec<(SystemTime, PathBuf)>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let path = entry?.path();
            if path.extension().is_some_and(|kind| kind == self.kind) {
                let changed = fs::symlink_metadata(&path).and_then(|found| found.modified());
                files.push((changed.unwrap_or(SystemTime::UNIX_EPOCH), path));
            }
        }
        Ok(files)
    }
}

/// Whether the creation of a database was interrupted, so that nothing was ever stored in it. The engine writes a
/// header into an empty file, and the first bytes of that header last.
fn is_unfinished(path: &Path) -> io::Result<bool> {
    const MAGIC: usize = 9;
    const HEADER: usize = 4096;
    const NEW_FILE: u64 = 128 * 1024;
    let mut bytes = Vec::new();
    let read = files::open_regular(path).and_then(|file| {
        let mut start = file.take(NEW_FILE + 1);
        start.read_to_end(&mut bytes)
    });
    match read {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    }
    let mut stored = bytes.iter().take(MAGIC).chain(bytes.iter().skip(HEADER));
    Ok(bytes.len() as u64 <= NEW_FILE && stored.all(|byte| *byte == 0))
}

fn unless_gone(changed: io::Result<()>) -> io::Result<()> {
    match changed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        changed => changed,
    }
}

fn in_file<T>(path: &Path, result: io::Result<T>) -> Result<T, DirError> {
    result.map_err(|source| DirError::File {
        path: path.to_owned(),
        source,
    })
}
