//! What became of a write: evidence in responses, lost responses, stamps, edits that can be repeated.

pub(crate) mod evidence;
pub(crate) mod lost_write;
pub(crate) mod measure;
pub(crate) mod monitor;
pub(crate) mod stamp;
pub(crate) mod unsettled;
