//! `Leases`: where leases are kept, and for how long they are granted.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::acquire::Acquire;
use super::service::azure_blob::BlobLeases;
use super::service::records::Records;
use super::service::webdav::WebDavLocks;
use crate::address::IntoPath;
use crate::client::{Client, Collection};
use crate::lease::{
    Held, Isolation, LeaseClock, LeaseHolder, LeaseService, Names, NotGranted, Place, SERVICE,
    SystemClock,
};
use crate::operations::ResourceData;
use crate::resolve::RemoteWins;
use crate::support::panics;
use crate::value::{Error, ErrorKind, Observer};
use crate::write::request::target::Shared;

/// The ttl of a lease, unless another one is set.
const TTL: Duration = Duration::from_secs(15);
/// The shortest ttl. A shorter one would be over before a slow response arrives.
const SHORTEST_TTL: Duration = Duration::from_millis(100);
/// How long a call without a client waits.
const WAIT: Duration = Duration::from_secs(30);

/// Grants exclusive access for a time, on services that support it.
///
/// Acquire a lease by its name with [`acquire`](Self::acquire), and bind writes to it with
/// [`Collection::under`](crate::Collection::under). A task renews the lease until the [`Held`](crate::Held) is released or
/// dropped.
///
/// Calls of this handle and its clones that want the same lease are served in their order, and only one of them contends
/// with other processes. A lease is passed on within the process up to 16 times or for half a ttl, without a request, before
/// others can get it.
///
/// Merging makes most locks unnecessary: concurrent edits of different fields do not need one. Use a lease for work that
/// must not be done twice, and for decisions that depend on several resources.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`ttl`](Self::ttl) | 15 seconds |
/// | renewal | after a third of the ttl; tried again every eighth of it |
/// | validity | two thirds of the ttl, from the start of the request that was granted |
///
/// # Example
///
/// ```
/// use ifmatch::{Leases, testing::ResourceServer};
/// use serde_json::Value;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), ifmatch::Error> {
/// let server = ResourceServer::start().await;
/// server.put("/reports/a", r#"{"views": 1}"#);
/// let client = server.in_process().build()?;
/// let leases = Leases::documents(&client, "leases");
///
/// let held = leases.acquire("nightly").owner("worker-7").await?;
/// let reports = client.collection::<Value>("reports").under(&held).fenced("/fence");
/// let saved = held
///     .run(async { reports.update("a", |report| report["views"] = 2.into()).await })
///     .await??;
/// assert_eq!(saved["fence"], 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Leases {
    service: Service,
    clock: Arc<dyn LeaseClock>,
    names: Arc<Names>,
    ttl: Duration,
    wait: Duration,
    observer: Option<Arc<dyn Observer>>,
}

/// The service, or how it is made for a collection.
#[derive(Clone)]
enum Service {
    Ready(Arc<dyn LeaseService>),
    /// The leases are on the resources of a collection that is not named yet.
    Of(Arc<dyn Fn(Collection<Value>) -> Arc<dyn LeaseService> + Send + Sync>),
}

/// A handle whose resources can be leased: a [`Collection`](crate::Collection).
pub trait LeaseTarget {
    #[doc(hidden)]
    fn documents(&self) -> Collection<Value>;
}

impl<T: ResourceData> LeaseTarget for Collection<T> {
    fn documents(&self) -> Collection<Value> {
        self.as_documents()
    }
}

impl Leases {
    /// Keeps each lease as a document of its own in a collection.
    ///
    /// Any API with conditional writes can hold them: a document is created, replaced and never removed. It has the members
    /// `holder`, `nonce`, `token`, `ttl` (in milliseconds) and `since`. No clock of another machine is believed: a lease is
    /// taken over once its document has not changed for its own ttl, as the contender counts.
    pub fn documents(client: &Client, path: impl IntoPath) -> Self {
        let documents = client.collection_with::<Value>(path, RemoteWins);
        let client = documents.handle().shared.clone();
        Self::of(Records::documents(documents)).of_client(&client)
    }

    /// Keeps each lease in the resource that it protects, at this JSON Pointer.
    ///
    /// Name the collection with [`on`](Self::on), and acquire a lease by the id of a resource. The resource has to exist.
    /// Its writes are fenced by the lease itself, so [`fenced`](crate::Collection::fenced) is not needed. Each renewal
    /// changes the version of the resource, which costs its other writers a round. The members are those of
    /// [`documents`](Self::documents).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Leases, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), ifmatch::Error> {
    /// let server = ResourceServer::start().await;
    /// server.put("/reports/a", r#"{"views": 1}"#);
    /// let reports = server.in_process().build()?.collection::<Value>("reports");
    /// let leases = Leases::field("/lock").on(&reports);
    ///
    /// let held = leases.acquire("a").await?;
    /// reports.under(&held).update("a", |report| report["views"] = 2.into()).await?;
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn field(pointer: impl Into<String>) -> Self {
        let pointer = pointer.into();
        Self::made_for(move |documents| Arc::new(Records::field(documents, pointer.clone())))
    }

