//! Tools for tests of applications: a stateful server, a proxy that loses messages, and the laws of merging.
//!
//! They need the feature `testing`.
//!
//! ```toml
//! [dev-dependencies]
//! ifmatch = { version = "0.2", features = ["testing"] }
//! tokio = { version = "1", features = ["macros", "rt", "test-util"] }
//! ```
//!
//! The example `testing_your_merge` shows all of them in one program. The example `shop` is a whole application with its
//! own tests against stubs of wiremock.
//!
//! # Another client
//!
//! [`ResourceServer`] stores documents, returns entity tags and refuses stale writes with Problem Details (or
//! [as other servers do](Dialect)). A test can let another client write in between.
//!
//! ```
//! use ifmatch::{Merge, testing::ResourceServer};
//! use serde::{Deserialize, Serialize};
//!
//! #[derive(Serialize, Deserialize, Merge)]
//! struct Article {
//!     title: String,
//!     #[merge(counter)]
//!     views: u64,
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ResourceServer::start().await;
//! server.put("/articles/42", r#"{"title": "Old", "views": 10}"#);
//! let articles = server.in_process().build()?.collection::<Article>("articles");
//!
//! // Before the next write arrives, another client changes the title.
//! server.before_next_write(|article| article["title"] = "Theirs".into());
//! let saved = articles.update(42, |article| article.views += 1).await?;
//!
//! assert_eq!((saved.title.as_str(), saved.views), ("Theirs", 11));
//! assert_eq!(saved.report().rounds, 2);
//! assert_eq!(server.text("/articles/42").as_deref(), Some(r#"{"title": "Theirs", "views": 11}"#));
//! # Ok(())
//! # }
//! ```
//!
//! # Scripted requests
//!
//! A [`Step`] scripts one request: a write by another client, a lost request or response, a delay, or a response
//! made by the test. [`next_write`](ResourceServer::next_write) and [`next_read`](ResourceServer::next_read) queue
//! steps, [`nth_write`](ResourceServer::nth_write) sets the step of a later write, and
//! [`lock`](ResourceServer::lock) makes the server refuse writes until the lock is removed.
//!
//! # Paused time
//!
//! All waits of this crate use tokio's clock. A test that pauses the clock (`#[tokio::test(start_paused = true)]`)
//! and reaches the server [within the process](ResourceServer::in_process) never sleeps, and still sees the length
//! of the waits:
//!
//! ```
//! use std::time::Duration;
//! use ifmatch::testing::{Reply, ResourceServer, Step};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ResourceServer::start().await;
//! server.put("/notes/1", r#"{"n": 1}"#);
//! let notes = server.in_process().build()?.collection::<serde_json::Value>("notes");
//!
//! let busy = Reply::new(503).retry_after(Duration::from_secs(20));
//! server.next_write(Step::new().answer(busy));
//! let saved = notes.update(1, |note| note["n"] = 2.into()).await?;
//! assert!(saved.report().waited >= Duration::from_secs(20));
//! # Ok(())
//! # }
//! ```
//!
//! # Feeds
//!
//! [`feed`](ResourceServer::feed) adds a feed of server-sent events about all changes. A [`FeedStep`] scripts a stream
//! that breaks off, stalls, repeats or reorders events, or has lost the position. Streams need the transport
//! [within the process](ResourceServer::in_process), or the socket of [`listen`](ResourceServer::listen).
//!
//! # Conflicts
//!
//! [`conflicts`](ResourceServer::conflicts) adds a service that tells of conflicts and takes resolutions, as a
//! [`ConflictService`](crate::ConflictService) expects it.
//!
//! # Recorded requests
//!
//! [`requests`](ResourceServer::requests) filters, counts and asserts the requests that the server received. A
//! failed assertion prints all requests:
//!
//! ```text
//! expected 1 request (PUT, with If-Match: "v2"), but there were 0
//! the server saw:
//!   1. GET /articles/42 -> 200
//!   2. PUT /articles/42 If-Match: "v1" -> 204
//! ```
//!
//! # Your own merge
//!
//! [`check_merge_laws`] checks a strategy against the laws that hold for every sound merge ([`Law`]). It shows each
//! broken law with the smallest case:
//!
//! ```text
//! the merge breaks OneSide: a side that changed nothing leaves the other one as it is
//!   base:     {"tags":["a","b"]}
//!   local:    {"tags":["a"]}
//!   remote:   {"tags":["a","b"]}
//!   expected: {"tags":["a"]}
//!   found:    {"tags":["a","b"]}
//! ```
//!
//! # A real connection
//!
//! The server also listens on loopback, at its [`uri`](ResourceServer::uri), with the same losses and delays.
//! [`LossyProxy`] does the same in front of any other server. With sockets the clock cannot be paused, except
//! [while it is held](#plain-stubs-under-a-paused-clock).
//!
//! # Plain stubs, without waits
//!
//! Stubs of the crate `wiremock` listen on a socket. [`fast`] is a retry policy whose waits take no time. All limits
//! are kept, so a test ends as quickly as its stubs respond, and in the same way as the application would end:
//!
//! ```
//! use ifmatch::{Client, testing};
//! use wiremock::matchers::method;
//! use wiremock::{Mock, MockServer, ResponseTemplate};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::start().await;
//! let busy = ResponseTemplate::new(503).insert_header("retry-after", "20");
//! Mock::given(method("GET")).respond_with(busy).up_to_n_times(1).mount(&server).await;
//! let note = ResponseTemplate::new(200).set_body_raw(r#"{"n": 1}"#, "application/json");
//! Mock::given(method("GET")).respond_with(note).mount(&server).await;
//!
//! let client = Client::builder(server.uri()).retry(testing::fast()).build()?;
//! let note = client.collection::<serde_json::Value>("notes").get(1).await?;
//! assert_eq!(note["n"], 1); // at once
//! # Ok(())
//! # }
//! ```
//!
//! # Plain stubs under a paused clock
//!
//! A paused clock advances to the next timer as soon as every task is idle, and a task that waits for a socket is
//! idle. So a request over a socket times out before its response arrives. [`hold_clock`] is a layer for a client
//! that holds the clock while a request is under way. Then the clock advances only through waits:
//!
//! ```
//! use ifmatch::{Client, testing};
//! use std::time::Duration;
//! use tokio::time::Instant;
//! use wiremock::matchers::method;
//! use wiremock::{Mock, MockServer, ResponseTemplate};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = MockServer::start().await;
//! let busy = ResponseTemplate::new(503).insert_header("retry-after", "20");
//! Mock::given(method("GET")).respond_with(busy).up_to_n_times(1).mount(&server).await;
//! let note = ResponseTemplate::new(200).set_body_raw(r#"{"n": 1}"#, "application/json");
//! Mock::given(method("GET")).respond_with(note).mount(&server).await;
//!
//! let client = Client::builder(server.uri()).layer(testing::hold_clock).build()?;
//! let begun = Instant::now();
//! let note = client.collection::<serde_json::Value>("notes").get(1).await?;
//! assert_eq!((note["n"].as_u64(), begun.elapsed()), (Some(1), Duration::from_secs(20)));
//! # Ok(())
//! # }
//! ```

mod batch;
mod clocks;
mod conflicts;
mod dialect;
mod fast;
mod feed;
mod feed_state;
mod feed_step;
mod feed_stream;
mod hold_clock;
mod in_process;
mod laws;
mod listener;
mod listing;
mod proxy;
mod recorded;
mod reply;
mod requests;
mod server;
mod state;
mod step;

pub use batch::BatchBehaviour;
pub use clocks::Clocks;
pub use conflicts::ConflictDesk;
pub use dialect::Dialect;
pub use fast::fast;
pub use feed::Feed;
pub use feed_step::{FeedStep, GoneForm};
pub use hold_clock::{HoldsClock, hold_clock};
pub use laws::{BrokenLaw, Law, LawReport, check_merge_laws};
pub use listener::Listener;
pub use proxy::LossyProxy;
pub use recorded::Recorded;
pub use reply::Reply;
pub use requests::Requests;
pub use server::ResourceServer;
pub use step::{Lost, Step};
