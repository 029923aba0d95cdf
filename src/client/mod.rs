//! The client, and the handles for collections and resources that it hands out.

mod builder;
mod collection;
mod handle_settings;
mod resource;

pub use builder::ClientBuilder;
pub use collection::Collection;
pub use resource::Resource;

use std::fmt;
use std::sync::Arc;

use url::Url;

use crate::address::{self, IntoPath};
use crate::merge::Merge;
use crate::operations::{Handle, ResourceData};
use crate::probe::Probe;
use crate::resolve::{MergeStrategy, Strategy};
use crate::value::Error;
use crate::write::request::target::Shared;

/// A client for one API: where handles for collections and resources come from.
///
/// It is cheap to clone, and clones share snapshots, connections, the retry budget and what the server
/// asked to wait.
///
/// # Example
///
/// ```
/// use ifmatch::{Client, Merge};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Serialize, Deserialize, Merge)]
/// struct Article {
///     title: String,
///     #[merge(counter)]
///     views: u64,
/// }
///
/// # async fn edit() -> Result<(), ifmatch::Error> {
/// let client = Client::new("https://api.example.com/v1")?;
/// let articles = client.collection::<Article>("articles");
/// let saved = articles.update("42", |article| article.views += 1).await?;
/// println!("{} views after {} requests", saved.views, saved.report().requests);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    shared: Arc<Shared>,
    base: Url,
}

impl Client {
    /// A client with the defaults.
    ///
    /// # Errors
    ///
    /// `Config` if the base URL is none, or if TLS cannot be set up.
    pub fn new(base_url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(base_url).build()
    }

    /// A client to be set up.
    pub fn builder(base_url: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder::new(base_url.as_ref())
    }

    /// The collection at a path, merged as its type derives. The path is `"a/b"` or segments such as
    /// `["users", user, "articles"]`.
    pub fn collection<T: ResourceData + Merge>(&self, path: impl IntoPath) -> Collection<T> {
        Collection::new(self.handle(path, self.shared.derived.of::<T>()))
    }

    /// The collection at a path, merged by a strategy.
    pub fn collection_with<T: ResourceData>(
        &self,
        path: impl IntoPath,
        strategy: impl MergeStrategy<T>,
    ) -> Collection<T> {
        Collection::new(self.handle(path, Arc::new(strategy)))
    }

    /// The single resource at a path, merged as its type derives.
    pub fn resource<T: ResourceData + Merge>(&self, path: impl IntoPath) -> Resource<T> {
        Resource::new(self.handle(path, self.shared.derived.of::<T>()))
    }

    /// The single resource at a path, merged by a strategy.
    pub fn resource_with<T: ResourceData>(
        &self,
        path: impl IntoPath,
        strategy: impl MergeStrategy<T>,
    ) -> Resource<T> {
        Resource::new(self.handle(path, Arc::new(strategy)))
    }

    /// Finds out whether an API really enforces preconditions: whether it lets a stale write through,
    /// overwrites where something is to be created, gives two states the same version, hands out
    /// versions that it does not take back.
    ///
    /// `below` is a collection: a path beneath the base URL (`""` is the base itself), or a whole address
    /// of the same server. The
    /// checks are done there on one resource of a random name, which is removed again, also after errors
    /// and if the future is dropped; if it cannot be removed, the report says so. Versions, envelopes,
    /// refusals and the API's version are taken as this client is set up. It is for times of setting up
    /// and for tests, not for each start of a program.
    ///
    /// # Errors
    ///
    /// The throw-away resource could not be made: the kinds of a read, and `Config`. Once it is there,
    /// whatever goes wrong is part of the report.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{ProbeCheck, Verdict, testing::ResourceServer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let server = ResourceServer::start().await;
    /// let report = server.in_process().build()?.probe("articles").await?;
    /// println!("{report}");
    /// assert!(report.enforces_preconditions());
    /// assert_eq!(report.verdict(ProbeCheck::StaleWrite), Verdict::Holds);
    /// # Ok(())
    /// # }
    /// ```
    pub fn probe(&self, below: impl AsRef<str>) -> Probe {
        let url = address::beneath(&self.base, below.as_ref());
        let strategy = self.shared.derived.of::<serde_json::Value>();
        Probe::new(Handle::new(self.shared.clone(), url, strategy))
    }

    fn handle<T: ResourceData>(&self, path: impl IntoPath, strategy: Strategy<T>) -> Handle<T> {
        let url = address::lead(&self.base, path);
        Handle::new(self.shared.clone(), url, strategy)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.base.host_str();
        f.debug_struct("Client")
            .field("host", &host)
            .finish_non_exhaustive()
    }
}