    /// Locks the resource itself on a `WebDAV` server, with `LOCK` and `UNLOCK` (RFC 4918).
    ///
    /// Name the collection with [`on`](Self::on), and acquire a lease by the id of a resource. The resource has to exist:
    /// otherwise the call ends as `NotFound`, because a lock on nothing creates an empty resource on some servers. The
    /// requests have the headers and the query of the collection. Each write under the lease sends the token of the lock in
    /// `If`, besides `If-Match`. The server refuses the writes of everyone else, and a write whose lock is gone ends as
    /// `LeaseLost`. A removal of the resource ends the lock as well.
    ///
    /// The [ttl](Self::ttl) is rounded up to whole seconds. The server may grant less or more, and what it grants counts. If
    /// it grants a lock for ever, the ttl counts.
    ///
    /// The fencing token is the time of the grant by the clock of the server, in milliseconds since 1970. It tells later
    /// holders from earlier ones that are at least a second apart, so do not rely on it where the server checks the lock.
    ///
    /// If the response to a `LOCK` is lost, the lock is recognised by its owner. A server that hides owners leaves it
    /// unknown: lighttpd 1.4 does so, and the call ends as `OutcomeUnknown` unless the lock ends in time. That server
    /// refuses others long after the time of a lock is over.
    ///
    /// # Example
    ///
    /// ```no_run
    /// use ifmatch::{Client, Leases, profiles::WebDav};
    /// use serde_json::Value;
    ///
    /// # async fn f() -> Result<(), ifmatch::Error> {
    /// let client = Client::builder("https://dav.example.com/files").profile(WebDav).build()?;
    /// let files = client.collection::<Value>("settings");
    /// let leases = Leases::webdav().on(&files);
    ///
    /// let held = leases.acquire("app.json").owner("worker-7").await?;
    /// files.under(&held).update("app.json", |settings| settings["theme"] = "dark".into()).await?;
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn webdav() -> Self {
        Self::made_for(|documents| Arc::new(WebDavLocks::new(documents)))
    }

