//! Promise 10: `Ok` needs evidence. Whatever a response does not prove is neither returned to the caller nor cached.

mod addresses;
mod bodies;
mod checked;
mod removals;
mod replies;
mod server;
mod successors;
