//! What the response to a request may be: from where, and how long.

use std::future::poll_fn;
use std::pin::pin;

use bytes::{Buf, BufMut, BytesMut};
use http::{HeaderMap, StatusCode};
use http_body::Body;
use url::Url;

use super::{Fate, Request, Response, TransportError, is_write};

/// The part of a request that is needed to read its response.
pub(super) struct Expected {
    is_write: bool,
    max_body: usize,
    max_refusal_body: usize,
    url: Url,
}

impl Expected {
    pub(super) fn of(request: &Request) -> Self {
        Self {
            is_write: is_write(&request.method),
            max_body: request.max_body,
            max_refusal_body: request.max_refusal_body,
            url: request.url.clone(),
        }
    }

    /// Checks the address that the response is from. It is another one if the HTTP client followed a redirect.
    ///
    /// # Errors
    ///
    /// Returns an error if a write was redirected, or a read to another origin.
    pub(super) fn check_address(&self, from: &Url) -> Result<(), TransportError> {
        if self.is_write && !is_same_place(from, &self.url) {
            let message = "the HTTP client followed a redirect of a write";
            return Err(TransportError::new(Fate::Unknown, message));
        }
        if from.origin() != self.url.origin() {
            let message = "the HTTP client followed a redirect to another origin";
            return Err(TransportError::new(Fate::Impossible, message));
        }
        Ok(())
    }

    /// Reads the body within the limits of the request.
    ///
    /// # Errors
    ///
    /// Returns an error if the body of a success is too long, or what `failed` makes of a body that breaks off.
    pub(super) async fn read<B: Body>(
        &self,
        status: StatusCode,
        headers: HeaderMap,
        body: B,
        failed: impl Fn(B::Error) -> TransportError,
    ) -> Result<Response, TransportError> {
        let refusal = !status.is_success();
        let limit = if refusal {
            self.max_refusal_body
        } else {
            self.max_body
        };
        let mut frames = pin!(body);
        let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
        while let Some(frame) = poll_fn(|context| frames.as_mut().poll_frame(context)).await {
            let frame = match frame {
                Ok(frame) => frame,
                // The status has its meaning even without the body.
                Err(_) if self.is_write && status.is_client_error() => break,
                Err(error) => return Err(failed(error)),
            };
            let chunk = match frame.into_data() {
                Ok(chunk) => chunk,
                Err(last) => {
                    trailers = last.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            let room = limit - body.len();
            if chunk.remaining() <= room {
                body.put(chunk);
                continue;
            }
            if refusal {
                body.put(chunk.take(room));
                break;
            }
            let message = format!("the response is longer than {limit} bytes");
            return Err(TransportError::new(Fate::TooLarge, message));
        }
        Ok(Response::new(status, headers, body.freeze()).with_trailers(trailers))
    }
}

/// Whether both addresses are the same on the wire. reqwest moves the user info into a header.
fn is_same_place(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.path() == other.path() && one.query() == other.query()
}
