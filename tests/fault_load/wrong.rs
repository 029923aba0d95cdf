//! Transports with a mistake, to see that the books find it.

use ifmatch::async_trait;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use reqwest::header::IF_MATCH;

/// Leaves the condition out.
pub(crate) struct DropsCondition(pub(crate) reqwest::Client);

/// Sends a request whose reply was lost once more, and takes the second reply for the first.
pub(crate) struct ResendsBlindly(pub(crate) reqwest::Client);

#[async_trait]
impl Transport for DropsCondition {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        request.headers.remove(IF_MATCH);
        send(&self.0, request).await
    }
}

#[async_trait]
impl Transport for ResendsBlindly {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut reply = send(&self.0, request.clone()).await;
        for _ in 0..5 {
            if reply.is_ok() {
                break;
            }
            reply = send(&self.0, request.clone()).await;
        }
        reply
    }
}

async fn send(client: &reqwest::Client, request: Request) -> Result<Response, TransportError> {
    let lost =
        |error: reqwest::Error| TransportError::new(Fate::Unknown, "lost").with_source(error);
    let sent = client
        .request(request.method, request.url)
        .headers(request.headers)
        .body(request.body)
        .timeout(request.timeout);
    let reply = sent.send().await.map_err(lost)?;
    let (status, headers) = (reply.status(), reply.headers().clone());
    Ok(Response::new(
        status,
        headers,
        reply.bytes().await.map_err(lost)?,
    ))
}
