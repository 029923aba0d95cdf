//! A tower service as the transport, and the transport as a tower service.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use async_trait::async_trait;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method};
use http_body::Body;
use tower_service::Service;
use url::Url;

use super::adapted::adapted;
use super::expected::Expected;
use super::layers::Answered;
use super::response_body::ResponseBody;
use super::{Fate, Request, Response, Streaming, Transport, TransportError};
use crate::BoxError;
use crate::address::take_user;

/// A transport that sends through a tower service.
///
/// Needs the feature `tower`. Each request goes to a clone of the service, after the clone is ready. The limits on
/// bodies hold as with the default transport.
///
/// The service must not retry writes, follow redirects or decompress bodies, as [`Transport`] says. Wrap a transport
/// that is there by [`TransportService`]: then a write that a layer sends a second time is detected and stopped. In
/// a service of your own, it cannot be detected.
///
/// If the service fails, the fate of the request is unknown, and the client reads the resource to find out whether a
/// write was applied. It is known if the error is a [`TransportError`] or an error of reqwest, or has one among its
/// sources, so map the errors of a service (`map_err`) to tell what you know. If the service fails before it is
/// ready, nothing was sent. The message of the error is shown as the source of the error of a call, so it must not
/// contain secrets.
///
/// # Example: at most eight requests at the same time
///
/// ```
/// use ifmatch::Client;
/// use ifmatch::transport::{Tower, TransportService};
/// use tower::ServiceBuilder;
///
/// # fn main() -> Result<(), ifmatch::Error> {
/// let client = Client::builder("https://api.example.com/v1")
///     .layer(|next| {
///         let service = ServiceBuilder::new().concurrency_limit(8);
///         Tower::new(service.service(TransportService::new(next)))
///     })
///     .build()?;
/// # let _ = client;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Tower<S> {
    service: S,
}

impl<S> Tower<S> {
    /// Creates the transport. `BoxCloneSyncService` of the crate `tower` erases the type of a service.
    pub fn new(service: S) -> Self {
        Self { service }
    }
}

impl<S> fmt::Debug for Tower<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tower").finish_non_exhaustive()
    }
}

#[async_trait]
impl<S, B> Transport for Tower<S>
where
    S: Service<http::Request<Bytes>, Response = http::Response<B>> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Error: Into<BoxError> + Send,
    B: Body + Send + 'static,
    B::Data: Send,
    B::Error: Into<BoxError> + Send,
{
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let expected = Expected::of(&request);
        let reply = self.call(outgoing(request, Wants::Whole)?).await?;
        let (mut head, body) = reply.into_parts();
        let reply = expected.read(head.status, head.headers, body, broken::<B>);
        let mut reply = reply.await?;
        reply.answers = head.extensions.remove::<Answered>();
        Ok(reply)
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let reply = self.call(outgoing(request, Wants::Stream)?).await?;
        let (mut head, body) = reply.into_parts();
        let mut reply = Streaming::of_body(head.status, head.headers, body, broken::<B>);
        reply.answers = head.extensions.remove::<Answered>();
        Ok(reply)
    }
}

impl<S> Tower<S> {
    /// Calls the service, once it is ready.
    async fn call<R>(&self, request: http::Request<Bytes>) -> Result<R, TransportError>
    where
        S: Service<http::Request<Bytes>, Response = R> + Clone,
        S::Error: Into<BoxError>,
    {
        // Readiness belongs to one instance, so the clone that is ready is the one that is called.
        let mut service = self.service.clone();
        let ready = poll_fn(|context| service.poll_ready(context)).await;
        ready.map_err(|error| {
            let error = adapted(error.into(), "the service does not get ready");
            TransportError {
                fate: match error.fate {
                    Fate::Unknown => Fate::NotSent,
                    known => known,
                },
                ..error
            }
        })?;
        let reply = service.call(request).await;
        reply.map_err(|error| adapted(error.into(), "the service failed"))
    }
}

