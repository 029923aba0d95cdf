//! Layers that send a write a second time, and the requests that they may repeat.

use std::sync::Arc;

use http::{Method, StatusCode};
use ifmatch::transport::{Fate, Request, Response, TransportError};
use ifmatch::{Client, ErrorKind, Transport, async_trait};

use crate::support::api::{Api, answer, headed};

type Sent = Result<Response, TransportError>;

/// Sends a second request, made by this function, if the first one is not answered.
struct Second(Arc<dyn Transport>, fn(&Request) -> Request);

#[async_trait]
impl Transport for Second {
    async fn send(&self, request: Request) -> Sent {
        let second = self.1(&request);
        match self.0.send(request).await {
            Err(_) => self.0.send(second).await,
            reply => reply,
        }
    }
}

fn anew(request: &Request) -> Request {
    let mut anew = Request::new(request.method.clone(), request.url.clone());
    (anew.headers, anew.body) = (request.headers.clone(), request.body.clone());
    anew
}

fn elsewhere(request: &Request) -> Request {
    let mut elsewhere = request.clone();
    elsewhere.url.set_host(Some("mirror.test")).unwrap();
    elsewhere
}

fn anew_elsewhere(request: &Request) -> Request {
    elsewhere(&anew(request))
}

fn token(request: &Request) -> Request {
    let mut token = elsewhere(request);
    token.body = "another body".into();
    token
}

/// A client of a server that loses its first response.
fn client(second: fn(&Request) -> Request) -> (Api, Client) {
    let api = Api::of(|number, _| match number {
        1 => Err(Fate::Unknown),
        _ => answer(200, ""),
    });
    let builder = api.builder().layer(move |next| Second(next, second));
    (api, builder.build().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_write_is_sent_once_whatever_request_a_layer_makes_of_it() {
    for second in [Request::clone, anew, elsewhere, anew_elsewhere] {
        for method in [Method::POST, Method::PATCH, Method::DELETE] {
            let (api, client) = client(second);
            let request = client.request(method, "jobs").json("a");
            let error = request.await.unwrap_err();
            assert_eq!((error.kind(), api.count()), (ErrorKind::OutcomeUnknown, 1));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_with_another_body_to_another_server_is_another_one() {
    let (api, client) = client(token);
    client
        .request(Method::POST, "jobs")
        .json("a")
        .await
        .unwrap();
    assert_eq!(api.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_repeat_a_safe_request() {
    for method in [Method::GET, Method::HEAD, Method::OPTIONS] {
        let (api, client) = client(Request::clone);
        client.request(method, "jobs").await.unwrap();
        assert_eq!(api.count(), 2);
    }
}

/// Follows every redirect by a `GET`, as browsers do.
struct Follows(Arc<dyn Transport>);

#[async_trait]
impl Transport for Follows {
    async fn send(&self, request: Request) -> Sent {
        let mut next = request.clone();
        let reply = self.0.send(request).await?;
        if reply.status != StatusCode::FOUND {
            return Ok(reply);
        }
        let location = reply.headers["location"].to_str().unwrap();
        next.url = next.url.join(location).unwrap();
        next.method = Method::GET;
        self.0.send(next).await
    }
}

#[tokio::test(start_paused = true)]
async fn the_response_to_a_read_after_a_redirect_is_not_that_to_a_write() {
    let api = Api::of(|_, request| match request.url.path() {
        "/v1/session" => headed(200, ("content-type", "application/json"), "{}"),
        _ => headed(302, ("location", "/v1/session"), ""),
    });
    let client = api.builder().layer(Follows).build().unwrap();
    for method in [Method::POST, Method::DELETE] {
        let error = client.request(method, "orders/7").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutcomeUnknown);
    }
    let removed = client
        .collection::<serde_json::Value>("orders")
        .delete(7)
        .await;
    assert!(removed.is_err());
    let read = client.request(Method::GET, "orders/7").await.unwrap();
    assert_eq!(read.text().unwrap(), "{}");
}
