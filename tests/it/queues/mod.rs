//! Writes of one client to one resource take turns, and no call waits for another that stands still.

mod asking;
mod runtimes;
mod schedules;
mod stalls;
mod together;
mod write_queues;

use std::time::Duration;

use crate::support::{Article, Event, Server};
use http::Method;
use ifmatch::transport::{Request, Response, Transport, TransportError};
use ifmatch::{Client, Collection, Error, Saved, ThreeWay, async_trait};
use serde_json::Value;
use tokio::task::JoinHandle;

const TRIP: Duration = Duration::from_millis(5);
const BAD: &str = r#"{"ok":false,"title":"a bad word"}"#;

/// A server that takes its time, and refuses documents that hold the word "bad" with this status.
struct Slow(Server, u16);

#[async_trait]
impl Transport for Slow {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        tokio::time::sleep(TRIP).await;
        let bad = request.body.windows(3).any(|word| word == b"bad");
        if request.method == Method::PUT && bad {
            self.0.script([Event::Answer(self.1, &[], BAD)]);
        }
        self.0.send(request).await
    }
}

fn slow(server: &Server) -> Client {
    let client = Client::builder("http://server.test/v1").transport(Slow(server.clone(), 422));
    client.build().unwrap()
}

fn articles(server: &Server) -> Collection<Article> {
    slow(server).collection_with("articles", ThreeWay::default())
}

fn values(server: &Server) -> Collection<Value> {
    slow(server).collection_with("articles", ThreeWay::default())
}

/// What became of each of several edits that were begun in this order.
async fn all<T: Send + 'static>(
    edits: Vec<JoinHandle<Result<Saved<T>, Error>>>,
) -> Vec<Result<Saved<T>, Error>> {
    let mut outcomes = Vec::new();
    for edit in edits {
        outcomes.push(edit.await.unwrap());
    }
    outcomes
}

fn push(list: &mut Value, item: &str) {
    list["items"].as_array_mut().unwrap().push(item.into());
}
