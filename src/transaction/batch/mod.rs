//! Several writes in one request: commits by one atomic request, and steps whose first tries leave together.

mod commit;
mod dispatch;
mod endpoint;
mod gathering;
mod seat;
mod side_by_side;
mod together;

pub(super) use commit::{Ended, check, make};
pub(crate) use endpoint::Endpoint;
pub(super) use together::{is_unknown, together};
