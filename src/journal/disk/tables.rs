//! The tables of a journal file.

use redb::{
    Database, ReadTransaction, ReadableDatabase, ReadableTable, ReadableTableMetadata,
    TableDefinition, TableError, WriteTransaction,
};

use super::rows::{self, Row, Slot};
use crate::journal::mark::{Mark, MarkDocuments};
use crate::store::KeyDigest;

/// The marks, by their numbers. They are read at the start.
const MARKS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("marks");
/// The documents of the marks. They are read when they are needed.
const DOCUMENTS: TableDefinition<'_, (u64, u8), &[u8]> = TableDefinition::new("documents");
/// Marks that were damaged.
const DAMAGED: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("damaged");
/// The check of the client's secret.
const CHECK: TableDefinition<'_, (), &KeyDigest> = TableDefinition::new("check");

/// What the marks of a file come to.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) whole: usize,
    /// The numbers of the damaged ones.
    pub(super) damaged: Vec<u64>,
    /// How many were found damaged before.
    pub(super) aside: u64,
    pub(super) last: u64,
}

/// Reads the marks of a file, in their order.
pub(super) fn read_marks(
    database: &Database,
    mut each: impl FnMut(u64, Mark, usize),
) -> Result<Stored, redb::Error> {
    let transaction = database.begin_read()?;
    let mut stored = Stored {
        aside: damaged_before(&transaction)?,
        ..Stored::default()
    };
    let table = match transaction.open_table(MARKS) {
        Ok(table) => table,
        Err(TableError::TableDoesNotExist(_)) => return Ok(stored),
        Err(error) => return Err(error.into()),
    };
    for row in table.iter()? {
        let (number, bytes) = row?;
        stored.last = number.value();
        match rows::mark(number.value(), bytes.value()) {
            Some((mark, size)) => {
                stored.whole += 1;
                each(number.value(), mark, size);
            }
            None => stored.damaged.push(number.value()),
        }
    }
    Ok(stored)
}

/// Moves damaged marks out of the way, with their bytes.
pub(super) fn set_aside(
    transaction: &WriteTransaction,
    numbers: &[u64],
) -> Result<(), redb::Error> {
    let mut marks = transaction.open_table(MARKS)?;
    let mut damaged = transaction.open_table(DAMAGED)?;
    for number in numbers {
        if let Some(mark) = marks.remove(number)? {
            damaged.insert(number, mark.value())?;
        }
    }
    Ok(())
}

/// Whether a file has no marks, damaged ones included.
pub(super) fn is_empty(database: &Database) -> Result<bool, redb::Error> {
    let transaction = database.begin_read()?;
    let marks = match transaction.open_table(MARKS) {
        Ok(table) => table.len()?,
        Err(TableError::TableDoesNotExist(_)) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(marks == 0 && damaged_before(&transaction)? == 0)
}

fn damaged_before(transaction: &ReadTransaction) -> Result<u64, redb::Error> {
    match transaction.open_table(DAMAGED) {
        Ok(table) => Ok(table.len()?),
        Err(TableError::TableDoesNotExist(_)) => Ok(0),
        Err(error) => Err(error.into()),
    }
}

/// Writes marks and removes others.
pub(super) fn write(
    transaction: &WriteTransaction,
    new: &[(u64, Row)],
    outdated: &[u64],
) -> Result<(), redb::Error> {
    let mut marks = transaction.open_table(MARKS)?;
    let mut documents = transaction.open_table(DOCUMENTS)?;
    for number in outdated {
        marks.remove(number)?;
        for slot in Slot::ALL {
            documents.remove((*number, slot as u8))?;
        }
    }
    for (number, row) in new {
        marks.insert(number, &*row.mark)?;
        for (slot, bytes) in &row.documents {
            documents.insert((*number, *slot as u8), &**bytes)?;
        }
    }
    Ok(())
}

/// Returns the documents of a mark, or `None` if one of them is damaged or missing.
pub(super) fn documents(
    database: &Database,
    number: u64,
) -> Result<Option<MarkDocuments>, redb::Error> {
    let transaction = database.begin_read()?;
    let marks = match transaction.open_table(MARKS) {
        Ok(marks) => marks,
        Err(TableError::TableDoesNotExist(_)) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mark = marks.get(number)?;
    let Some(slots) = mark.and_then(|mark| rows::slots(number, mark.value())) else {
        return Ok(None);
    };
    let table = transaction.open_table(DOCUMENTS)?;
    let mut documents = MarkDocuments::default();
    for slot in slots {
        let Some(bytes) = table.get((number, slot as u8))? else {
            return Ok(None);
        };
        let bytes = bytes.value();
        let is_whole = match slot {
            Slot::Base | Slot::Remote => {
                let snapshot = rows::snapshot(number, slot, bytes);
                let is_whole = snapshot.is_some();
                if slot == Slot::Base {
                    documents.base = snapshot;
                } else {
                    documents.remote = snapshot;
                }
                is_whole
            }
            Slot::Local | Slot::Unstamped => {
                let document = rows::document(number, slot, bytes);
                let is_whole = document.is_some();
                if slot == Slot::Local {
                    documents.local = document;
                } else {
                    documents.unstamped = document;
                }
                is_whole
            }
        };
        if !is_whole {
            return Ok(None);
        }
    }
    Ok(Some(documents))
}

/// Returns the check of the client's secret, after it was set if there was none.
pub(super) fn bind(database: &Database, check: KeyDigest) -> Result<KeyDigest, redb::Error> {
    let transaction = database.begin_write()?;
    let stored = {
        let mut table = transaction.open_table(CHECK)?;
        let stored = table.get(())?.map(|stored| *stored.value());
        if stored.is_none() {
            table.insert((), &check)?;
        }
        stored.unwrap_or(check)
    };
    transaction.commit()?;
    Ok(stored)
}