/// Converts the error of a body that breaks off.
fn broken<B: Body>(error: B::Error) -> TransportError
where
    B::Error: Into<BoxError>,
{
    adapted(error.into(), "the response broke off")
}

/// The parts of a request that have no place in a request of the crate `http`.
#[derive(Clone)]
struct Limited(Request, Wants);

/// How the response to a request is wanted.
#[derive(Clone, Copy)]
enum Wants {
    /// Read to its end.
    Whole,
    /// As it arrives.
    Stream,
}

/// Converts a request of this crate.
fn outgoing(request: Request, wants: Wants) -> Result<http::Request<Bytes>, TransportError> {
    let impossible = |error: http::Error| {
        TransportError::new(Fate::Impossible, "the request cannot be built").with_source(error)
    };
    let mut limited = Request {
        headers: HeaderMap::new(),
        body: Bytes::new(),
        ..request.clone()
    };
    let mut headers = request.headers;
    if let Some(credentials) = take_user(&mut limited.url)
        && !headers.contains_key(AUTHORIZATION)
    {
        headers.insert(AUTHORIZATION, credentials);
    }
    let mut uri = limited.url.clone();
    uri.set_fragment(None);
    let converted = http::Request::builder()
        .method(request.method)
        .uri(uri.as_str())
        .body(request.body);
    let mut converted = converted.map_err(impossible)?;
    *converted.headers_mut() = headers;
    converted.extensions_mut().insert(Limited(limited, wants));
    Ok(converted)
}

/// A transport as a tower service, for the layers of the crate `tower`.
///
/// Needs the feature `tower`. [`Tower`] makes a transport of the service and its layers, and shows an example. The
/// limits of a request travel in its extensions. A request that a layer makes itself, without them, has the limits
/// of [`Limits::default`](crate::Limits::default).
#[derive(Clone)]
pub struct TransportService {
    next: Arc<dyn Transport>,
}

impl TransportService {
    /// Creates the service.
    pub fn new(next: Arc<dyn Transport>) -> Self {
        Self { next }
    }
}

impl fmt::Debug for TransportService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TransportService").finish_non_exhaustive()
    }
}

type Sending =
    Pin<Box<dyn Future<Output = Result<http::Response<ResponseBody>, TransportError>> + Send>>;

impl Service<http::Request<Bytes>> for TransportService {
    type Response = http::Response<ResponseBody>;
    type Error = TransportError;
    type Future = Sending;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), TransportError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Bytes>) -> Sending {
        let next = self.next.clone();
        Box::pin(async move {
            let (status, headers, answers, body);
            match incoming(request)? {
                (request, Wants::Whole) => {
                    let reply = next.send(request).await?;
                    (status, headers, answers) = (reply.status, reply.headers, reply.answers);
                    body = ResponseBody::whole(reply.body, reply.trailers);
                }
                (request, Wants::Stream) => {
                    let mut reply = next.open(request).await?;
                    (status, headers) = (reply.status, std::mem::take(&mut reply.headers));
                    answers = reply.answers.take();
                    body = ResponseBody::arriving(reply);
                }
            }
            let mut converted = http::Response::new(body);
            (*converted.status_mut(), *converted.headers_mut()) = (status, headers);
            if let Some(answers) = answers {
                converted.extensions_mut().insert(answers);
            }
            Ok(converted)
        })
    }
}

/// Converts a request of the crate `http`.
fn incoming(request: http::Request<Bytes>) -> Result<(Request, Wants), TransportError> {
    let (mut head, body) = request.into_parts();
    let url = Url::parse(&head.uri.to_string()).map_err(|error| {
        TransportError::new(Fate::Impossible, "the request has no absolute address")
            .with_source(error)
    })?;
    let (limited, wants) = match head.extensions.remove::<Limited>() {
        Some(Limited(limited, wants)) => (limited, wants),
        None => (Request::new(Method::GET, url.clone()), Wants::Whole),
    };
    let request = Request {
        method: head.method,
        url,
        headers: head.headers,
        body,
        ..limited
    };
    Ok((request, wants))
}
