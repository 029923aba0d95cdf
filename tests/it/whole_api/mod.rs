//! The whole of an API goes through the client: actions and plain requests.

mod actions;
mod orders;
mod requests;
