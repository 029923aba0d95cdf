//! Layers around a transport.

use std::sync::Arc;

use async_trait::async_trait;
use http::{Method, StatusCode};
use url::Url;

use super::sent_writes::{SentWrites, is_refusal};
use super::{Fate, Request, Response, Streaming, Transport, TransportError, is_write};

/// Wraps the transport that it is given.
pub(crate) type Layer = Box<dyn FnOnce(Arc<dyn Transport>) -> Arc<dyn Transport> + Send + Sync>;

/// Puts layers around a transport. The last one is the outermost.
pub(crate) fn layered(transport: Arc<dyn Transport>, layers: Vec<Layer>) -> Arc<dyn Transport> {
    if layers.is_empty() {
        return transport;
    }
    let innermost: Arc<dyn Transport> = Arc::new(Innermost(transport));
    let outermost = layers
        .into_iter()
        .fold(innermost, |next, layer| layer(next));
    Arc::new(Outermost(outermost))
}

/// Checks that the layers return the response to the request that they were given.
struct Outermost(Arc<dyn Transport>);

#[async_trait]
impl Transport for Outermost {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        let expected = Answered::expected(&mut request);
        let reply = expected.sent.scope(self.0.send(request)).await?;
        expected.check(reply.answers.as_ref())?;
        Ok(reply)
    }

    async fn open(&self, mut request: Request) -> Result<Streaming, TransportError> {
        let expected = Answered::expected(&mut request);
        let reply = expected.sent.scope(self.0.open(request)).await?;
        expected.check(reply.answers.as_ref())?;
        Ok(reply)
    }
}

/// The request that a response answers.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    sent: SentWrites,
    is_write: bool,
}

impl Answered {
    /// Marks a request, so that its response can be told from others.
    fn expected(request: &mut Request) -> Self {
        let sent = SentWrites::default();
        request.sent = Some(sent.clone());
        let is_write = is_write(&request.method);
        Self { sent, is_write }
    }

    /// Checks which request a response answers. A response that a layer made itself is taken as it is.
    ///
    /// The response to a read, such as one after a redirect, tells nothing about a write.
    ///
    /// # Errors
    ///
    /// Returns an error if it answers another request than this one.
    fn check(&self, answered: Option<&Self>) -> Result<(), TransportError> {
        let answers_this =
            |answered: &Self| answered.sent.is(&self.sent) && (answered.is_write || !self.is_write);
        if answered.is_none_or(answers_this) {
            return Ok(());
        }
        let message = "a layer of the transport returned the response to another request";
        Err(TransportError::new(Fate::Unknown, message))
    }
}

/// Checks that the layers send a write once.
struct Innermost(Arc<dyn Transport>);

#[async_trait]
impl Transport for Innermost {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let Some(sending) = Sending::begin(&request)? else {
            return self.0.send(request).await;
        };
        let reply = self.0.send(request).await;
        let answers = sending.ended(reply.as_ref().map(|reply| reply.status));
        reply.map(|reply| Response {
            answers: Some(answers),
            ..reply
        })
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let Some(sending) = Sending::begin(&request)? else {
            return self.0.open(request).await;
        };
        let reply = self.0.open(request).await;
        let answers = sending.ended(reply.as_ref().map(|reply| reply.status));
        reply.map(|mut reply| {
            reply.answers = Some(answers);
            reply
        })
    }
}

/// A request that left the layers.
struct Sending {
    sent: SentWrites,
    method: Method,
    url: Url,
}

impl Sending {
    /// Records a request. Returns `None` for one that a layer made by itself.
    ///
    /// # Errors
    ///
    /// Returns an error if it is a write that was sent before and may have been applied.
    fn begin(request: &Request) -> Result<Option<Self>, TransportError> {
        let Some(sent) = request.sent.clone().or_else(SentWrites::current) else {
            return Ok(None);
        };
        let (method, url) = (request.method.clone(), request.url.clone());
        sent.send(&method, &url, &request.body, "a layer of the transport")?;
        Ok(Some(Self { sent, method, url }))
    }

    /// Records the outcome of the request, and returns what its response answers.
    fn ended(self, outcome: Result<StatusCode, &TransportError>) -> Answered {
        let was_not_applied = match outcome {
            Ok(status) => is_refusal(status),
            Err(error) => error.fate == Fate::NotSent,
        };
        if was_not_applied {
            self.sent.not_applied(&self.method, &self.url);
        }
        let is_write = is_write(&self.method);
        let sent = self.sent;
        Answered { sent, is_write }
    }
}
