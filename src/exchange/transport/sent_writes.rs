//! Detects a write that is sent twice for one request, and a response that belongs to another request.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http::{Method, StatusCode};
use url::Url;

use super::{Fate, TransportError, is_write};

/// The writes that were sent for one request. The clones of a request share them.
#[derive(Clone, Debug, Default)]
pub(super) struct SentWrites(Arc<Mutex<Vec<(Method, Url)>>>);

impl SentWrites {
    // A poisoned lock can be used, because no panic can leave the list half changed.
    fn list(&self) -> MutexGuard<'_, Vec<(Method, Url)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records that a request is sent. `part` is the part of the application that sends it.
    ///
    /// A request to another path, such as one for a token, is another request. The query may differ, because it may
    /// contain a signature.
    ///
    /// # Errors
    ///
    /// Returns an error if the request is a write that was sent before and may have been applied.
    pub(super) fn send(
        &self,
        method: &Method,
        url: &Url,
        part: &'static str,
    ) -> Result<(), TransportError> {
        if !is_write(method) {
            return Ok(());
        }
        let mut list = self.list();
        if list.iter().any(|sent| is_same(sent, method, url)) {
            let message = format!(
                "{part} sent the write a second time; the second request was stopped, because only the client \
                 can know whether a write may be sent again"
            );
            return Err(TransportError::new(Fate::Unknown, message));
        }
        list.push((method.clone(), url.clone()));
        Ok(())
    }

    /// Records that a write was not carried out, so that it may be sent again.
    pub(super) fn not_applied(&self, method: &Method, url: &Url) {
        self.list().retain(|sent| !is_same(sent, method, url));
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

fn is_same((sent, to): &(Method, Url), method: &Method, url: &Url) -> bool {
    sent == method && to.origin() == url.origin() && to.path() == url.path()
}
