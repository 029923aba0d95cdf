//! A transport to the test server that needs no connection.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;

use super::feed_state::Opening;
use super::feed_stream::FeedStream;
use super::reply::Reply;
use super::server::lock;
use super::state::{IncomingRequest, SimulatedState, stream_head};
use crate::exchange::transport::{
    Chunks, Fate, Request, Response, Streaming, Transport, TransportError,
};

/// Passes requests to the server by a function call, so that only tokio's clock takes time.
#[derive(Clone)]
pub(super) struct InProcess(pub(super) Arc<Mutex<SimulatedState>>);

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let (max_body, max_refusal_body) = (request.max_body, request.max_refusal_body);
        let mut reply = self.answer(request.into()).await?;
        let limit = if reply.status.is_success() {
            max_body
        } else {
            reply.body.truncate(floor(&reply.body, max_refusal_body));
            usize::MAX
        };
        if reply.body.len() > limit {
            let message = format!("the response is longer than {limit} bytes");
            return Err(TransportError::new(Fate::TooLarge, message));
        }
        Ok(Response::new(reply.status, reply.headers, reply.body))
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let path = request.url.path().to_owned();
        let opening = lock(&self.0).open_feed(request.into());
        let (step, after, first, cuts, heartbeat) = match opening {
            Err(asked) => return Ok(at_once(self.answer(*asked).await?)),
            Ok(Opening::Reply(reply)) => return Ok(at_once(reply)),
            Ok(Opening::Stream {
                step,
                after,
                first,
                cuts,
                heartbeat,
            }) => (step, after, first, cuts, heartbeat),
        };
        let first = Some(Bytes::from(first)).filter(|first| !first.is_empty());
        let opened_at = *cuts.borrow();
        let Reply {
            status, headers, ..
        } = stream_head();
        let body = FeedStream {
            state: self.0.clone(),
            path,
            step,
            after,
            ready: VecDeque::from_iter(first),
            cuts,
            opened_at,
            heartbeat,
            sent: 0,
        };
        Ok(Streaming::new(status, headers, Box::new(body)))
    }
}

impl InProcess {
    async fn answer(&self, asked: IncomingRequest) -> Result<Reply, TransportError> {
        let answered = lock(&self.0).handle(asked);
        if !answered.delay.is_zero() {
            tokio::time::sleep(answered.delay).await;
        }
        let lost = || TransportError::new(Fate::Unknown, "the connection was cut");
        answered.reply.ok_or_else(lost)
    }
}

impl From<Request> for IncomingRequest {
    fn from(request: Request) -> Self {
        Self {
            method: request.method,
            path: request.url.path().to_owned(),
            query: request.url.query().map(str::to_owned),
            headers: request.headers,
            body: request.body.to_vec(),
        }
    }
}

/// A body that is there as a whole.
struct Whole(Option<Bytes>);

#[async_trait]
impl Chunks for Whole {
    async fn next(&mut self) -> Result<Option<Bytes>, TransportError> {
        Ok(self.0.take())
    }
}

fn at_once(reply: Reply) -> Streaming {
    let body = Whole(Some(reply.body.into()));
    Streaming::new(reply.status, reply.headers, Box::new(body))
}

/// The largest character boundary up to `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
