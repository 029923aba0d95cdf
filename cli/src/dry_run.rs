//! Holds back writes, and keeps the first one to show it.

use std::sync::{Arc, Mutex, PoisonError};

use ifmatch::transport::{Fate, Request, Response, Streaming, TransportError};
use ifmatch::{Transport, async_trait};

/// The write that was held back. Clones see the same.
#[derive(Clone, Default)]
pub(crate) struct HeldBack(Arc<Mutex<Option<Request>>>);

impl HeldBack {
    /// Returns the write, if there was one.
    pub(crate) fn take(&self) -> Option<Request> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Returns the transport that passes on reads only.
    pub(crate) fn before(self, next: Arc<dyn Transport>) -> impl Transport {
        ReadsOnly {
            next,
            held_back: self,
        }
    }
}

struct ReadsOnly {
    next: Arc<dyn Transport>,
    held_back: HeldBack,
}

#[async_trait]
impl Transport for ReadsOnly {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        if request.method.is_safe() {
            return self.next.send(request).await;
        }
        let mut held_back = self
            .held_back
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        held_back.get_or_insert(request);
        Err(TransportError::new(Fate::Impossible, "this is a dry run"))
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        self.next.open(request).await
    }
}
