//! The client, and its handles for collections and resources.

mod builder;
mod collection;
mod handle_settings;
mod resource;
mod transaction;

pub use builder::ClientBuilder;
pub use collection::Collection;
pub use resource::Resource;
pub use transaction::{Commit, Transaction};

use std::fmt;
use std::sync::Arc;

use http::Method;
use url::Url;

use crate::address::{self, IntoPath};
use crate::merge::Merge;
use crate::operations::{Handle, Outbox, PlainRequest, ResourceData};
use crate::probe::{Probe, ProbeBatch};
use crate::resolve::{MergeStrategy, Strategy};
use crate::value::Error;
use crate::write::request::target::Shared;

/// A client for one API, which creates handles for collections and resources.
///
/// It is cheap to clone. Clones share snapshots, connections, the retry budget, the rate limit and the waits
/// that the server asked for.
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
    /// Creates a client with the default settings.
    ///
    /// # Errors
    ///
    /// Returns a [`Config`](crate::ErrorKind::Config) error if the base URL is invalid or TLS cannot be
    /// initialised.
    pub fn new(base_url: impl AsRef<str>) -> Result<Self, Error> {
        Self::builder(base_url).build()
    }

    /// Returns a builder that configures a client.
    ///
    /// A user and a password in the URL are sent as [`ClientBuilder::basic_auth`] sends them.
    pub fn builder(base_url: impl AsRef<str>) -> ClientBuilder {
        ClientBuilder::new(base_url.as_ref())
    }

    /// Returns the collection at a path, with the merge that its type derives.
    ///
    /// The path is `"a/b"` or segments such as `["users", user, "articles"]`.
    pub fn collection<T: ResourceData + Merge>(&self, path: impl IntoPath) -> Collection<T> {
        Collection::new(self.handle(path, self.shared.derived.of::<T>()))
    }

    /// Returns the collection at a path, with a merge strategy.
    pub fn collection_with<T: ResourceData>(
        &self,
        path: impl IntoPath,
        strategy: impl MergeStrategy<T>,
    ) -> Collection<T> {
        Collection::new(self.handle(path, Arc::new(strategy)).with_own_strategy())
    }

    /// Returns the single resource at a path, with the merge that its type derives.
    pub fn resource<T: ResourceData + Merge>(&self, path: impl IntoPath) -> Resource<T> {
        Resource::new(self.handle(path, self.shared.derived.of::<T>()))
    }

    /// Returns the single resource at a path, with a merge strategy.
    pub fn resource_with<T: ResourceData>(
        &self,
        path: impl IntoPath,
        strategy: impl MergeStrategy<T>,
    ) -> Resource<T> {
        Resource::new(self.handle(path, Arc::new(strategy)).with_own_strategy())
    }

    /// Prepares a plain request to the API, for everything that is not a typed resource.
    ///
    /// The path is `"a/b"` or segments such as `["users", user, "avatar"]`. `"/"` is the base URL, with a slash at its
    /// end. A string has no query: set it with [`PlainRequest::query`].
    ///
    /// Nothing conditional is added, and nothing is retried unless [`PlainRequest::retry`] is set. A response with any
    /// status is `Ok`. See [`PlainRequest`].
    ///
    /// # Errors
    ///
    /// - `Transport` if the server could not be reached.
    /// - `OutcomeUnknown` if the response was lost, and the method is not safe (RFC 9110 9.2.1). With
    ///   [`retry`](PlainRequest::retry), this replaces the following errors, except `TooLarge`, if an earlier response
    ///   was lost.
    /// - `Exhausted` if the call would wait past its deadline, for example for the rate limit.
    /// - `TooLarge` if the body of a success is too long. The request was carried out.
    /// - `Config` if the path, the body or the credentials are invalid. Nothing was sent.
    pub fn request(&self, method: Method, path: impl IntoPath) -> PlainRequest {
        let url = address::lead_plain(&self.base, path);
        PlainRequest::new(self.shared.clone(), &self.base, method, url)
    }

    /// Prepares a plain request to an address that the server gave, such as a `Location` or a link in a document.
    ///
    /// The address may have a query. A relative one, such as `"jobs/7"`, is resolved against the base URL with a slash at
    /// its end (`https://api.example.com/v1/jobs/7`), and one with an absolute path, such as `"/jobs/7"`, against the
    /// origin (RFC 3986 5.2). A relative `Location` is meant relative to the URL of its request instead:
    /// [`PlainResponse::location`](crate::PlainResponse::location) resolves it.
    ///
    /// Otherwise it is like [`request`](Self::request).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`request`](Self::request), and `Config` if the address cannot be read, or is on another
    /// origin, because credentials must not go there.
    pub fn follow(&self, method: Method, link: impl AsRef<str>) -> PlainRequest {
        let url = address::link(&self.base, link.as_ref());
        PlainRequest::new(self.shared.clone(), &self.base, method, url)
    }

    /// Tests whether an API enforces preconditions.
    ///
    /// The probe detects an API that accepts a stale write, overwrites an existing resource on a creation,
    /// gives two states the same version, or refuses versions that it has issued.
    ///
    /// `below` names a collection. It is a path beneath the base URL (`""` is the base itself), or a whole URL
    /// on the same server. The checks use one resource there, with a random name. The probe removes that
    /// resource at the end, also after errors and if the future is dropped. If it cannot be removed, the report
    /// says so. The settings of this client apply to versions, envelopes, refusals and the API version. Run the
    /// probe during setup and in tests, not at each start of a program.
    ///
    /// # Errors
    ///
    /// Returns an error of the kinds of a read, or [`Config`](crate::ErrorKind::Config), if the temporary
    /// resource cannot be created. Later failures are part of the report.
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

    /// Tests whether the request of the API for several writes is atomic, and keeps their preconditions.
    ///
    /// The name of an endpoint does not say so. Some apply a part of the writes, and some drop the preconditions. The
    /// [profile](crate::Profile::batch) names the request.
    ///
    /// `below` names a collection, as in [`probe`](Self::probe). The checks use three resources there, with random names,
    /// and remove them at the end. Run the probe during setup and in tests, not at each start of a program.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the profile names no such request, and the errors of [`probe`](Self::probe) if the temporary
    /// resources cannot be created. Later failures are part of the report.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::testing::{BatchBehaviour, ResourceServer};
    /// use ifmatch::{Batch, BatchCheck, Generic, Verdict};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let server = ResourceServer::start().await;
    /// let batch = Batch::change_set("$batch");
    /// server.batch(&batch, BatchBehaviour::Liar);
    /// let client = server.in_process().profile(Generic::new().batch(batch)).build()?;
    /// let report = client.probe_batch("articles").await?;
    /// println!("{report}");
    /// assert!(!report.is_atomic());
    /// assert_eq!(report.verdict(BatchCheck::Atomic), Verdict::Fails);
    /// # Ok(())
    /// # }
    /// ```
    pub fn probe_batch(&self, below: impl AsRef<str>) -> ProbeBatch {
        let url = address::beneath(&self.base, below.as_ref());
        let strategy = self.shared.derived.of::<serde_json::Value>();
        let handle = Handle::new(self.shared.clone(), url, strategy);
        ProbeBatch::new(handle, self.batch_endpoint())
    }

    /// Returns the outbox, which sends the writes that are queued in the [journal](crate::Journal).
    ///
    /// # Example
    ///
    /// ```no_run
    /// # async fn f(client: ifmatch::Client, articles: ifmatch::Collection<serde_json::Value>) -> Result<(), ifmatch::Error> {
    /// // For as long as the program runs:
    /// tokio::spawn(client.outbox().of(&articles).run());
    ///
    /// // Once, in a program that ends:
    /// let drained = client.outbox().of(&articles).drain().await?;
    /// println!("{} sent, {} wait for a person, {} left", drained.sent, drained.open, drained.left);
    /// # Ok(())
    /// # }
    /// ```
    pub fn outbox(&self) -> Outbox {
        Outbox::new(self.shared.clone())
    }

    /// Returns the base URL.
    pub(crate) fn base(&self) -> &Url {
        &self.base
    }

    /// Returns what all handles of the client share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
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
