//! What a call gets back: a whole response, or one that goes on.

use http::{HeaderMap, StatusCode};

use super::transport::{Request, Response, Transport, TransportError};
use crate::store::SnapshotOrigin;

/// The result of one request of a call.
pub(super) trait Answer: Send + Sized {
    /// Whether the answer may come before its body, and take long for another reason than the load of the server.
    const IS_STREAM: bool;

    /// Sends the request and waits for the answer.
    fn ask(
        transport: &dyn Transport,
        request: Request,
    ) -> impl Future<Output = Result<Self, TransportError>> + Send;

    fn status(&self) -> StatusCode;

    fn headers(&self) -> &HeaderMap;

    /// Returns the response, if it was read to its end or to its limit.
    fn whole(&mut self) -> Option<&mut Response>;

    /// Records the credentials of the request.
    fn set_origin(&mut self, origin: SnapshotOrigin);
}

impl Answer for Response {
    const IS_STREAM: bool = false;

    fn ask(
        transport: &dyn Transport,
        request: Request,
    ) -> impl Future<Output = Result<Self, TransportError>> + Send {
        transport.send(request)
    }

    fn status(&self) -> StatusCode {
        self.status
    }

    fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    fn whole(&mut self) -> Option<&mut Response> {
        Some(self)
    }

    fn set_origin(&mut self, origin: SnapshotOrigin) {
        self.origin = origin;
    }
}
