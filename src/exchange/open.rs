//! A call whose response is read as it arrives.

use std::time::Duration;

use bytes::BytesMut;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout_at};
use url::{Origin, Url};

use super::answer::Answer;
use super::transport::{Request, Response, Streaming, Transport, TransportError};
use super::{Call, Exchange, NoResponse, RequestContext};
use crate::retry::later;
use crate::store::SnapshotOrigin;

/// The fields that are sent to another origin. All others may hold credentials, whatever their names are.
const SENT_ELSEWHERE: [HeaderName; 6] = [
    ACCEPT,
    CACHE_CONTROL,
    CONTENT_TYPE,
    USER_AGENT,
    HeaderName::from_static("last-event-id"),
    HeaderName::from_static("prefer"),
];

/// A call, and where it may go.
#[derive(Clone, Copy)]
pub(crate) struct Opening<'a> {
    pub(crate) call: &'a Call,
    /// The maximum time until the head of the response. Some servers send it with the first event only.
    pub(crate) head_time: Duration,
    /// An address of the API. Only its origin gets credentials and default headers.
    pub(crate) home: &'a Url,
    /// Other origins to which the call may go, or be redirected. They get no credentials.
    pub(crate) elsewhere: &'a [Origin],
}

/// The answer to an opening.
#[derive(Debug)]
pub(crate) enum Opened {
    /// The response is a success, and its body arrives.
    Stream(Streaming),
    /// The response is no success. Its body was read as that of any refusal.
    Refused(Response),
}

impl Exchange {
    /// Sends a call and returns its response as it arrives.
    ///
    /// Credentials, default headers, redirects and what observers are told are those of every request. The rest differs:
    ///
    /// - The gate is passed before the request, as always: it takes one place of the rate and one request of the
    ///   quota. Nothing is held while the stream goes on, because a feed that stays open for days would keep its place
    ///   from all writes.
    /// - The deadline of the context ends with the head of the response. How long to wait for a chunk is up to the caller.
    /// - Only a response can show that the server is overloaded. A head that does not come may wait for the first event,
    ///   or for a proxy that buffers, and its time is no round trip.
    /// - A response that is no success is read up to the limit for refusals. If its body breaks off or does not end in
    ///   time, what has arrived of it is kept, because the status has its meaning without it.
    ///
    /// # Errors
    ///
    /// As [`send`](Self::send), and if the call would go to an origin that is not allowed.
    pub(crate) async fn open(
        &self,
        opening: Opening<'_>,
        context: RequestContext<'_>,
    ) -> Result<Opened, NoResponse> {
        self.run(opening, context).await
    }
}

impl Opening<'_> {
    /// Whether an address is on the origin of the API.
    pub(super) fn is_home(&self, url: &Url) -> bool {
        is_same_origin(self.home, url)
    }

    /// Whether an address is on one of the other origins that are allowed.
    pub(super) fn is_allowed_elsewhere(&self, url: &Url) -> bool {
        !self.elsewhere.is_empty() && self.elsewhere.contains(&url.origin())
    }
}

/// Whether two addresses have the same origin. Unlike [`Url::origin`], it allocates nothing.
pub(super) fn is_same_origin(one: &Url, other: &Url) -> bool {
    let parts = |url: &Url| (url.port_or_known_default(), url.cannot_be_a_base());
    one.scheme() == other.scheme()
        && one.host_str() == other.host_str()
        && parts(one) == parts(other)
}

/// Returns the headers that may be sent to another origin.
pub(super) fn headers_elsewhere(headers: &HeaderMap) -> HeaderMap {
    let values = SENT_ELSEWHERE.into_iter().filter_map(|name| {
        let value = headers.get(&name)?.clone();
        Some((name, value))
    });
    values.collect()
}

impl Answer for Opened {
    const IS_STREAM: bool = true;

    async fn ask(transport: &dyn Transport, request: Request) -> Result<Self, TransportError> {
        let until = later(Instant::now(), request.timeout);
        let limit = request.max_refusal_body;
        let mut stream = transport.open(request).await?;
        if stream.status.is_success() {
            return Ok(Self::Stream(stream));
        }
        let mut body = BytesMut::new();
        // What has arrived is enough.
        let _ = timeout_at(until, fill(&mut body, &mut stream, limit)).await;
        let headers = std::mem::take(&mut stream.headers);
        let reply = Response::new(stream.status, headers, body.freeze());
        Ok(Self::Refused(reply))
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::Stream(stream) => stream.status,
            Self::Refused(reply) => reply.status,
        }
    }

    fn headers(&self) -> &HeaderMap {
        match self {
            Self::Stream(stream) => &stream.headers,
            Self::Refused(reply) => &reply.headers,
        }
    }

    fn whole(&mut self) -> Option<&mut Response> {
        match self {
            Self::Stream(_) => None,
            Self::Refused(reply) => Some(reply),
        }
    }

    fn set_origin(&mut self, origin: SnapshotOrigin) {
        match self {
            Self::Stream(stream) => stream.origin = origin,
            Self::Refused(reply) => reply.origin = origin,
        }
    }
}

/// Reads a body up to a limit. Ends where it breaks off.
async fn fill(body: &mut BytesMut, stream: &mut Streaming, limit: usize) {
    while body.len() < limit
        && let Ok(Some(chunk)) = stream.next().await
    {
        let room = limit - body.len();
        body.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
    }
}

#[cfg(test)]
mod tests;
