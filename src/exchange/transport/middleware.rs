//! A client of the crate `reqwest-middleware` as the transport.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use http::Extensions;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware, Error, Next};

use super::adapted::adapted;
use super::expected::Expected;
use super::reqwest::{opened, received};
use super::sent_writes::{SentWrites, is_refusal};
use super::{Fate, Request, Response, Streaming, Transport, TransportError, is_write};

/// A transport that sends through a client of the crate `reqwest-middleware`, with its middleware.
///
/// Needs the feature `middleware`. Build the reqwest client with the settings of
/// [`ClientBuilder::http_client`](crate::ClientBuilder::http_client): without its own retries, redirects and
/// decompression.
///
/// # Middleware that retries
///
/// A middleware must not send a write a second time, because only this crate can know whether the first one was
/// applied. The crate `reqwest-middleware` does not show which middleware a client contains, so this cannot be
/// refused when the client is built. Instead, this type adds a middleware of its own next to the network. It lets
/// each write through once, and again only if there was no connection, or if the server refused it (4xx, but not 400 or 408).
/// It stops any other second request, and returns an error to the middleware that sent it. The client then reads the
/// resource to find out whether the write was applied, so no update is lost or applied twice. The price is a read, and
/// the status of the first response is lost. So leave out `RetryTransientMiddleware`, and set
/// [`RetryPolicy`](crate::RetryPolicy) instead. Reads may be retried by both.
///
/// The added middleware cannot see a request that a middleware sends through another client, or from a task that it
/// spawned with other `Extensions` than those that it was given. A middleware that answers reads from a cache makes the
/// client base its writes on old versions. That loses nothing, but costs further requests.
///
/// # Example
///
/// ```
/// use ifmatch::Client;
/// use ifmatch::transport::Middleware;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let http = reqwest::Client::builder()
///     .retry(reqwest::retry::never())
///     .redirect(reqwest::redirect::Policy::none())
///     .build()?;
/// let http = reqwest_middleware::ClientBuilder::new(http).build(); // `.with(…)` adds middleware
/// let client = Client::builder("https://api.example.com/v1")
///     .transport(Middleware::new(http))
///     .build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Middleware {
    client: ClientWithMiddleware,
}

impl Middleware {
    /// Creates the transport.
    pub fn new(client: ClientWithMiddleware) -> Self {
        // Middleware that is added last is the innermost.
        let client = ClientBuilder::from_client(client).with(SendsOnce).build();
        Self { client }
    }
}

impl From<ClientWithMiddleware> for Middleware {
    fn from(client: ClientWithMiddleware) -> Self {
        Self::new(client)
    }
}

impl fmt::Debug for Middleware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Middleware").finish_non_exhaustive()
    }
}

#[async_trait]
impl Transport for Middleware {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let expected = Expected::of(&request);
        received(self.head(request).await?, &expected).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let expected = Expected::of(&request);
        opened(self.head(request).await?, &expected)
    }
}

impl Middleware {
    /// Sends a request and waits for the head of its response.
    async fn head(&self, request: Request) -> Result<reqwest::Response, TransportError> {
        let (sent, is_write) = (SentWrites::default(), is_write(&request.method));
        let reply = self
            .client
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body)
            .with_extension(sent.clone())
            .send();
        match sent.scope(reply).await {
            Ok(reply) => Ok(reply),
            Err(error) => {
                let mut error = match error {
                    Error::Reqwest(error) => adapted(error.into(), ""),
                    Error::Middleware(error) => adapted(error.into(), "a middleware failed"),
                };
                if is_write && sent.is_empty() && error.fate == Fate::Unknown {
                    error.fate = Fate::NotSent;
                }
                Err(error)
            }
        }
    }
}

/// The innermost middleware, which lets each write through once.
struct SendsOnce;

#[async_trait]
impl reqwest_middleware::Middleware for SendsOnce {
    async fn handle(
        &self,
        request: reqwest::Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> reqwest_middleware::Result<reqwest::Response> {
        let given = extensions.get::<SentWrites>().cloned();
        let Some(sent) = given.or_else(SentWrites::current) else {
            return next.run(request, extensions).await;
        };
        let (method, url) = (request.method().clone(), request.url().clone());
        // A body that is a stream counts as an empty one.
        let body = request.body().and_then(reqwest::Body::as_bytes);
        let body = body.filter(|_| is_write(&method));
        let body = body.map(Bytes::copy_from_slice).unwrap_or_default();
        sent.send(&method, &url, &body, "a middleware")
            .map_err(Error::middleware)?;
        let reply = next.run(request, extensions).await;
        let was_not_applied = match &reply {
            Ok(reply) => is_refusal(reply.status()),
            Err(error) => error.is_connect(),
        };
        if was_not_applied {
            sent.not_applied(&method, &url);
        }
        reply
    }
}
