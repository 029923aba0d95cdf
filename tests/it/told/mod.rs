//! Promise: an ending says what happened, once, and the application's own errors come back.

mod edit_errors;
mod endings;
