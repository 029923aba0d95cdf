//! Promise 10: `Ok` needs evidence. What a reply does not prove goes neither to the caller nor on file.

mod addresses;
mod bodies;
mod checked;
mod removals;
mod replies;
mod server;
mod successors;
