//! Measures the client against hand-written requests, on loopback, each comparison within one run:
//!
//! ```text
//! cargo run --release            # all of it; `many` for ten seconds
//! cargo run --release -- alone   # uncontended writes
//! cargo run --release -- inside  # a warm update without any network
//! cargo run --release -- crowd   # 256 tasks, one document
//! cargo run --release -- many 60 # 10 000 documents, 64 tasks, for this number of seconds
//! cargo run --release -- struggling
//! # 64 processes on a real Kinto:
//! cargo run --release -- processes http://127.0.0.1:8888/v1 64
//! ```

mod alone;
mod by_hand;
mod crowd;
mod inside;
mod many;
mod processes;
mod server;
mod struggling;

use std::process::Stdio;
use std::time::Duration;

use ifmatch::Merge;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// A document of about one kilobyte.
#[derive(Clone, Debug, Serialize, Deserialize, Merge)]
struct Article {
    title: String,
    tags: Vec<String>,
    text: String,
    #[merge(counter)]
    views: u64,
}

impl Article {
    fn new() -> Self {
        Self {
            title: "An article".into(),
            tags: ["one", "two", "three"].map(str::to_owned).to_vec(),
            text: "Lorem ipsum dolor sit amet. ".repeat(32),
            views: 0,
        }
    }
}

/// A server in a process of its own, killed when it is dropped.
struct Server {
    base: String,
    _process: Child,
}

impl Server {
    async fn start(delay: Duration, struggles: Duration) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args([
                "serve",
                &delay.as_millis().to_string(),
                &struggles.as_millis().to_string(),
            ])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut port = String::new();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        lines.read_line(&mut port).await.unwrap();
        Self {
            base: format!("http://127.0.0.1:{}", port.trim()),
            _process: process,
        }
    }

    fn client(&self) -> ifmatch::Client {
        ifmatch::Client::new(&self.base).unwrap()
    }

    async fn requests(&self) -> u64 {
        let reply = reqwest::get(format!("{}/requests", self.base))
            .await
            .unwrap();
        reply.text().await.unwrap().parse().unwrap()
    }

    /// Puts the document there, without condition.
    async fn seed(&self, client: &reqwest::Client, path: &str, article: &Article) {
        let reply = client
            .put(format!("{}/{path}", self.base))
            .json(article)
            .send()
            .await;
        assert!(reply.unwrap().status().is_success());
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match arguments[..] {
        ["serve", delay, struggles] => {
            let manner = server::Manner {
                delay: Duration::from_millis(number(delay)),
                struggles: Duration::from_millis(number(struggles)),
            };
            server::serve(manner).await.unwrap();
        }
        ["alone"] => alone::run().await,
        ["inside"] => inside::run().await,
        ["crowd"] => crowd::run().await,
        ["many", seconds] => many::run(Duration::from_secs(number(seconds))).await,
        ["struggling"] => struggling::run().await,
        ["process", root, id] => processes::one(root, id).await,
        ["processes", root, count] => {
            processes::run(root, u32::try_from(number(count)).expect("a small number")).await
        }
        [] => {
            alone::run().await;
            inside::run().await;
            crowd::run().await;
            many::run(Duration::from_secs(10)).await;
            struggling::run().await;
        }
        _ => panic!(
            "alone, inside, crowd, many SECONDS, struggling, processes ROOT COUNT, or nothing for all"
        ),
    }
}

/// The middle one.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
