//! Requests over sockets under a paused clock.

use std::fmt;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use tokio::runtime::{Builder, Runtime};

use crate::exchange::transport::{Fate, Request, Response, Transport, TransportError};

/// Wraps a transport so that tokio's paused clock stands still while a request is under way.
///
/// It is a [layer](crate::ClientBuilder::layer). Requests run on a thread of their own, with a clock that is not paused.
/// So the delay of a stub takes its real time, and so does the timeout of a request
/// ([`Limits::request`](crate::Limits::request)). The clock of a multi-threaded runtime cannot be paused, so the test has
/// to use the runtime with one thread, which is the default of `#[tokio::test]`. A request whose call is dropped still
/// runs to its end, and the test ends after it. [Streams](crate::transport::Streaming) are not supported, because a clock
/// that is held while a feed is silent would never advance.
///
/// The [module](crate::testing#plain-stubs-under-a-paused-clock) has an example.
pub fn hold_clock(next: Arc<dyn Transport>) -> HoldsClock {
    let runtime = Builder::new_current_thread().enable_all().build();
    HoldsClock(Arc::new(OwnRuntime {
        next,
        runtime: Some(runtime),
    }))
}

/// The transport that [`hold_clock`] returns.
#[derive(Clone)]
pub struct HoldsClock(Arc<OwnRuntime>);

struct OwnRuntime {
    next: Arc<dyn Transport>,
    /// `None` only while it is dropped.
    runtime: Option<io::Result<Runtime>>,
}

impl OwnRuntime {
    fn send(&self, request: Request) -> Result<Response, TransportError> {
        let Some(Ok(runtime)) = &self.runtime else {
            let message = "no runtime for requests under a paused clock";
            return Err(TransportError::new(Fate::Impossible, message));
        };
        let timeout = request.timeout;
        let reply = runtime
            .block_on(async { tokio::time::timeout(timeout, self.next.send(request)).await });
        reply.unwrap_or_else(|_| Err(TransportError::new(Fate::Unknown, "no response in time")))
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(Ok(runtime)) = self.runtime.take() {
            // Another way of dropping a runtime panics within a task.
            runtime.shutdown_background();
        }
    }
}

impl fmt::Debug for HoldsClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HoldsClock").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for HoldsClock {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let own = self.0.clone();
        // A paused clock does not advance while a blocking task runs.
        let sending = tokio::task::spawn_blocking(move || own.send(request));
        sending.await.unwrap_or_else(|error| {
            let message = "the transport panicked, or the runtime is shutting down";
            Err(TransportError::new(Fate::Unknown, message).with_source(error))
        })
    }
}
