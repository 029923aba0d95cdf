//! How a client is set up.

use super::Client;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::address::{self, ApiVersion};
use crate::exchange::transport::{Reqwest, Transport};
use crate::exchange::{Authenticator, Exchange};
use crate::operations::refuse_conditions;
use crate::protocol::{Generic, Profile};
use crate::queue::Queues;
use crate::resolve::Derived;
use crate::retry::{Limits, Rate, RetryPolicy, ServerState};
use crate::store::{BestEffortStore, MemoryStore, Secret, SnapshotStore};
use crate::value::{Error, Observer};
use crate::write::request::practice::Altering;
use crate::write::request::target::{self, Shared};

/// How many writes to one resource wait for their turn.
const MAX_QUEUED_WRITES: usize = 4_096;

/// Sets a client up.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`https_only`](Self::https_only) | off: the base URL may be `http` |
/// | [`transport`](Self::transport) | reqwest, its own retries, redirects and decompression off |
/// | [`auth`](Self::auth) | none |
/// | [`api_version`](Self::api_version) | none |
/// | [`retry`](Self::retry) | [`RetryPolicy::default`] |
/// | [`profile`](Self::profile) | [`Generic`] |
/// | [`store`](Self::store) | [`MemoryStore`]: 10 000 snapshots, 64 MiB |
/// | [`store_secret`](Self::store_secret) | drawn at random for each client |
/// | [`limits`](Self::limits) | [`Limits::default`] |
/// | [`max_queued_writes`](Self::max_queued_writes) | 4 096 writes wait for their turn |
/// | [`rate_limit`](Self::rate_limit) | none |
/// | [`observer`](Self::observer) | none; `tracing` events if the feature is on |
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    base: String,
    https_only: bool,
    transport: Option<Arc<dyn Transport>>,
    authenticator: Option<Arc<dyn Authenticator>>,
    headers: HeaderMap,
    version: Option<ApiVersion>,
    retry: RetryPolicy,
    profile: Box<dyn Profile>,
    store: Box<dyn SnapshotStore>,
    secret: Option<Secret>,
    limits: Limits,
    observer: Option<Box<dyn Observer>>,
    max_queued_writes: usize,
    rate: Option<Rate>,
    fault: Option<Error>,
}

impl ClientBuilder {
    pub(super) fn new(base_url: &str) -> Self {
        Self {
            base: base_url.to_owned(),
            https_only: false,
            transport: None,
            authenticator: None,
            headers: HeaderMap::new(),
            version: None,
            retry: RetryPolicy::default(),
            profile: Box::new(Generic::default()),
            store: Box::new(MemoryStore::default()),
            secret: None,
            limits: Limits::default(),
            observer: None,
            max_queued_writes: MAX_QUEUED_WRITES,
            rate: None,
            fault: None,
        }
    }

    /// Refuses a base URL that is not `https`.
    ///
    /// Redirects, next pages and the addresses of new resources are held to the origin of the base URL,
    /// and so to its scheme: with this nothing is ever sent without TLS. A reqwest client of one's own
    /// has to be told as well, see [`http_client`](Self::http_client).
    pub fn https_only(mut self) -> Self {
        self.https_only = true;
        self
    }

    /// Sends through a reqwest client of one's own: proxies, certificates, timeouts.
    ///
    /// Build it with `retry(reqwest::retry::never())` and `redirect(reqwest::redirect::Policy::none())`:
    /// a layer that resends beneath the write loop makes it take its own write for another's, and one that
    /// follows redirects takes validators, and perhaps bodies and keys, to other servers. A redirect that
    /// it has followed is an error for a write, and for a read if it left the origin.
    pub fn http_client(self, client: reqwest::Client) -> Self {
        self.transport(Reqwest::with(client))
    }

