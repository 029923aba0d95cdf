//! A response whose body arrives in chunks.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::{Buf, Bytes};
use http::{HeaderMap, StatusCode};
use http_body::Body;

use super::layers::Answered;
use super::{Fate, TransportError};
use crate::store::SnapshotOrigin;
use crate::support::panics;

/// The head of a response, and its body as it arrives.
///
/// [`Transport::open`](crate::Transport::open) returns it. Nothing is read before [`next`](Self::next) asks for it, and
/// nothing is kept of a chunk that was returned. So a slow reader slows the server down, and memory stays bounded by
/// the buffers of the connection. If the value is dropped, the connection is closed, or the stream of an HTTP/2
/// connection is reset.
#[non_exhaustive]
pub struct Streaming {
    /// The status.
    pub status: StatusCode,
    /// The headers, without trailers.
    pub headers: HeaderMap,
    /// The credentials of the request. Set by the client, not by the transport.
    pub(crate) origin: SnapshotOrigin,
    /// The request that this is the response to, if layers could mix them up.
    pub(super) answers: Option<Answered>,
    /// The rest of the body. `None` once it has ended or failed.
    chunks: Option<Box<dyn Chunks>>,
}

/// The body of a response, chunk by chunk. It is the interface for custom transports.
///
/// If it is dropped, the connection has to be closed.
///
/// # Example
///
/// ```
/// use std::vec::IntoIter;
/// use ifmatch::transport::{Bytes, Chunks, Streaming, TransportError};
/// use ifmatch::{HeaderMap, StatusCode, async_trait};
///
/// /// A recorded body.
/// struct Recorded(IntoIter<&'static str>);
///
/// #[async_trait]
/// impl Chunks for Recorded {
///     async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
///         Ok(self.0.next().map(Bytes::from))
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), TransportError> {
/// let body = Recorded(vec!["data: 1\n", "\n"].into_iter());
/// let mut stream = Streaming::new(StatusCode::OK, HeaderMap::new(), Box::new(body));
/// assert_eq!(stream.next().await?.as_deref(), Some(&b"data: 1\n"[..]));
/// # Ok(())
/// # }
/// ```
#[async_trait]
pub trait Chunks: Send {
    /// Waits for the next chunk. Returns `None` at the end of the body.
    ///
    /// The future may be dropped before it is ready. No bytes may be lost then: the next call returns them.
    ///
    /// # Errors
    ///
    /// Returns a [`TransportError`] if the body breaks off.
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError>;
}

impl Streaming {
    /// Creates a response, for custom transports.
    pub fn new(status: StatusCode, headers: HeaderMap, body: Box<dyn Chunks>) -> Self {
        Self {
            status,
            headers,
            origin: SnapshotOrigin::ELSEWHERE,
            answers: None,
            chunks: Some(body),
        }
    }

    /// Creates a response whose body has frames. `failed` converts the error of a body that breaks off.
    pub(super) fn of_body<B, F>(status: StatusCode, headers: HeaderMap, body: B, failed: F) -> Self
    where
        B: Body + Send + 'static,
        F: Fn(B::Error) -> TransportError + Send + 'static,
    {
        let body = Box::pin(body);
        Self::new(status, headers, Box::new(BodyChunks { body, failed }))
    }

    /// Waits for the next chunk. Returns `None` at the end of the body, and after an error.
    ///
    /// How long to wait is up to the caller. The future may be dropped, for example by a timeout, and loses nothing. A
    /// chunk may be empty.
    ///
    /// # Errors
    ///
    /// Returns a [`TransportError`] if the body breaks off. The connection is closed then.
    pub async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(chunks) = &mut self.chunks else {
            return Ok(None);
        };
        let next = panics::catch_in("the transport", chunks.next()).await;
        let next =
            next.unwrap_or_else(|panic| Err(TransportError::new(Fate::Unknown, panic.to_string())));
        if !matches!(next, Ok(Some(_))) {
            self.chunks = None;
        }
        next
    }
}

impl fmt::Debug for Streaming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Streaming")
            .field("status", &self.status)
            .field("has_ended", &self.chunks.is_none())
            .finish_non_exhaustive()
    }
}

/// The data frames of a body. Trailers are left out.
struct BodyChunks<B, F> {
    body: Pin<Box<B>>,
    failed: F,
}

#[async_trait]
impl<B, F> Chunks for BodyChunks<B, F>
where
    B: Body + Send,
    F: Fn(B::Error) -> TransportError + Send,
{
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        let body = &mut self.body;
        while let Some(frame) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            let frame = frame.map_err(&self.failed)?;
            if let Ok(mut chunk) = frame.into_data() {
                return Ok(Some(chunk.copy_to_bytes(chunk.remaining())));
            }
        }
        Ok(None)
    }
}
