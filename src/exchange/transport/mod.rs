//! The interface to the network, and the only folder that depends on reqwest.
//!
//! A [`Transport`] sends one request, and returns its response whole or [as it arrives](Streaming). The default is [`Reqwest`]. Your own goes in by
//! [`ClientBuilder::transport`](crate::ClientBuilder::transport), and
//! [`ClientBuilder::layer`](crate::ClientBuilder::layer) wraps the one that is there. With the feature `tower`,
//! `Tower` sends through any tower service, and with the feature `middleware`, `Middleware` sends through a client
//! of `reqwest-middleware`.

mod adapted;
mod expected;
mod layers;
#[cfg(feature = "middleware")]
mod middleware;
mod reqwest;
#[cfg(feature = "tower")]
mod response_body;
mod sent_writes;
mod streaming;
#[cfg(feature = "tower")]
mod tower;
mod translated;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
pub use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use url::Url;

use crate::BoxError;
use crate::retry::Limits;
use crate::store::SnapshotOrigin;
use layers::Answered;
pub(crate) use layers::{Layer, layered};
#[cfg(feature = "middleware")]
pub use middleware::Middleware;
pub use reqwest::Reqwest;
#[cfg(feature = "tower")]
pub use response_body::ResponseBody;
use sent_writes::SentWrites;
pub use streaming::{Chunks, Streaming};
#[cfg(feature = "tower")]
pub use tower::{Tower, TransportService};
pub(crate) use translated::Translated;

/// One request, ready to be sent.
#[derive(Clone)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: Method,
    /// The address.
    pub url: Url,
    /// All headers, including validators and credentials.
    pub headers: HeaderMap,
    /// The body, which is cheap to clone for another attempt.
    pub body: Bytes,
    /// The maximum length of the body of a successful response, in bytes. A longer one is an error.
    pub max_body: usize,
    /// The maximum length that is read of the body of a refusal, in bytes. The rest is not read.
    pub max_refusal_body: usize,
    /// The maximum time for the whole exchange. For a request that is [opened](Transport::open), the maximum time until
    /// the head of the response.
    pub timeout: Duration,
    /// The writes that were sent for this request, if layers could send it twice.
    sent: Option<SentWrites>,
}

impl Request {
    /// Creates a request without headers and body, with the limits of [`Limits::default`], for tests of a
    /// transport or a layer.
    pub fn new(method: Method, url: Url) -> Self {
        Self::limited(method, url, HeaderMap::new(), &Limits::default())
    }

    /// Creates a request without a body.
    pub(super) fn limited(method: Method, url: Url, headers: HeaderMap, limits: &Limits) -> Self {
        Self {
            method,
            url,
            headers,
            body: Bytes::new(),
            max_body: limits.body,
            max_refusal_body: limits.refusal_body,
            timeout: limits.request,
            sent: None,
        }
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers contain credentials, queries may contain them, and the body is user data.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One response, read to its end or to its limit.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, without trailers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers, which follow the body (RFC 9110 6.5). Only the version of the resource is read from
    /// them.
    pub trailers: HeaderMap,
    /// The credentials of the request. Set by the client, not by the transport.
    pub(crate) origin: SnapshotOrigin,
    /// The address to which the server redirected the request. Set by the client, not by the transport.
    pub(crate) redirected_to: Option<Url>,
    /// The request that this is the response to, if layers could mix them up.
    answers: Option<Answered>,
}

impl Response {
    /// Creates a response without trailers, for custom transports.
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers,
            body: body.into(),
            trailers: HeaderMap::new(),
            origin: SnapshotOrigin::ELSEWHERE,
            redirected_to: None,
            answers: None,
        }
    }

    /// Sets the trailers.
    pub fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = trailers;
        self
    }
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// The fate of a request that received no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// The request certainly never reached the server: the connection was refused, or the name does not
    /// resolve.
    NotSent,
    /// The request may have been carried out: the connection was cut, a timeout passed, or the response is
    /// incomplete.
    Unknown,
    /// The request cannot be sent at all, now or later.
    Impossible,
    /// The request was carried out, and the response is longer than allowed.
    TooLarge,
    /// The transport has no way to send such a request, now or later. Nothing was sent.
    Unsupported,
}

/// The failure of a request that received no response, and what is known of its fate.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// The fate of the request.
    pub fate: Fate,
    message: String,
    #[source]
    source: Option<BoxError>,
}

impl TransportError {
    /// Creates an error for a custom transport. The message must not contain secrets or bodies.
    pub fn new(fate: Fate, message: impl Into<String>) -> Self {
        Self {
            fate,
            message: message.into(),
            source: None,
        }
    }

    /// Sets the source of the error.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Sends one request to a server and returns the response.
///
/// It must send a write at most once (unless it was certainly not applied), must not follow a redirect by itself, and must return the response to this
/// very request. Otherwise the client would take its own first attempt for another client's write. It must not
/// remove or change preconditions (`If-Match` and the others of RFC 9110 13.1), and must not decompress a body
/// without also changing its entity tag. A response with any status is `Ok`.
///
/// [`ClientBuilder::layer`](crate::ClientBuilder::layer) shows an example.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and reads the response, within the limits that the request states.
    ///
    /// # Errors
    ///
    /// Returns a [`TransportError`] if no complete response arrived. Its [`Fate`] decides whether the request
    /// may be sent again.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;

    /// Sends the request and returns the head of the response. The body follows as it arrives.
    ///
    /// The default sends nothing, because most custom transports wait for the end of a body, and the body of a feed has
    /// none. A [layer](crate::ClientBuilder::layer) that supports streams does to the request what
    /// [`send`](Self::send) does, and passes it on to `open` of the next transport. It sees the opening of a stream
    /// and its head, and can wrap the chunks in [`Chunks`] of its own.
    ///
    /// A status of any kind is `Ok`. `max_body` of the request does not apply, because the caller bounds what it reads.
    ///
    /// # Errors
    ///
    /// Returns a [`TransportError`] if no head arrived. Its fate is [`Fate::Unsupported`] if the transport cannot
    /// stream.
    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let _ = request;
        let message = "the transport does not stream responses";
        Err(TransportError::new(Fate::Unsupported, message))
    }
}

#[async_trait]
impl<T: Transport + ?Sized> Transport for Arc<T> {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        (**self).send(request).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        (**self).open(request).await
    }
}

/// Whether a request with this method may change something (RFC 9110 9.2.1).
fn is_write(method: &Method) -> bool {
    !method.is_safe()
}
