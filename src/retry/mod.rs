//! When to try again: the schedule, its bounds, and what a struggling server is spared.
//!
//! A race that was lost is tried again at once, because a single other writer is long done; later
//! tries spread out over a window that fits the number of writers. Transient failures wait from the start
//! and are paid from a budget that all writes of a client share, so that a server in trouble is
//! not hammered by everybody's retries at once. A `Retry-After` holds back every request to that
//! server, not only the one that was told, and so does a quota that is used up (`RateLimit`). A server that refuses
//! most of what it is sent gets one request after another. A rate that the user sets is kept to before the server
//! has to ask.

mod blocked_by;
mod contention;
mod later;
mod limits;
mod overload;
mod policy;
mod rate;
mod server_state;

pub(crate) use blocked_by::BlockedBy;
pub(crate) use contention::{LostRace, count};
pub(crate) use later::later;
pub use limits::Limits;
pub(crate) use overload::RequestSample;
pub(crate) use policy::Delays;
pub use policy::RetryPolicy;
pub(crate) use rate::Rate;
pub(crate) use server_state::ServerState;
