//! Writes that are queued in the journal: how they are recorded, sent, shown and decided.

mod backoff;
mod chain;
mod coalesce;
mod conflicts;
pub(super) mod entries;
mod group;
mod listed;
mod local;
mod open_write;
pub(super) mod owner;
pub(super) mod pinned;
mod queued;
pub(super) mod record;
mod run;
pub(crate) mod schema;
pub(super) mod temporary;
pub(super) mod view;
pub(super) mod writer;

pub use conflicts::Conflicts;
pub(crate) use group::new_group;
pub use listed::{QueuedKind, QueuedWrite};
pub use local::Local;
pub(crate) use local::local;
pub use open_write::OpenWrite;
pub use queued::Queued;
pub(crate) use run::register;
pub use run::{Drained, Outbox, QueuedState, SendsQueued};