    /// Leases the blob itself in Azure Blob Storage, or in Azurite.
    ///
    /// Name the collection with [`on`](Self::on), and acquire a lease by the id of a blob, which has to exist. The requests
    /// have the headers and the query of the collection. Each write under the lease sends the id of the lease in
    /// `x-ms-lease-id`, besides `If-Match`. The service refuses the writes of everyone else, and a write whose lease is gone
    /// ends as `LeaseLost`. The service does not say who holds a lease.
    ///
    /// The [ttl](Self::ttl) is rounded up to whole seconds, from 15 to 60. The fencing token is the time of the grant by the
    /// clock of the service, in milliseconds since 1970, as with [`webdav`](Self::webdav).
    ///
    /// # Example
    ///
    /// ```no_run
    /// use ifmatch::{Client, Leases, profiles::AzureBlob};
    /// use serde_json::Value;
    ///
    /// # async fn f() -> Result<(), Box<dyn std::error::Error>> {
    /// let account = "https://account.blob.core.windows.net";
    /// let client = Client::builder(account).profile(AzureBlob).build()?;
    /// let blobs = client
    ///     .collection::<Value>("container")
    ///     .header("x-ms-blob-type".parse()?, "BlockBlob".parse()?);
    /// let leases = Leases::azure_blob().on(&blobs);
    ///
    /// let held = leases.acquire("report.json").await?;
    /// blobs.under(&held).update("report.json", |report| report["views"] = 2.into()).await?;
    /// held.release().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn azure_blob() -> Self {
        Self::made_for(|documents| Arc::new(BlobLeases::new(documents)))
    }

    /// Grants leases by a service of the application.
    pub fn of(service: impl LeaseService) -> Self {
        Self::with(Service::Ready(Arc::new(service)))
    }

    /// Takes the time that a call waits, and the observer, from a client.
    pub(super) fn of_client(self, client: &Shared) -> Self {
        Self {
            wait: client.exchange.limits.time,
            observer: client.observer.clone().or(self.observer),
            ..self
        }
    }

    pub(super) fn made_for(
        make: impl Fn(Collection<Value>) -> Arc<dyn LeaseService> + Send + Sync + 'static,
    ) -> Self {
        Self::with(Service::Of(Arc::new(make)))
    }

    fn with(service: Service) -> Self {
        Self {
            service,
            clock: Arc::new(SystemClock::new()),
            names: Arc::default(),
            ttl: TTL,
            wait: WAIT,
            observer: None,
        }
    }

    /// Names the collection whose resources are leased, for services that lock the resources themselves.
    pub fn on(self, collection: &impl LeaseTarget) -> Self {
        let documents = collection.documents();
        let client = documents.handle().shared.clone();
        let service = match self.service {
            Service::Of(make) => Service::Ready(make(documents)),
            ready @ Service::Ready(_) => ready,
        };
        let on = Self {
            service,
            // The same name is another lease now.
            names: Arc::default(),
            ..self
        };
        on.of_client(&client)
    }

    /// Sets the ttl (default 15 seconds, at least 100 milliseconds).
    ///
    /// If a holder stops, others wait for up to this time. A short ttl is renewed more often, and is lost more easily.
    ///
    /// The result has a queue of its own, like that of [`on`](Self::on) and [`clock`](Self::clock): share clones of the last
    /// one.
    pub fn ttl(self, ttl: Duration) -> Self {
        Self {
            ttl: ttl.max(SHORTEST_TTL),
            names: Arc::default(),
            ..self
        }
    }

    /// Sets the clocks (default those of the machine), for tests.
    pub fn clock(self, clock: impl LeaseClock) -> Self {
        Self {
            clock: Arc::new(clock),
            names: Arc::default(),
            ..self
        }
    }

    /// Sets who is told when a lease is acquired or lost (default the observer of the client that keeps the leases).
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{LeaseEvent, LeaseSeen, Leases, Observer, testing::ResourceServer};
    ///
    /// struct Losses;
    ///
    /// impl Observer for Losses {
    ///     fn lease(&self, lease: &LeaseSeen<'_>) {
    ///         if let LeaseEvent::Lost { because } = &lease.event {
    ///             eprintln!("{} is lost: {because}", lease.name);
    ///         }
    ///     }
    /// }
    ///
    /// # async fn run() -> Result<(), ifmatch::Error> {
    /// # let server = ResourceServer::start().await;
    /// # let client = server.in_process().build()?;
    /// let leases = Leases::documents(&client, "leases").observer(Losses);
    /// # Ok(())
    /// # }
    /// ```
    pub fn observer(self, observer: impl Observer) -> Self {
        Self {
            observer: Some(Arc::new(observer)),
            ..self
        }
    }

    /// Acquires a lease by its name.
    ///
    /// # Errors
    ///
    /// - `Exhausted` if the service has not answered in time.
    /// - `Locked` if another holder has it until the end of the [wait](Acquire::wait). The message names the holder, if the
    ///   service tells.
    /// - `OutcomeUnknown` if a response was lost, and nothing shows whether the lease was granted.
    /// - `Config` if the service needs a collection, and none was named with [`on`](Self::on).
    /// - The errors of the service otherwise, such as `Transport`.
    pub fn acquire(&self, name: impl Display) -> Acquire {
        let place = self.service().map(|service| Place {
            service,
            clock: self.clock.clone(),
            names: self.names.clone(),
            observer: self.observer.clone(),
        });
        Acquire::new(place, name.to_string(), self.ttl, self.wait)
    }

    /// Returns who holds a lease, or `None` if it is free. A lease whose holder has stopped counts as held.
    ///
    /// # Errors
    ///
    /// Returns the errors of the service, and `Config` if it needs a collection and none was named.
    pub async fn look(&self, name: impl Display) -> Result<Option<LeaseHolder>, Error> {
        let service = self.service().map_err(Error::config)?;
        let name = name.to_string();
        asked(panics::catch_in(SERVICE, service.look(&name)).await)
    }

    /// Ends the lease of another holder, who is not asked, for a person who knows that the holder is gone.
    ///
    /// It is for servers that keep a lock long after its time, and for locks without an end. A holder that is still there
    /// learns of it by its next renewal or write, which ends as [`LeaseLost`](crate::ErrorKind::LeaseLost). It does nothing if the
    /// lease is free.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the service cannot break a lease: only [`webdav`](Self::webdav) and
    /// [`azure_blob`](Self::azure_blob) can, and services of your own. Otherwise as [`look`](Self::look).
    pub async fn break_lock(&self, name: impl Display) -> Result<(), Error> {
        let service = self.service().map_err(Error::config)?;
        let name = name.to_string();
        asked(panics::catch_in(SERVICE, service.break_lock(&name)).await)
    }

    /// Returns the clocks.
    pub(super) fn clocks(&self) -> Arc<dyn LeaseClock> {
        self.clock.clone()
    }

    /// Returns the ttl that is asked for.
    pub(super) fn asked_ttl(&self) -> Duration {
        self.ttl
    }

    pub(super) fn service(&self) -> Result<Arc<dyn LeaseService>, String> {
        match &self.service {
            Service::Ready(service) => Ok(service.clone()),
            Service::Of(_) => {
                Err("these leases are on resources: name their collection with `Leases::on`".into())
            }
        }
    }
}

impl fmt::Debug for Leases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leases")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Isolation for Leases {
    async fn hold(&self, name: &str, wait: Duration) -> Result<Held, Error> {
        self.acquire(name).wait(wait).await
    }
}

/// Returns what a service has answered to a question.
fn asked<T>(answer: Result<Result<T, NotGranted>, panics::Panicked>) -> Result<T, Error> {
    match answer.map_err(|panicked| Error::config(panicked.to_string()))? {
        Ok(answer) => Ok(answer),
        Err(NotGranted::Failed(error) | NotGranted::Unknown(error)) => Err(error),
        Err(_) => Err(Error::new(
            ErrorKind::Locked,
            "another holder has the lease",
        )),
    }
}
