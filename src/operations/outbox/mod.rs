//! Writes that are queued in the journal: how they are recorded, sent, shown and decided.

mod backoff;
mod chain;
mod coalesce;
mod conflicts;
pub(super) mod entries;
mod listed;
mod local;
mod open_write;
mod owner;
mod pinned;
mod queued;
mod record;
mod run;
pub(crate) mod schema;
mod view;
mod writer;

pub use conflicts::Conflicts;
pub use listed::{QueuedKind, QueuedWrite};
pub use local::Local;
pub(crate) use local::local;
pub use open_write::OpenWrite;
pub use queued::Queued;
pub(crate) use run::register;
pub use run::{Drained, Outbox, QueuedState, SendsQueued};
