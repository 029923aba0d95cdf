//! Public results: values with their versions, reports, errors, and observer events.

mod error;
pub(crate) mod observer;
mod restore;
mod versioned;

pub use error::{Error, ErrorKind, ErrorReport, Sides};
pub(crate) use error::{is_own, unfaithful_at};
pub use observer::{AlteredSeen, ConflictSeen, Observer, WriteSeen};
pub use restore::{IntoDocument, IntoValidator};
pub use versioned::{Saved, Snapshot, Versioned, WriteReport};
