//! A server that is a function of a request.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ClientBuilder, async_trait};

pub(crate) type Serve = fn(usize, &Request) -> Result<Response, Fate>;

/// A server that is a function of a request and its number.
#[derive(Clone)]
pub(crate) struct Api(pub(crate) Arc<Mutex<Vec<Request>>>, pub(crate) Serve);

#[async_trait]
impl Transport for Api {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut seen = self.0.lock().unwrap();
        seen.push(request.clone());
        (self.1)(seen.len(), &request).map_err(|fate| TransportError::new(fate, "cut"))
    }
}

impl Api {
    pub(crate) fn of(serve: Serve) -> Self {
        Self(Arc::default(), serve)
    }

    pub(crate) fn builder(&self) -> ClientBuilder {
        Client::builder("http://api.test/v1").transport(self.clone())
    }

    pub(crate) fn client(&self) -> Client {
        self.builder().bearer_token("t0ken").build().unwrap()
    }

    pub(crate) fn count(&self) -> usize {
        self.0.lock().unwrap().len()
    }

    pub(crate) fn last(&self) -> Request {
        self.0.lock().unwrap().last().unwrap().clone()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the type of a server")]
pub(crate) fn answer(status: u16, body: &'static str) -> Result<Response, Fate> {
    let status = StatusCode::from_u16(status).unwrap();
    Ok(Response::new(status, HeaderMap::new(), body))
}

/// A response with one header.
pub(crate) fn headed(
    status: u16,
    (name, value): (&'static str, &'static str),
    body: &'static str,
) -> Result<Response, Fate> {
    let mut response = answer(status, body)?;
    let value = HeaderValue::from_static(value);
    response
        .headers
        .insert(HeaderName::from_static(name), value);
    Ok(response)
}
