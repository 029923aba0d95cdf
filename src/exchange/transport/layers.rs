//! Layers around a transport.

use std::sync::Arc;

use async_trait::async_trait;

use super::sent_writes::{SentWrites, is_refusal};
use super::{Fate, Request, Response, Transport, TransportError};

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
        let sent = SentWrites::default();
        request.sent = Some(sent.clone());
        let reply = self.0.send(request).await?;
        // A response that a layer made itself is taken as it is.
        if reply.answers.as_ref().is_none_or(|other| other.is(&sent)) {
            return Ok(reply);
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
        // A layer may also send a request that it made by itself.
        let Some(sent) = request.sent.clone() else {
            return self.0.send(request).await;
        };
        let (method, url) = (request.method.clone(), request.url.clone());
        sent.send(&method, &url, "a layer of the transport")?;
        let reply = self.0.send(request).await;
        let was_not_applied = match &reply {
            Ok(reply) => is_refusal(reply.status),
            Err(error) => error.fate == Fate::NotSent,
        };
        if was_not_applied {
            sent.not_applied(&method, &url);
        }
        reply.map(|reply| Response {
            answers: Some(sent),
            ..reply
        })
    }
}
