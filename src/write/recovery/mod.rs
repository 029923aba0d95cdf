//! How the outcome of a write is determined: evidence in responses, lost responses, stamps, repeatable edits.

pub(crate) mod evidence;
pub(crate) mod in_flight_guard;
pub(crate) mod lost_write;
pub(crate) mod measure;
pub(crate) mod monitor;
pub(crate) mod recorder;
pub(crate) mod stamp;
pub(crate) mod unsettled;
