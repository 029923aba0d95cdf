//! The whole of an API goes through the client: actions, plain requests, and bodies in other formats.

mod actions;
mod formats;
mod orders;
mod request_formats;
mod requests;
