//! The interface to the network, and the only file that depends on reqwest.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, StatusCode};
use http_body::Body as _;
use url::Url;

use crate::BoxError;
use crate::store::SnapshotOrigin;

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
    /// The maximum time for the whole exchange.
    pub timeout: Duration,
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
/// It must not retry a request or follow a redirect by itself. Otherwise the client would take its own first
/// attempt for another client's write. A response with any status is `Ok`.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and reads the response, within the limits that the request states.
    ///
    /// # Errors
    ///
    /// Returns a [`TransportError`] if no complete response arrived. Its [`Fate`] decides whether the request
    /// may be sent again.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// The transport based on reqwest.
pub(crate) struct Reqwest {
    client: reqwest::Client,
}

impl Reqwest {
    /// Creates the transport, with reqwest's own retries, redirects and decompression switched off.
    pub(crate) fn new() -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder()
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            // Another crate may have switched these features of reqwest on for the whole program.
            .no_gzip()
            .no_brotli()
            .no_zstd()
            .no_deflate()
            .user_agent(concat!("ifmatch/", env!("CARGO_PKG_VERSION")))
            .build()?;
        Ok(Self { client })
    }

    pub(crate) fn with(client: reqwest::Client) -> Self {
        Self { client }
    }
}

#[async_trait]
impl Transport for Reqwest {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // The caller enforces the timeout. A second timer for each request would only add cost.
        let (max_body, max_refusal) = (request.max_body, request.max_refusal_body);
        let is_write = request.method != Method::GET && request.method != Method::HEAD;
        let asked = request.url.clone();
        let reply = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send()
            .await
            .map_err(transport_error)?;
        // A custom client may follow redirects, so that the response is not from the requested address.
        if is_write && !is_same_place(reply.url(), &asked) {
            let message = "the HTTP client followed a redirect of a write";
            return Err(TransportError::new(Fate::Unknown, message));
        }
        if reply.url().origin() != asked.origin() {
            let message = "the HTTP client followed a redirect to another origin";
            return Err(TransportError::new(Fate::Impossible, message));
        }
        let (status, headers) = (reply.status(), reply.headers().clone());
        let refusal = !status.is_success();
        let limit = if refusal { max_refusal } else { max_body };
        let mut frames = reqwest::Body::from(reply);
        let (mut body, mut trailers) = (BytesMut::new(), HeaderMap::new());
        while let Some(frame) = poll_fn(|context| Pin::new(&mut frames).poll_frame(context)).await {
            let frame = match frame {
                Ok(frame) => frame,
                // The status has its meaning even without the body.
                Err(_) if is_write && status.is_client_error() => break,
                Err(error) => return Err(transport_error(error)),
            };
            let chunk = match frame.into_data() {
                Ok(chunk) => chunk,
                Err(last) => {
                    trailers = last.into_trailers().unwrap_or_default();
                    continue;
                }
            };
            let room = limit - body.len();
            if chunk.len() <= room {
                body.extend_from_slice(&chunk);
                continue;
            }
            if refusal {
                body.extend_from_slice(&chunk[..room]);
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

fn transport_error(error: reqwest::Error) -> TransportError {
    let (fate, message) = if error.is_builder() {
        (Fate::Impossible, "the request cannot be built")
    } else if error.is_connect() {
        (Fate::NotSent, "no connection to the server")
    } else if error.is_timeout() {
        (Fate::Unknown, "no response in time")
    } else if error.is_body() || error.is_decode() {
        (Fate::Unknown, "the response broke off")
    } else {
        (Fate::Unknown, "the connection failed before the response")
    };
    // The URL in the error may contain credentials or a signature.
    TransportError::new(fate, message).with_source(error.without_url())
}
