//! A transport to the test server that needs no connection.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;

use super::server::lock;
use super::state::{IncomingRequest, SimulatedState};
use crate::exchange::transport::{Fate, Request, Response, Transport, TransportError};

/// Passes requests to the server by a function call, so that only tokio's clock takes time.
pub(super) struct InProcess(pub(super) Arc<Mutex<SimulatedState>>);

#[async_trait]
impl Transport for InProcess {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let answered = lock(&self.0).handle(IncomingRequest {
            method: request.method,
            path: request.url.path().to_owned(),
            query: request.url.query().map(str::to_owned),
            headers: request.headers,
            body: request.body.to_vec(),
        });
        if !answered.delay.is_zero() {
            tokio::time::sleep(answered.delay).await;
        }
        let Some(mut reply) = answered.reply else {
            return Err(TransportError::new(Fate::Unknown, "the connection was cut"));
        };
        let limit = if reply.status.is_success() {
            request.max_body
        } else {
            reply
                .body
                .truncate(floor(&reply.body, request.max_refusal_body));
            usize::MAX
        };
        if reply.body.len() > limit {
            let message = format!("the response is longer than {limit} bytes");
            return Err(TransportError::new(Fate::TooLarge, message));
        }
        Ok(Response::new(reply.status, reply.headers, reply.body))
    }
}

/// The largest character boundary up to `at`.
fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}
