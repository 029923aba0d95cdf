//! What layers of the transport see of a call.

use std::sync::Arc;

use async_trait::async_trait;
use http::{HeaderValue, Method};

use super::bench::{Bench, STREAM};
use super::*;

/// A layer that streams, and adds a header to what it sees.
struct Signs(Arc<dyn Transport>);

#[async_trait]
impl Transport for Signs {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn open(&self, mut request: Request) -> Result<Streaming, TransportError> {
        request
            .headers
            .insert("x-signed", HeaderValue::from_static("yes"));
        self.0.open(request).await
    }
}

/// A layer that was written without streams in mind.
struct OnlySends(Arc<dyn Transport>);

#[async_trait]
impl Transport for OnlySends {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_passes_all_layers_or_is_not_opened() -> Result<(), Failed> {
    let mut bench = Bench::new([STREAM])?;
    let server: Arc<dyn Transport> = bench.server.clone();
    bench.exchange.transport =
        layered(server.clone(), vec![Box::new(|next| Arc::new(Signs(next)))]);
    drop(bench.stream().await?);
    assert_eq!(
        bench.requests(&["x-signed"]),
        ["http://api.test/feed?token=t yes"]
    );
    // A layer that would not see the request, and so could not sign it, is never left out.
    bench.exchange.transport = layered(server, vec![Box::new(|next| Arc::new(OnlySends(next)))]);
    assert_eq!(bench.lost().await?.fate, Fate::Unsupported);
    assert_eq!(bench.requests(&[]).len(), 1);
    Ok(())
}

/// A layer that sends each request twice.
struct Doubles(Arc<dyn Transport>);

#[async_trait]
impl Transport for Doubles {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        self.0.send(request).await
    }

    async fn open(&self, request: Request) -> Result<Streaming, TransportError> {
        drop(self.0.open(request.clone()).await?);
        self.0.open(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_layer_may_open_a_read_twice_and_a_write_once() -> Result<(), Failed> {
    for (method, requests) in [(Method::GET, 2), (Method::POST, 1)] {
        let mut bench = Bench::new([STREAM, STREAM])?;
        bench.call.method = method;
        let server: Arc<dyn Transport> = bench.server.clone();
        bench.exchange.transport = layered(server, vec![Box::new(|next| Arc::new(Doubles(next)))]);
        assert_eq!(bench.open().await.is_ok(), requests == 2);
        assert_eq!(bench.requests(&[]).len(), requests);
    }
    Ok(())
}
