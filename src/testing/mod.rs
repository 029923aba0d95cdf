//! Parts for tests of applications: a stateful server and a connection that breaks (feature `testing`).
//!
//! [`ResourceServer`] keeps documents, hands out entity tags, refuses stale writes with Problem
//! Details, and lets somebody else write in between when a test says so. [`LossyProxy`] stands in
//! front of any server and loses replies or requests when told to. Both are real servers on loopback.
//!
//! # Example
//!
//! ```
//! use ifmatch::{Client, Merge, testing::ResourceServer};
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
//! let articles = Client::new(server.uri())?.collection::<Article>("articles");
//!
//! // Before the next write arrives, somebody else changes the title.
//! server.before_next_write(|article| article["title"] = "Theirs".into());
//! let saved = articles.update(42, |article| article.views += 1).await?;
//!
//! assert_eq!((saved.title.as_str(), saved.views), ("Theirs", 11));
//! assert_eq!(saved.report().rounds, 2);
//! assert_eq!(server.text("/articles/42").as_deref(), Some(r#"{"title":"Theirs","views":11}"#));
//! # Ok(())
//! # }
//! ```

mod proxy;
mod server;

pub use proxy::LossyProxy;
pub use server::{Recorded, ResourceServer};
