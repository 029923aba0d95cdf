//! Public results: values with their versions, reports, errors, and observer events.

mod box_error;
mod error;
mod error_kind;
mod error_report;
#[cfg(feature = "metrics")]
pub(crate) mod metrics;
pub(crate) mod observer;
mod restore;
mod seen;
mod step_report;
mod versioned;

pub use box_error::{IntoBoxError, box_error};
pub use error::Error;
pub(crate) use error::{is_own, unfaithful_at};
#[cfg(test)]
pub(crate) use error_kind::ALL;
pub use error_kind::ErrorKind;
pub use error_report::{ErrorReport, Sides};
pub use observer::Observer;
pub use restore::{IntoDocument, IntoValidator};
pub use seen::{
    AlteredSeen, ConflictSeen, LeaseEvent, LeaseSeen, OpenSeen, TransactionSeen, WaitSeen,
    WatchEvent, WatchSeen, WriteSeen,
};
pub use step_report::{StepReport, StepState};
pub(crate) use versioned::SnapshotAddress;
pub use versioned::{Saved, Snapshot, Versioned, WriteReport};
