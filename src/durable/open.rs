//! Opening one database, on a file or on any other backend.

use std::io;

use redb::{
    Database, DatabaseError, ReadableDatabase, StorageBackend, StorageError, TableDefinition,
    TableError,
};

use super::trial::Trial;
use crate::support::panics;

/// The number of the format of the tables, under the name `format`.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");
const FORMAT: &str = "format";

/// The format of the tables of a database. A program does not open a database of a higher number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format(pub(crate) u64);

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpenSettings {
    /// The format that the program writes.
    pub(crate) format: Format,
    /// The most memory that the engine uses for pages.
    pub(crate) cache_bytes: usize,
    /// Whether the checksum of every page is verified first, which reads the whole file. Without it, a page that was
    /// damaged after it was written is not noticed.
    pub(crate) verify: bool,
}

/// The reason why a database could not be opened.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OpenError {
    /// Another process has the file open.
    #[error("another process has it open")]
    InUse,
    /// The content is damaged, or it is no database.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// A newer version of the program or of the engine has written the database.
    #[error("its format is unknown to this version: {0}")]
    UnknownFormat(String),
    /// The engine or the system reported another error.
    #[error(transparent)]
    Engine(redb::Error),
}

impl From<redb::Error> for OpenError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Corrupted(reason) => Self::Damaged(reason),
            // The table of formats is not what this crate writes.
            redb::Error::TableTypeMismatch { .. } | redb::Error::TableIsMultimap(_) => {
                Self::Damaged(error.to_string())
            }
            other => Self::Engine(other),
        }
    }
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::Engine(StorageError::Io(error).into())
    }
}

/// Opens the database on a backend, or creates one if the backend is empty.
///
/// The backend is changed only if this succeeds.
pub(crate) fn open_backend(
    backend: impl StorageBackend,
    settings: OpenSettings,
) -> Result<Database, OpenError> {
    let trial = Trial::new(backend)?;
    let opening = || -> Result<Database, OpenError> {
        let database = redb::Builder::new()
            .set_cache_size(settings.cache_bytes)
            .set_check_integrity_on_open(settings.verify)
            .create_with_backend(trial.clone())
            .map_err(|error| classified(error, trial.backend()))?;
        check_format(&database, settings.format)?;
        Ok(database)
    };
    // The engine may panic on a damaged file.
    let opened = panics::catch("the database", opening);
    let database = opened.unwrap_or_else(|panic| Err(OpenError::Damaged(panic.to_string())))?;
    trial.accept()?;
    Ok(database)
}

fn classified(error: DatabaseError, backend: &impl StorageBackend) -> OpenError {
    match error {
        // Another generation of the engine's locks belongs to another version of the engine, which has the file open.
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            OpenError::InUse
        }
        DatabaseError::UpgradeRequired(version) => {
            OpenError::UnknownFormat(format!("version {version} of the engine's format"))
        }
        DatabaseError::Storage(StorageError::Corrupted(reason)) => match newer_version(backend) {
            Some(version) => {
                OpenError::UnknownFormat(format!("version {version} of the engine's format"))
            }
            None => OpenError::Damaged(reason),
        },
        DatabaseError::Storage(StorageError::Io(error))
            if matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::UnexpectedEof
            ) =>
        {
            OpenError::Damaged(error.to_string())
        }
        other => OpenError::Engine(other.into()),
    }
}

/// The places of the version in the two commit slots of a file, and the version that the engine writes
/// (`docs/design.md` of redb).
const VERSION_OFFSETS: [u64; 2] = [64, 192];
const ENGINE_VERSION: u8 = 3;

/// Returns the version of the engine's format if both slots name the same one, and it is newer. The engine calls such
/// a file corrupted.
fn newer_version(backend: &impl StorageBackend) -> Option<u8> {
    let mut versions = [0; 2];
    for (version, offset) in versions.iter_mut().zip(VERSION_OFFSETS) {
        let mut byte = [0];
        backend.read(offset, &mut byte).ok()?;
        [*version] = byte;
    }
    let [first, second] = versions;
    (first == second && first > ENGINE_VERSION).then_some(first)
}

/// Compares the format of the tables, and records it in a new database.
fn check_format(database: &Database, wanted: Format) -> Result<(), OpenError> {
    match stored_format(database)? {
        Some(Format(number)) if number > wanted.0 => Err(OpenError::UnknownFormat(format!(
            "format {number} of the tables, and this version reads up to {}",
            wanted.0
        ))),
        Some(_) => Ok(()),
        None => write_format(database, wanted),
    }
}

/// Returns the format of the tables, or `None` in a new database.
pub(crate) fn stored_format(database: &Database) -> Result<Option<Format>, OpenError> {
    let transaction = database.begin_read().map_err(redb::Error::from)?;
    let table = match transaction.open_table(META) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(redb::Error::from(error).into()),
    };
    let stored = table.get(FORMAT).map_err(redb::Error::from)?;
    Ok(stored.map(|number| Format(number.value())))
}

/// Records the format of the tables, for a new database and after the tables were converted.
pub(crate) fn write_format(database: &Database, format: Format) -> Result<(), OpenError> {
    let write = || -> Result<(), redb::Error> {
        let transaction = database.begin_write()?;
        transaction.open_table(META)?.insert(FORMAT, format.0)?;
        transaction.commit()?;
        Ok(())
    };
    Ok(write()?)
}
