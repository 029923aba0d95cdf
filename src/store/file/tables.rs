//! The tables of a file: the values, and beside them the data that the index needs at the start.

use redb::{
    Database, ReadableDatabase, ReadableTable, TableDefinition, TableError, WriteTransaction,
};

use super::super::snapshot_key::{KeyDigests, SnapshotKey};
use super::super::{StoredSnapshot, encoded};
use super::index::{Change, StoredEntry};

const VALUES: TableDefinition<'_, &KeyDigests, &[u8]> = TableDefinition::new("values");
/// The sequence number of the last change, and the length of the value.
const ENTRIES: TableDefinition<'_, &KeyDigests, (u64, u32)> = TableDefinition::new("entries");

/// Returns the entries of the file.
pub(super) fn stored(database: &Database) -> Result<Vec<StoredEntry>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(ENTRIES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        Err(error) => return Err(error.into()),
    };
    let mut stored = Vec::new();
    for entry in table.iter()? {
        let (key, entry) = entry?;
        let (sequence, bytes) = entry.value();
        stored.push(StoredEntry {
            key: *key.value(),
            sequence,
            // A wrong length only disturbs the bounds until the value is replaced.
            bytes: bytes as usize,
        });
    }
    Ok(stored)
}

/// Makes the changes in a transaction.
pub(super) fn write(transaction: &WriteTransaction, changes: &[Change]) -> Result<(), redb::Error> {
    let mut values = transaction.open_table(VALUES)?;
    let mut entries = transaction.open_table(ENTRIES)?;
    for change in changes {
        if let Some(value) = &change.value {
            let bytes = u32::try_from(value.len()).unwrap_or(u32::MAX);
            values.insert(&change.key, &**value)?;
            entries.insert(&change.key, (change.sequence, bytes))?;
        } else {
            values.remove(&change.key)?;
            entries.remove(&change.key)?;
        }
    }
    Ok(())
}

/// Reads a value. A value that is missing or damaged is `None`.
pub(super) fn read(
    database: &Database,
    key: &SnapshotKey,
) -> Result<Option<StoredSnapshot>, redb::Error> {
    let transaction = database.begin_read()?;
    let table = match transaction.open_table(VALUES) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let value = table.get(&key.digests())?;
    Ok(value.and_then(|value| encoded::decode(key, value.value())))
}
