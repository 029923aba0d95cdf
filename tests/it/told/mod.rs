//! Promise: what a client does is seen, an ending says what happened, once, and the application's own errors come back.

mod edit_errors;
mod endings;
mod ends;
#[cfg(feature = "metrics")]
mod measured;
mod seen;
mod spans;

use std::sync::{Arc, Mutex};

/// Everything that was told, one line each.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn note(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
