//! Hints of the application that a resource has changed, for the watches of the same client.

use tokio::sync::broadcast::{Receiver, Sender, channel};

/// How many hints may wait for a watch. A watch that misses one compares everything.
const MOST_HINTS: usize = 256;

/// A resource that may have changed: the address of its collection, and its id.
#[derive(Clone, Debug)]
pub(crate) struct Hint {
    pub(crate) collection: String,
    pub(crate) id: String,
}

/// The hints of one client.
#[derive(Debug)]
pub(crate) struct Hints(Sender<Hint>);

impl Default for Hints {
    fn default() -> Self {
        Self(channel(MOST_HINTS).0)
    }
}

impl Hints {
    pub(crate) fn tell(&self, hint: Hint) {
        // Without a watch, there is no receiver.
        let _ = self.0.send(hint);
    }

    pub(crate) fn listen(&self) -> Receiver<Hint> {
        self.0.subscribe()
    }
}
