//! Layers around a transport.

use std::sync::Arc;

use async_trait::async_trait;

use super::sent_writes::{SentWrites, is_refusal};
use super::{Fate, Request, Response, Transport, TransportError, is_write};

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
        let (sent, is_write) = (SentWrites::default(), is_write(&request.method));
        request.sent = Some(sent.clone());
        let reply = sent.scope(self.0.send(request)).await?;
        // A response that a layer made itself is taken as it is.
        if reply
            .answers
            .as_ref()
            .is_none_or(|it| it.is_to(&sent, is_write))
        {
            return Ok(reply);
        }
        let message = "a layer of the transport returned the response to another request";
        Err(TransportError::new(Fate::Unknown, message))
    }
}

/// The request that a response answers.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    sent: SentWrites,
    is_write: bool,
}

impl Answered {
    /// Whether a response answers this request. The response to a read, such as one after a redirect, tells nothing
    /// about a write.
    fn is_to(&self, sent: &SentWrites, is_write: bool) -> bool {
        self.sent.is(sent) && (self.is_write || !is_write)
    }
}

/// Checks that the layers send a write once.
struct Innermost(Arc<dyn Transport>);

#[async_trait]
impl Transport for Innermost {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        // A layer may also send a request that it made by itself.
        let Some(sent) = request.sent.clone().or_else(SentWrites::current) else {
            return self.0.send(request).await;
        };
        let (method, url) = (request.method.clone(), request.url.clone());
        sent.send(&method, &url, &request.body, "a layer of the transport")?;
        let reply = self.0.send(request).await;
        let was_not_applied = match &reply {
            Ok(reply) => is_refusal(reply.status),
            Err(error) => error.fate == Fate::NotSent,
        };
        if was_not_applied {
            sent.not_applied(&method, &url);
        }
        let is_write = is_write(&method);
        reply.map(|reply| Response {
            answers: Some(Answered { sent, is_write }),
            ..reply
        })
    }
}
