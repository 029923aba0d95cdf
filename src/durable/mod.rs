//! Database files that several processes keep in one directory, and the thread that writes to each.
//!
//! A process has a file of its own, so processes never wait for each other. The lock that the engine holds on an open
//! file tells a file in use from one whose process has ended.

mod database_dir;
#[cfg(test)]
pub(crate) mod faulty_disk;
mod files;
mod open;
#[cfg(test)]
mod tests;
mod trial;
mod writer;

pub(crate) use database_dir::{DamagedFile, DatabaseDir, DatabaseFile, DirError, Orphans};
pub(crate) use open::{Format, OpenError, OpenSettings};
#[cfg(test)]
pub(crate) use open::{open_backend, stored_format, write_format};
pub(crate) use writer::{WriteError, Writer};
