//! Commits by one atomic request.

mod commit;
mod dispatch;
mod gathering;
mod seat;

pub(super) use commit::{Ended, check, make};
pub(crate) use dispatch::Endpoint;
