//! The commands, one in each file.

pub(crate) mod conflicts;
pub(crate) mod decide;
pub(crate) mod edit;
pub(crate) mod edited;
pub(crate) mod generate;
pub(crate) mod get;
pub(crate) mod merge;
pub(crate) mod probe;
pub(crate) mod queue;
pub(crate) mod send;
pub(crate) mod watch;
