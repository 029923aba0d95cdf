//! The server for the measurements: documents in memory with entity tags, in a separate process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{ETAG, IF_MATCH, IF_NONE_MATCH};
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// What a server is told to be like.
#[derive(Clone, Copy)]
pub struct Manner {
    /// How long it takes for each answer.
    pub delay: Duration,
    /// How long it answers four requests of five with 503.
    pub struggles: Duration,
}

#[derive(Default)]
struct State {
    documents: HashMap<String, (u64, Bytes)>,
    requests: u64,
    versions: u64,
}

/// Serves until the process is killed; prints its port first.
pub async fn serve(manner: Manner) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    let (state, begun) = (Arc::new(Mutex::new(State::default())), Instant::now());
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let state = state.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(|request| {
                let state = state.clone();
                async move { answer(request, &state, manner, begun).await }
            });
            let connection = hyper::server::conn::http1::Builder::new();
            let _ = connection
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    request: Request<Incoming>,
    state: &Mutex<State>,
    manner: Manner,
    begun: Instant,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let path = request.uri().path().to_owned();
    let header = |name| {
        request
            .headers()
            .get(&name)
            .map(|value| value.as_bytes().to_vec())
    };
    let (if_match, if_none_match) = (header(IF_MATCH), header(IF_NONE_MATCH));
    let method = request.method().clone();
    let body = request.into_body().collect().await?.to_bytes();
    if path == "/requests" {
        return Ok(Response::new(Full::new(
            state.lock().unwrap().requests.to_string().into(),
        )));
    }
    if !manner.delay.is_zero() {
        tokio::time::sleep(manner.delay).await;
    }
    let mut state = state.lock().unwrap();
    state.requests += 1;
    if begun.elapsed() < manner.struggles && fastrand::f64() < 0.8 {
        return Ok(empty(StatusCode::SERVICE_UNAVAILABLE));
    }
    let tag = |version: u64| format!("\"{version}\"");
    let current = state.documents.get(&path).cloned();
    let reply = match (method, current) {
        (Method::GET, None) => empty(StatusCode::NOT_FOUND),
        (Method::GET, Some((version, _))) if if_none_match == Some(tag(version).into_bytes()) => {
            empty(StatusCode::NOT_MODIFIED)
        }
        (Method::GET, Some((version, document))) => Response::builder()
            .header(ETAG, tag(version))
            .header("content-type", "application/json")
            .body(Full::new(document))
            .unwrap(),
        (Method::PUT, current) => {
            let tag_now = current.map(|(version, _)| tag(version).into_bytes());
            if if_match.is_some() && if_match != tag_now {
                empty(StatusCode::PRECONDITION_FAILED)
            } else {
                state.versions += 1;
                let version = state.versions;
                state.documents.insert(path, (version, body));
                let mut reply = empty(StatusCode::NO_CONTENT);
                reply
                    .headers_mut()
                    .insert(ETAG, tag(version).parse().unwrap());
                reply
            }
        }
        _ => empty(StatusCode::METHOD_NOT_ALLOWED),
    };
    Ok(reply)
}

fn empty(status: StatusCode) -> Response<Full<Bytes>> {
    let mut reply = Response::new(Full::default());
    *reply.status_mut() = status;
    reply
}
