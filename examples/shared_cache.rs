//! Two processes edit the same documents. First each caches snapshots for itself, and then both share them in Redis,
//! so each finds the version that the other one wrote last. The example counts the requests that the API receives.
//!
//! It starts itself a second time as the other process, and a `redis-server` on a free port. Where there is none, it
//! prints a line and ends.
//!
//! Run it with `cargo run --example shared_cache --features redis`.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use ifmatch::{Client, RedisStore, testing::ResourceServer};
use serde_json::Value;

type BoxError = Box<dyn std::error::Error>;

const DOCUMENTS: usize = 20;
const EDITS: usize = 400;
/// All processes need the same secret, or they do not find each other's snapshots.
const SECRET: &[u8] = b"32 random bytes of a real secret";

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    // The other process gets the addresses as arguments.
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [api, redis @ ..] = &arguments[..] {
        return edit_all(api, redis.first().map(String::as_str), 1).await;
    }
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let Some(_redis) = RedisServer::start(port) else {
        println!("skipped: there is no redis-server on the path");
        return Ok(());
    };
    let redis = format!("redis://127.0.0.1:{port}");
    wait_for(port).await?;

    println!(
        "{} edits of {DOCUMENTS} documents by two processes",
        2 * EDITS
    );
    println!("{:<22} requests  reads  refused", "snapshots");
    let apart = measure("each for itself", None).await?;
    let shared = measure("shared in Redis", Some(&redis)).await?;
    let saved = 100 - 100 * shared / apart;
    println!("{saved} % fewer requests");
    Ok(())
}

/// Lets both processes make their edits on a new server, and returns the number of requests.
async fn measure(name: &str, redis: Option<&str>) -> Result<usize, BoxError> {
    let server = ResourceServer::start().await;
    for id in 0..DOCUMENTS {
        server.put(&format!("/documents/{id}"), r#"{"edits": 0}"#);
    }
    let mut other = Command::new(std::env::current_exe()?)
        .arg(server.uri())
        .args(redis)
        .spawn()?;
    let own = edit_all(&server.uri(), redis, 0).await;
    let other = tokio::task::spawn_blocking(move || other.wait()).await??;
    own?;
    assert!(other.success(), "the other process has failed");

    let edits: u64 = (0..DOCUMENTS)
        .filter_map(|id| server.text(&format!("/documents/{id}")))
        .filter_map(|text| serde_json::from_str::<Value>(&text).ok()?["edits"].as_u64())
        .sum();
    assert_eq!(edits, 2 * EDITS as u64, "an edit was lost or applied twice");
    let (all, reads) = (server.requests().count(), server.requests().reads().count());
    let refused = all - reads - 2 * EDITS;
    println!("{name:<22} {all:>8}  {reads:>5}  {refused:>7}");
    Ok(all)
}

/// Makes the edits of one process, with a short pause after each.
async fn edit_all(api: &str, redis: Option<&str>, process: usize) -> Result<(), BoxError> {
    let mut client = Client::builder(api).store_secret(SECRET);
    if let Some(redis) = redis {
        client = client.store(RedisStore::open(redis)?);
    }
    let documents = client.build()?.collection::<Value>("documents");
    for edit in 0..EDITS {
        // The processes go through the documents in different orders.
        let id = (edit * [3, 7][process]) % DOCUMENTS;
        let add = |it: &mut Value| it["edits"] = (it["edits"].as_u64().unwrap_or(0) + 1).into();
        documents.update(id, add).await?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}

/// A Redis that keeps nothing on disk and ends with the example.
struct RedisServer(Child);

impl RedisServer {
    fn start(port: u16) -> Option<Self> {
        let started = Command::new("redis-server")
            .args(["--port", &port.to_string(), "--bind", "127.0.0.1"])
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn();
        started.ok().map(Self)
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn wait_for(port: u16) -> Result<(), BoxError> {
    for _ in 0..500 {
        if tokio::net::TcpStream::connect(("127.0.0.1", port))
            .await
            .is_ok()
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Err("redis-server does not start".into())
}
