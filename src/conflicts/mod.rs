//! Conflicts that wait for a person: those of which the API tells, and the open writes of the journal.

mod decided;
mod notices;
mod open;
mod queued;
mod reported;
mod resolve;
mod service;

pub use notices::{ConflictNotice, ConflictNotices};
pub use open::WatchConflicts;
pub use reported::ReportedConflict;
pub use resolve::Resolved;