    /// Sends through a transport of one's own.
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Credentials that change.
    pub fn auth(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// A bearer token (RFC 6750) on every request.
    pub fn bearer_token(mut self, token: impl AsRef<str>) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.as_ref())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        } else {
            let why = "the bearer token holds characters that no header can carry";
            self.fault = Some(Error::config(why));
        }
        self
    }

    /// Adds a header to every request. With a precondition (RFC 9110 13.1), [`build`](Self::build) returns a
    /// `Config` error: each call sets its own.
    pub fn default_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Which version of the API is spoken, said in every request.
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// When to try again.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// How the API spells versions and refusals.
    pub fn profile(mut self, profile: impl Profile) -> Self {
        self.profile = Box::new(profile);
        self
    }

    /// Where snapshots are kept.
    pub fn store(mut self, store: impl SnapshotStore) -> Self {
        self.store = Box::new(store);
        self
    }

    /// Sets the secret that keys the digests in [`SnapshotKey`](crate::SnapshotKey)s.
    ///
    /// Clients, processes and machines that share a store find each other's snapshots if they have the
    /// same secret. Use 32 random bytes and keep them as other secrets: with the secret, guesses at the user of a
    /// key can be checked. Default: each client draws its own at random, and what an earlier client cached is
    /// not found again.
    ///
    /// An empty secret is a `Config` error of [`build`](Self::build).
    ///
    /// # Example
    ///
    /// ```
    /// # fn secret() -> Vec<u8> { vec![7; 32] }
    /// # fn main() -> Result<(), ifmatch::Error> {
    /// let client = ifmatch::Client::builder("https://api.example.com/v1")
    ///     .store_secret(secret())
    ///     .build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn store_secret(mut self, secret: impl AsRef<[u8]>) -> Self {
        let secret = secret.as_ref();
        if secret.is_empty() {
            let why = "the secret of the snapshot store is empty: expected 32 random bytes";
            self.fault = Some(Error::config(why));
        }
        self.secret = Some(Secret::of(secret));
        self
    }

    /// Bounds.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many writes to one resource may queue, 4 096 if not set. Zero disables queueing, so writes
    /// run concurrently.
    ///
    /// Writes of one client, its clones included, to one resource take turns, and `update`s that wait go
    /// out together in one conditional request: 256 tasks that edit one document at once need about
    /// three requests. An edit that fails, that conflicts or for which the server refuses the whole is
    /// taken out and tried alone on the state that is there then. An `update` with a time, a number of rounds
    /// or a strategy of its own, with `if_absent`, or whose strategy asks a person, goes alone too.
    ///
    /// A write waits for another one only while that one goes on: if its future is not polled or its
    /// runtime stands still, the next write takes its turn after about 40 ms. Each call ends in its own
    /// time. One whose edit went out with others and of which nothing was heard by then ends as
    /// [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    ///
    /// Edits that go out together run on a task of the runtime of one of their callers, each in the
    /// `tracing` span of its own caller. Task-locals are not carried over.
    pub fn max_queued_writes(mut self, writes: usize) -> Self {
        self.max_queued_writes = writes;
        self
    }

    /// Sends at most so many requests in so much time: that many at once after a rest, and evenly spaced
    /// ones after those. Clones share the rate, and requests go out in the order in which they came.
    ///
    /// What the server says about its quotas (`Retry-After`, `RateLimit`) is heeded besides, with or without
    /// a rate. The time that a call is held back is in its report
    /// ([`waited`](crate::WriteReport::waited)) and counts towards its time; a call that would have to wait
    /// longer than its time ends at once, as `Exhausted`.
    pub fn rate_limit(mut self, requests: u32, per: Duration) -> Self {
        self.rate = Some(Rate::new(requests, per));
        self
    }

    /// Sets who is told of conflicts and writes. Its panics are logged and end no write.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Box::new(observer));
        self
    }

    /// Builds the client.
    ///
    /// # Errors
    ///
    /// `Config` if the base URL, the token, the secret of the store or the API version is invalid, if the base URL
    /// is not `https` although it has to be, if TLS cannot be set up, or if the system has no random numbers.
    pub fn build(mut self) -> Result<Client, Error> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        let mut base = address::base(&self.base)?;
        if self.https_only && base.scheme() != "https" {
            return Err(Error::config("the base URL is not https, and has to be"));
        }
        if let Some(version) = &self.version {
            base = version.apply_to(base, &mut self.headers)?;
        }
        let transport = match self.transport {
            Some(transport) => transport,
            None => Arc::new(Reqwest::new().map_err(|error| {
                Error::config("the HTTP client cannot be set up").with_source(error)
            })?),
        };
        let accept = target::accept(&self.headers, &*self.profile, self.version.as_ref());
        refuse_conditions(&self.headers)?;
        let secret = self.secret.map_or_else(Secret::random, Ok);
        let secret = secret.map_err(|error| {
            let why = "the system gives no random numbers for the keys of snapshots; `store_secret` sets a key";
            Error::config(why).with_source(error)
        })?;
        let exchange = Exchange {
            secret,
            transport,
            authenticator: self.authenticator,
            server: ServerState::new(&self.retry, self.rate),
            limits: self.limits,
            headers: self.headers,
        };
        let shared = Shared {
            exchange,
            retry: self.retry,
            hidden: self.profile.hidden_refusals(),
            profile: self.profile,
            version: self.version,
            accept,
            store: BestEffortStore::new(self.store),
            unsettled: Arc::default(),
            altering: Altering::default(),
            queues: (self.max_queued_writes > 0)
                .then(|| Arc::new(Queues::new(self.max_queued_writes))),
            derived: Derived::default(),
            observer: self.observer,
        };
        Ok(Client {
            shared: Arc::new(shared),
            base,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
