//! The cost of a warm `update` alone, with a transport that responds at once and no network.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use ifmatch::async_trait;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use reqwest::header::{ETAG, HeaderMap};

use crate::{Article, median};

const BLOCKS: usize = 50;
const WRITES: u32 = 1_000;

/// Stores nothing and calls every write the next version.
struct AtOnce {
    document: Bytes,
    version: AtomicU64,
}

#[async_trait]
impl Transport for AtOnce {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let version = self.version.fetch_add(1, Ordering::Relaxed);
        let mut headers = HeaderMap::new();
        headers.insert(ETAG, format!("\"{version}\"").parse().unwrap());
        let (status, body) = if request.method == reqwest::Method::GET {
            (reqwest::StatusCode::OK, self.document.clone())
        } else {
            (reqwest::StatusCode::NO_CONTENT, Bytes::new())
        };
        Ok(Response::new(status, headers, body))
    }
}

pub async fn run() {
    let transport = AtOnce {
        document: serde_json::to_vec(&Article::new()).unwrap().into(),
        version: AtomicU64::new(1),
    };
    let client = ifmatch::Client::builder("http://at.once")
        .transport(transport)
        .build()
        .unwrap();
    let articles = client.collection::<Article>("articles");
    let mut times = Vec::new();
    for _ in 0..BLOCKS {
        let begun = Instant::now();
        for _ in 0..WRITES {
            articles
                .update(1, |article| article.views += 1)
                .await
                .unwrap();
        }
        times.push(begun.elapsed().as_secs_f64() * 1e6 / f64::from(WRITES));
    }
    println!("Warm update without any network: {:.1} µs\n", median(times));
}
