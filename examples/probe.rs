//! Checks whether an API really refuses stale writes. Two servers are probed: a correct one, and the same
//! server behind a gateway that drops `If-Match`.
//!
//! Run it with `cargo run --example probe`. To probe your own API, add its base URL and a collection
//! (`-- https://api.example.com/v1 articles`). One temporary resource is created in that collection, and
//! deleted again.

use http::header::IF_MATCH;
use ifmatch::testing::ResourceServer;
use ifmatch::transport::{Fate, Request, Response, Transport, TransportError};
use ifmatch::{Client, ProbeCheck, Verdict, async_trait};

/// A gateway that does not support preconditions.
struct Gateway(reqwest::Client);

#[async_trait]
impl Transport for Gateway {
    async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
        request.headers.remove(IF_MATCH);
        let lost = |error: reqwest::Error| {
            TransportError::new(Fate::Unknown, "the gateway received no response")
                .with_source(error)
        };
        let passed_on = self
            .0
            .request(request.method, request.url)
            .headers(request.headers)
            .body(request.body);
        let reply = passed_on.send().await.map_err(lost)?;
        let (status, headers) = (reply.status(), reply.headers().clone());
        Ok(Response::new(
            status,
            headers,
            reply.bytes().await.map_err(lost)?,
        ))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    if let (Some(base), Some(collection)) = (arguments.next(), arguments.next()) {
        let report = Client::new(base)?.probe(collection).await?;
        println!("{report}");
        return Ok(());
    }

    let server = ResourceServer::start().await;
    let report = Client::new(server.uri())?.probe("articles").await?;
    println!("{report}\n");
    assert!(report.enforces_preconditions());

    let gateway = Gateway(reqwest::Client::new());
    let behind = Client::builder(server.uri()).transport(gateway).build()?;
    let report = behind.probe("articles").await?;
    println!("{report}");
    assert!(!report.enforces_preconditions());
    assert_eq!(report.verdict(ProbeCheck::StaleWrite), Verdict::Fails);
    // A creation uses another header, which this gateway forwards.
    assert_eq!(report.verdict(ProbeCheck::Creation), Verdict::Holds);
    assert_eq!(server.text(&report.path), None);
    Ok(())
}
