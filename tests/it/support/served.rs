//! Servers in memory that are a function of their state and a request.

use std::sync::{Arc, Mutex};

use http::{HeaderMap, HeaderValue, StatusCode};
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, Profile, async_trait};
use serde_json::Value;

/// A server that is a function of its state and a request.
pub(crate) struct Served<S, F>(Arc<Mutex<S>>, F);

#[async_trait]
impl<S: Send + 'static, F> Transport for Served<S, F>
where
    F: Fn(&mut S, &Request) -> Answer + Send + Sync + 'static,
{
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let answer = (self.1)(&mut self.0.lock().unwrap(), &request);
        let (status, tag, body) = answer.map_err(|fate| TransportError::new(fate, "lost"))?;
        let mut headers = HeaderMap::new();
        headers.insert("content-type", HeaderValue::from_static("application/json"));
        if let Some(tag) = tag {
            headers.insert("etag", HeaderValue::from_str(&tag).unwrap());
        }
        Ok(Response::new(
            StatusCode::from_u16(status).unwrap(),
            headers,
            body.to_string(),
        ))
    }
}

/// Status, tag and body of a reply, or what became of a request without one.
pub(crate) type Answer = Result<(u16, Option<String>, Value), Fate>;

pub(crate) fn served<S, F>(state: &Arc<Mutex<S>>, serve: F) -> Served<S, F>
where
    S: Send + 'static,
    F: Fn(&mut S, &Request) -> Answer + Send + Sync + 'static,
{
    Served(state.clone(), serve)
}

pub(crate) fn client(transport: impl Transport, profile: impl Profile) -> Client {
    let builder = Client::builder("http://server.test/v1").transport(transport);
    builder.profile(profile).build().unwrap()
}

/// The body of a request.
pub(crate) fn sent(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap_or(Value::Null)
}
