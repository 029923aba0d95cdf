//! Changes that the application has heard of elsewhere, for example by a webhook.

use std::fmt::Display;

use crate::client::{Client, Collection};
use crate::operations::ResourceData;
use crate::store::SnapshotKey;
use crate::support::hints::Hint;

impl Client {
    /// Notes that a resource may have changed, for example because a webhook says so.
    ///
    /// The next write to it reads first, and the watches of this client read it. It is only a hint: a wrong one costs a
    /// request. So the webhook needs to be neither complete nor true. Nothing is sent by this call itself.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/articles/42", r#"{"views": 1}"#);
    /// let client = Client::new(server.uri())?;
    /// let articles = client.collection::<Value>("articles");
    /// articles.get("42").await?;
    ///
    /// server.put("/articles/42", r#"{"views": 5}"#); // another client
    /// client.notify(&articles, "42"); // the webhook
    /// let saved = articles.update("42", |article| article["views"] = 6.into()).await?;
    /// assert_eq!(saved.report().rounds, 1); // no write was refused
    /// # Ok(())
    /// # }
    /// ```
    pub fn notify<T: ResourceData>(&self, collection: &Collection<T>, id: impl Display) {
        let id = id.to_string();
        let item = collection.handle_of(&id);
        // An invalid id has no snapshot and no watch.
        let (Ok(target), Ok(url)) = (item.target(), collection.handle().url.clone()) else {
            return;
        };
        let shared = &target.shared;
        let address = SnapshotKey::address_of(&shared.exchange.secret, &target.url);
        shared.store.mark_unsure(address);
        shared.hints.tell(Hint {
            collection: url.into(),
            id,
        });
    }
}
