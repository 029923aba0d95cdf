//! Promise: what a client does is seen, an ending says what happened, once, and the application's own errors come back.

mod edit_errors;
mod endings;
mod ends;
#[cfg(feature = "metrics")]
mod measured;
mod seen;
mod spans;
