//! Directories, databases and writers, with real files and on a faulty disk.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a failed test may panic")]

mod dirs;
mod faults;
mod writers;

use std::path::{Path, PathBuf};

use redb::{Database, ReadableDatabase, TableDefinition, WriteTransaction};

use super::*;

const KIND: &str = "things";
const TABLE: TableDefinition<'_, &str, u64> = TableDefinition::new("things");

fn settings() -> OpenSettings {
    OpenSettings {
        format: Format(1),
        cache_bytes: 1 << 20,
        verify: true,
    }
}

/// A directory that is removed at the end of the test.
struct TempDir(PathBuf);

impl TempDir {
    fn new() -> Self {
        let name = format!("ifmatch-{}", crate::support::ids::uuid());
        Self(std::env::temp_dir().join(name))
    }

    fn open(&self) -> DatabaseDir {
        DatabaseDir::open(&self.0, KIND, settings()).unwrap()
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn insert(transaction: &WriteTransaction, name: &str, value: u64) -> Result<(), redb::Error> {
    transaction.open_table(TABLE)?.insert(name, value)?;
    Ok(())
}

fn write(database: &Database, name: &str, value: u64) -> Result<(), redb::Error> {
    let transaction = database.begin_write()?;
    insert(&transaction, name, value)?;
    Ok(transaction.commit()?)
}

fn read(database: &Database, name: &str) -> Option<u64> {
    let transaction = database.begin_read().unwrap();
    let table = transaction.open_table(TABLE).ok()?;
    let value = table.get(name).unwrap();
    value.map(|value| value.value())
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap()
}
