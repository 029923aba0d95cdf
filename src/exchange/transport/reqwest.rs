//! The default transport.

use std::fmt;

use async_trait::async_trait;

use super::expected::Expected;
use super::{Fate, Request, Response, Streaming, Transport, TransportError};

/// The default transport, which sends through a reqwest client.
///
/// # Example: the default transport, counted
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use ifmatch::transport::{Request, Reqwest, Response, TransportError};
/// use ifmatch::{Client, Transport, async_trait};
///
/// struct Counted(Reqwest, Arc<AtomicU32>);
///
/// #[async_trait]
/// impl Transport for Counted {
///     async fn send(&self, request: Request) -> Result<Response, TransportError> {
///         self.1.fetch_add(1, Ordering::Relaxed);
///         self.0.send(request).await
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let requests = Arc::new(AtomicU32::new(0));
/// let client = Client::builder("https://api.example.com/v1")
///     .transport(Counted(Reqwest::new()?, requests.clone()))
///     .build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Reqwest {
    client: reqwest::Client,
}

impl Reqwest {
    /// Creates the transport that a client has by default: reqwest's own retries, redirects and decompression are
    /// switched off.
    ///
    /// # Errors
    ///
    /// Returns an error if TLS cannot be initialised.
    pub fn new() -> Result<Self, reqwest::Error> {
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

    /// Creates a transport from your own reqwest client.
    ///
    /// See [`ClientBuilder::http_client`](crate::ClientBuilder::http_client) for the settings that it needs.
    pub fn with_client(client: reqwest::Client) -> Self {
        Self { client }
    }
}

impl From<reqwest::Client> for Reqwest {
    fn from(client: reqwest::Client) -> Self {
        Self::with_client(client)
    }
}

impl fmt::Debug for Reqwest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The client's default headers may contain credentials.
        f.debug_struct("Reqwest").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Reqwest {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let expected = Expected::of(&request);
        received(self.head(request).await?, &expected).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let expected = Expected::of(&request);
        opened(self.head(request).await?, &expected)
    }
}

impl Reqwest {
    /// Sends a request and waits for the head of its response.
    async fn head(&self, request: Request) -> Result<reqwest::Response, TransportError> {
        // The caller enforces the timeout. A second timer for each request would only add cost.
        let reply = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .send();
        reply.await.map_err(failure)
    }
}

/// Reads a response of reqwest.
pub(super) async fn received(
    reply: reqwest::Response,
    expected: &Expected,
) -> Result<Response, TransportError> {
    // A custom client may follow redirects.
    expected.check_address(reply.url())?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    let body = reqwest::Body::from(reply);
    expected.read(status, headers, body, failure).await
}

/// Hands out a response of reqwest as it arrives.
pub(super) fn opened(
    reply: reqwest::Response,
    expected: &Expected,
) -> Result<Streaming, TransportError> {
    // A custom client may follow redirects.
    expected.check_address(reply.url())?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    let body = reqwest::Body::from(reply);
    Ok(Streaming::of_body(status, headers, body, failure))
}

/// Converts an error of reqwest.
pub(super) fn failure(error: reqwest::Error) -> TransportError {
    let (fate, message) = meaning(&error);
    // The URL in the error may contain credentials or a signature.
    TransportError::new(fate, message).with_source(error.without_url())
}

/// Returns the fate of the request, and a message for it.
pub(super) fn meaning(error: &reqwest::Error) -> (Fate, &'static str) {
    if error.is_builder() {
        (Fate::Impossible, "the request cannot be built")
    } else if error.is_connect() {
        (Fate::NotSent, "no connection to the server")
    } else if error.is_timeout() {
        (Fate::Unknown, "no response in time")
    } else if error.is_body() || error.is_decode() {
        (Fate::Unknown, "the response broke off")
    } else {
        (Fate::Unknown, "the connection failed before the response")
    }
}
