//! Detects a write that is sent twice for one request, and a response that belongs to another request.

use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use http::{Method, StatusCode};
use url::Url;

use super::{Fate, TransportError, is_write};

tokio::task_local! {
    /// The writes of the request that this task sends. A layer may send it as a request that it makes itself.
    static CURRENT: SentWrites;
}

/// The writes that were sent for one request. The clones of a request share them.
#[derive(Clone, Debug, Default)]
pub(super) struct SentWrites(Arc<Mutex<Vec<SentWrite>>>);

/// One write that was sent.
#[derive(Debug)]
pub(super) struct SentWrite {
    method: Method,
    url: Url,
    body: Bytes,
}

impl SentWrites {
    // A poisoned lock can be used, because no panic can leave the list half changed.
    fn list(&self) -> MutexGuard<'_, Vec<SentWrite>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a future in which [`current`](Self::current) returns these writes.
    pub(super) fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self.clone(), future)
    }

    /// Returns the writes of the request that this task sends. Returns `None` in a task that a layer spawned.
    pub(super) fn current() -> Option<Self> {
        CURRENT.try_with(Self::clone).ok()
    }

    /// Records that a request is sent. `part` is the part of the application that sends it.
    ///
    /// A request to another path, such as one for a token, is another request. The query may differ, because it may
    /// contain a signature. A request to another origin is the same if its body is.
    ///
    /// # Errors
    ///
    /// Returns an error if the request is a write that was sent before and may have been applied.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &Url,
        body: &Bytes,
        part: &'static str,
    ) -> Result<(), TransportError> {
        if !is_write(method) {
            return Ok(());
        }
        let write = SentWrite {
            method: method.clone(),
            url: url.clone(),
            body: body.clone(),
        };
        let mut list = self.list();
        if list.iter().any(|sent| sent.is_same(&write)) {
            let message = format!(
                "{part} sent the write a second time; the second request was stopped, because only the client \
                 can know whether a write may be sent again"
            );
            return Err(TransportError::new(Fate::Unknown, message));
        }
        list.push(write);
        Ok(())
    }

    /// Records that a write was not carried out, so that it may be sent again.
    pub(super) fn not_applied(&self, method: &Method, url: &Url) {
        self.list()
            .retain(|sent| (&sent.method, &sent.url) != (method, url));
    }

    /// Whether no write has been sent.
    #[cfg(feature = "middleware")]
    pub(super) fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Whether both belong to the same request.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Whether a response shows that the write was not carried out (RFC 9110 15.5). With 408, and with 400 from some
/// stores, a server says that it did not get the whole request.
pub(super) fn is_refusal(status: StatusCode) -> bool {
    status.is_client_error() && !matches!(status.as_u16(), 400 | 408)
}

impl SentWrite {
    fn is_same(&self, other: &Self) -> bool {
        let is_at_same_path = self.method == other.method && self.url.path() == other.url.path();
        is_at_same_path && (self.url.origin() == other.url.origin() || self.body == other.body)
    }
}
