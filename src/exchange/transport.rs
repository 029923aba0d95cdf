//! The seam to the network; the only file that knows reqwest.

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
    /// All headers, validators and credentials included.
    pub headers: HeaderMap,
    /// The body; cheap to clone for a resend.
    pub body: Bytes,
    /// The largest body of a successful reply, in bytes; a longer one is an error.
    pub max_body: usize,
    /// How much of a refusal's body is read, in bytes; the rest is left.
    pub max_refusal_body: usize,
    /// How long the whole exchange may take.
    pub timeout: Duration,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers hold credentials, queries may, and the body is the user's.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.url.path())
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One reply, read to its end or to its limit.
#[derive(Clone)]
#[non_exhaustive]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// The headers, trailers not included.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// The trailers, which come after the body (RFC 9110 6.5); of these only the version of the resource
    /// is read.
    pub trailers: HeaderMap,
    /// Whose request it answers; known to the client, not to the transport.
    pub(crate) origin: SnapshotOrigin,
}

impl Response {
    /// A reply, for transports of one's own.
    pub fn new(status: StatusCode, headers: HeaderMap, body: impl Into<Bytes>) -> Self {
        Self {
            status,
            headers,
            body: body.into(),
            trailers: HeaderMap::new(),
            origin: SnapshotOrigin::ELSEWHERE,
        }
    }

    /// The same with trailers.
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

/// What became of a request that brought no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fate {
    /// It certainly never reached the server: a refused connection, a name that does not resolve.
    NotSent,
    /// It may have been carried out: a cut connection, a timeout, a torn reply.
    Unknown,
    /// It cannot be sent at all, now or later.
    Impossible,
    /// It was carried out, and the reply is longer than allowed.
    TooLarge,
}

/// No reply, and what is known of the request's fate.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What became of the request.
    pub fate: Fate,
    message: String,
    #[source]
    source: Option<BoxError>,
}

impl TransportError {
    /// An error of a transport of one's own. The message must not hold secrets or bodies.
    pub fn new(fate: Fate, message: impl Into<String>) -> Self {
        Self {
            fate,
            message: message.into(),
            source: None,
        }
    }

    /// The same with its cause.
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.source = Some(source.into());
        self
    }
}

/// Carries one request to a server and brings the reply back.
///
/// It must not repeat a request or follow a redirect by itself: the write loop would take the
/// result of its own first attempt for another writer's. A reply with any status is `Ok`.
#[async_trait]
pub trait Transport: Send + Sync + 'static {
    /// Sends the request and reads the reply, within the limits that the request names.
    ///
    /// # Errors
    ///
    /// [`TransportError`] if no whole reply came back; its [`Fate`] decides whether the request may
    /// be sent again.
    async fn send(&self, request: Request) -> Result<Response, TransportError>;
}

/// The transport over reqwest.
pub(crate) struct Reqwest {
    client: reqwest::Client,
}

impl Reqwest {
    /// With reqwest's own retries, redirects and decompression switched off.
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
        // The time is kept by whoever calls: a second timer for each request costs more than it tells.
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
        // A client of the user's own that follows redirects: what answers is not what was asked.
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
                // What the status means, it means without the body.
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
            let message = format!("the reply is longer than {limit} bytes");
            return Err(TransportError::new(Fate::TooLarge, message));
        }
        Ok(Response::new(status, headers, body.freeze()).with_trailers(trailers))
    }
}

/// The same address, as it goes over the wire: reqwest takes the user out of it, and makes a header of it.
fn is_same_place(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.path() == other.path() && one.query() == other.query()
}

fn transport_error(error: reqwest::Error) -> TransportError {
    let (fate, message) = if error.is_builder() {
        (Fate::Impossible, "the request cannot be built")
    } else if error.is_connect() {
        (Fate::NotSent, "no connection to the server")
    } else if error.is_timeout() {
        (Fate::Unknown, "no reply in time")
    } else if error.is_body() || error.is_decode() {
        (Fate::Unknown, "the reply broke off")
    } else {
        (Fate::Unknown, "the connection failed before the reply")
    };
    // The address may hold credentials or a signature.
    TransportError::new(fate, message).with_source(error.without_url())
}
