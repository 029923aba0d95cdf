//! Sends the calls that stand for requests, for an API that has no resources.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::{
    ACCEPT, CONTENT_LENGTH, CONTENT_TYPE, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
    IF_UNMODIFIED_SINCE, LOCATION,
};
use http::{HeaderName, HeaderValue, Method};

use super::{Fate, Request, Response, Streaming, Transport, TransportError};
use crate::BoxError;
use crate::protocol::{RequestParts, ResponseParts, Translation, Untranslated};

/// What the call says in its body, or not at all.
const LEFT_OUT: [HeaderName; 6] = [
    CONTENT_LENGTH,
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
];

/// A transport that is given requests for resources.
pub(crate) struct Translated {
    inner: Arc<dyn Transport>,
    translation: Translation,
}

impl Translated {
    pub(crate) fn before(
        inner: Arc<dyn Transport>,
        translation: Translation,
    ) -> Arc<dyn Transport> {
        Arc::new(Self { inner, translation })
    }

    /// Returns the call that stands for a request. Returns `None` if the request is a call already.
    fn call(&self, request: &Request) -> Result<Option<Request>, TransportError> {
        let call = self.translation.rules().call(&parts(request));
        let Some(call) = call.map_err(inexpressible)? else {
            return Ok(None);
        };
        let mut sent = request.clone();
        (sent.method, sent.url, sent.body) = (Method::POST, call.url, call.body);
        for name in LEFT_OUT {
            sent.headers.remove(name);
        }
        let json = HeaderValue::from_static("application/json");
        sent.headers.insert(CONTENT_TYPE, json.clone());
        sent.headers.insert(ACCEPT, json);
        Ok(Some(sent))
    }

    fn response(&self, request: &Request, mut reply: Response) -> Result<Response, TransportError> {
        let mut headers = std::mem::take(&mut reply.headers);
        // An address of the API names no resource.
        headers.remove(LOCATION);
        headers.remove(CONTENT_LENGTH);
        let result = ResponseParts {
            status: reply.status,
            headers,
            body: std::mem::take(&mut reply.body),
        };
        let rules = self.translation.rules();
        let response = rules.response(&parts(request), result);
        let response = response.map_err(|why| match why {
            Untranslated::Unknown(status) => {
                let message =
                    format!("the server does not know the call of this API: it answered {status}");
                TransportError::new(Fate::Impossible, message)
            }
            Untranslated::Unreadable(why) => {
                let message = format!("the result of the call cannot be read: {why}");
                TransportError::new(Fate::Unknown, message).with_source(why)
            }
        })?;
        (reply.status, reply.headers, reply.body) =
            (response.status, response.headers, response.body);
        Ok(reply)
    }
}

fn parts(request: &Request) -> RequestParts<'_> {
    RequestParts {
        method: &request.method,
        url: &request.url,
        headers: &request.headers,
        body: &request.body,
    }
}

fn inexpressible(why: BoxError) -> TransportError {
    TransportError::new(Fate::Impossible, why.to_string()).with_source(why)
}

#[async_trait]
impl Transport for Translated {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let Some(call) = self.call(&request)? else {
            return self.inner.send(request).await;
        };
        let reply = self.inner.send(call).await?;
        self.response(&request, reply)
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        let call = self.call(&request)?;
        self.inner.open(call.unwrap_or(request)).await
    }
}
