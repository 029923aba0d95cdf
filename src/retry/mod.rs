//! When to try again: the schedule, its limits, and relief for an overloaded server.
//!
//! The first retry after a lost race is immediate, because a single other writer has long finished. Later tries
//! spread over a window that fits the number of writers. Transient failures wait from the start. Their retries come
//! from a budget that all writes of a client share, so that they do not hammer a server in trouble all at once. A
//! `Retry-After` holds back every request to that server, not only the one that received it, and so does a used-up
//! quota (`RateLimit`). A server that refuses most requests gets them one after another. A rate limit that the user
//! sets applies before the server has to ask.

mod blocked_by;
mod contention;
mod later;
mod limits;
mod overload;
mod policy;
mod rate;
mod server_state;
mod wait_reason;
mod waits;

pub(crate) use blocked_by::BlockedBy;
pub(crate) use contention::{LostRace, count};
pub(crate) use later::later;
pub use limits::Limits;
pub(crate) use overload::RequestSample;
pub(crate) use policy::Delays;
pub use policy::RetryPolicy;
pub(crate) use rate::Rate;
pub(crate) use server_state::ServerState;
pub use wait_reason::WaitReason;
pub(crate) use waits::Waits;
