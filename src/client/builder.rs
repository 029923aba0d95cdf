//! The configuration of a client.

mod build;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName, HeaderValue};

use crate::address::ApiVersion;
use crate::exchange::Authenticator;
use crate::exchange::transport::{Layer, Reqwest, Transport};
use crate::journal::Journal;
use crate::protocol::{Generic, Profile};
use crate::retry::{Limits, Rate, RetryPolicy};
use crate::store::{MemoryStore, Secret, SnapshotStore};
use crate::value::{Error, Observer};

/// Default of [`ClientBuilder::max_queued_writes`].
const MAX_QUEUED_WRITES: usize = 4_096;

/// A builder that configures a [`Client`](crate::Client).
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`https_only`](Self::https_only) | off: the base URL may be `http` |
/// | [`transport`](Self::transport) | reqwest, with its own retries, redirects and decompression turned off |
/// | [`layer`](Self::layer) | none |
/// | [`auth`](Self::auth) | none |
/// | [`api_version`](Self::api_version) | none |
/// | [`retry`](Self::retry) | [`RetryPolicy::default`] |
/// | [`profile`](Self::profile) | [`Generic`] |
/// | [`store`](Self::store) | [`MemoryStore`]: 10 000 snapshots, 64 MiB |
/// | [`store_secret`](Self::store_secret) | that of the journal, or random for each client |
/// | [`journal`](Self::journal) | none: unfinished writes end with the process |
/// | [`journal_awaited`](Self::journal_awaited) | on, if there is a journal |
/// | [`limits`](Self::limits) | [`Limits::default`] |
/// | [`max_queued_writes`](Self::max_queued_writes) | 4 096 writes for each resource |
/// | [`rate_limit`](Self::rate_limit) | none |
/// | [`observer`](Self::observer) | none. Spans and events of `tracing` do not depend on it |
#[must_use = "a builder does nothing until `build`"]
pub struct ClientBuilder {
    base: String,
    https_only: bool,
    transport: Option<Arc<dyn Transport>>,
    layers: Vec<Layer>,
    authenticator: Option<Arc<dyn Authenticator>>,
    headers: HeaderMap,
    version: Option<ApiVersion>,
    retry: RetryPolicy,
    profile: Box<dyn Profile>,
    store: Box<dyn SnapshotStore>,
    secret: Option<Secret>,
    journal: Option<Journal>,
    journals_awaited: bool,
    limits: Limits,
    observer: Option<Arc<dyn Observer>>,
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
            layers: Vec::new(),
            authenticator: None,
            headers: HeaderMap::new(),
            version: None,
            retry: RetryPolicy::default(),
            profile: Box::new(Generic::default()),
            store: Box::new(MemoryStore::default()),
            secret: None,
            journal: None,
            journals_awaited: true,
            limits: Limits::default(),
            observer: None,
            max_queued_writes: MAX_QUEUED_WRITES,
            rate: None,
            fault: None,
        }
    }

    /// Rejects a base URL that is not `https`. By default, `http` is accepted.
    ///
    /// Redirects, next pages and the addresses of new resources have to stay on the origin of the base URL, and so
    /// on its scheme. With this setting, nothing is ever sent without TLS. If you use your own reqwest client, see
    /// [`http_client`](Self::http_client) for the settings that it needs.
    pub fn https_only(mut self) -> Self {
        self.https_only = true;
        self
    }

    /// Sends requests through your own reqwest client, with its proxies, certificates and timeouts.
    ///
    /// Build it with `retry(reqwest::retry::never())` and `redirect(reqwest::redirect::Policy::none())`. If
    /// reqwest resends a write by itself, the client takes its own write for another client's. If reqwest follows
    /// redirects, validators, and perhaps bodies and keys, are sent to other servers. A redirect that reqwest has
    /// followed is an error for a write, and for a read if it left the origin.
    pub fn http_client(self, client: reqwest::Client) -> Self {
        self.transport(Reqwest::with_client(client))
    }

    /// Sends requests through your own transport (default reqwest).
    pub fn transport(mut self, transport: impl Transport) -> Self {
        self.transport = Some(Arc::new(transport));
        self
    }

    /// Wraps the transport in a layer, which sees every request just before it is sent, and its response (default no
    /// layer).
    ///
    /// `layer` gets the transport to wrap: the default one, or the one set by [`transport`](Self::transport) or
    /// [`http_client`](Self::http_client), also if it is set after this call. With several layers, the last one
    /// added is the outermost: it sees the request first and the response last.
    ///
    /// A request is complete when it reaches a layer. It has its method, address, body and all headers, including
    /// credentials and preconditions, so a layer can sign it. When the client sends a request again, or follows a
    /// redirect, the layer sees it again and signs it anew. A layer may add and replace headers and change the query.
    /// It must leave the preconditions as they are. `layer` itself is called by [`build`](Self::build).
    ///
    /// A layer must pass on a write once and return the response to it. It may pass it on again only if the write was
    /// certainly not applied: if the server refused it (4xx, but not 400 or 408), or never got it ([`Fate::NotSent`]). Any
    /// other second request is stopped, with an error for the layer: one to the same path of the same origin, and one to
    /// the same path of another origin with the same body, also if the layer made it anew. A response to another request,
    /// and one to a read that followed a redirect of a write, is an error for the call. In both cases the client finds out
    /// whether the write was applied. Requests with a safe method (RFC 9110 9.2.1) may be repeated.
    ///
    /// These are not detected: a request that a layer sends past `next`, one that it made anew and sends from a task
    /// that it spawned, and a second one with another method or to another path. If a layer panics, only the call whose
    /// request it had is affected: a write is settled like one whose response was lost.
    ///
    /// # Example: a header with the time of sending
    ///
    /// ```
    /// use std::sync::Arc;
    /// use std::time::{SystemTime, UNIX_EPOCH};
    /// use ifmatch::transport::{Request, Response, TransportError};
    /// use ifmatch::{Client, Transport, async_trait};
    ///
    /// struct Stamped(Arc<dyn Transport>);
    ///
    /// #[async_trait]
    /// impl Transport for Stamped {
    ///     async fn send(&self, mut request: Request) -> Result<Response, TransportError> {
    ///         let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    ///         request.headers.insert("x-sent-at", time.as_secs().into());
    ///         self.0.send(request).await
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), ifmatch::Error> {
    /// let client = Client::builder("https://api.example.com/v1").layer(Stamped).build()?;
    /// # let _ = client;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// [`Fate::NotSent`]: crate::transport::Fate::NotSent
    ///
    /// The example `signed_requests` signs whole requests.
    pub fn layer<T: Transport>(
        mut self,
        layer: impl FnOnce(Arc<dyn Transport>) -> T + Send + Sync + 'static,
    ) -> Self {
        let layer: Layer = Box::new(|next| Arc::new(layer(next)));
        self.layers.push(layer);
        self
    }

    /// Sets the authenticator, which adds credentials to each request and renews them (default none).
    pub fn auth(mut self, authenticator: impl Authenticator) -> Self {
        self.authenticator = Some(Arc::new(authenticator));
        self
    }

    /// Adds a bearer token (RFC 6750) to every request.
    pub fn bearer_token(mut self, token: impl AsRef<str>) -> Self {
        if let Ok(mut value) = HeaderValue::from_str(&format!("Bearer {}", token.as_ref())) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        } else {
            let why = "the bearer token contains characters that are not allowed in a header";
            self.fault = Some(Error::config(why));
        }
        self
    }

    /// Adds a user and a password to every request (Basic authentication, RFC 7617).
    ///
    /// Requests without TLS show both to the network. If the user contains a colon, [`build`](Self::build) returns a
    /// `Config` error.
    pub fn basic_auth(mut self, user: impl AsRef<str>, password: impl AsRef<str>) -> Self {
        if user.as_ref().contains(':') {
            let why = "the user of `basic_auth` contains a colon, which ends the user there";
            self.fault = Some(Error::config(why));
        }
        let pair = [user.as_ref(), ":", password.as_ref()].concat();
        let value = format!("Basic {}", BASE64_STANDARD.encode(pair));
        // Base64 is always a header value.
        if let Ok(mut value) = HeaderValue::from_str(&value) {
            value.set_sensitive(true);
            self.headers.insert(AUTHORIZATION, value);
        }
        self
    }

    /// Adds a header to every request.
    ///
    /// If the header is a precondition (RFC 9110 13.1), [`build`](Self::build) returns a `Config` error, because
    /// each call sets its own preconditions.
    pub fn default_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the API version that every request asks for (default none).
    pub fn api_version(mut self, version: ApiVersion) -> Self {
        self.version = Some(version);
        self
    }

    /// Sets the waits before retries (default [`RetryPolicy::default`]).
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// Sets the profile, which describes how the API represents versions and refusals (default [`Generic`]).
    pub fn profile(mut self, profile: impl Profile) -> Self {
        self.profile = Box::new(profile);
        self
    }

    /// Sets where snapshots are cached (default [`MemoryStore`]; see [`SnapshotStore`] for the others).
    pub fn store(mut self, store: impl SnapshotStore) -> Self {
        self.store = Box::new(store);
        self
    }

    /// Sets the secret that keys the digests in [`SnapshotKey`](crate::SnapshotKey)s (default random for each
    /// client).
    ///
    /// Clients, processes and machines that share a store find each other's snapshots if they have the same
    /// secret. With the default, a client does not find the snapshots that an earlier client cached. Use 32 random
    /// bytes, and protect them like other secrets: with the secret, a guess at the user of a key can be checked.
    ///
    /// If the secret is empty, [`build`](Self::build) returns a `Config` error.
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

    /// Keeps unfinished writes in a journal (default none). See [`Journal`].
    ///
    /// The digests in the keys of snapshots are then keyed by the secret of the journal, unless
    /// [`store_secret`](Self::store_secret) sets one, so they stay the same in later processes.
    pub fn journal(mut self, journal: Journal) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Sets whether the journal keeps the requests of calls that are awaited (default `true`).
    ///
    /// With `true`, a `save`, `create`, `update` or `delete` costs one durable append. If the process ends before the
    /// response arrives, a `save` of the same read or the same `create` in a later process finds out whether the request was
    /// applied. With `false`, only queued writes are kept. Without a journal, this setting has no effect.
    pub fn journal_awaited(mut self, keeps: bool) -> Self {
        self.journals_awaited = keeps;
        self
    }

    /// Sets the limits on time, rounds, retries and sizes (default [`Limits::default`]).
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Sets how many writes to one resource may queue (default 4 096).
    ///
    /// Zero disables queueing, so writes run concurrently.
    ///
    /// Writes to one resource by one client and its clones take turns, if their handles have the same headers and the
    /// same format. Queued `update`s are sent together in one conditional request, so 256 tasks that edit one document
    /// at once need about three requests. An edit that fails, conflicts or makes the server refuse the whole request is
    /// removed from the request and then tried alone on the current state. An `update` is also sent alone if it sets its own
    /// time, number of rounds or strategy, if it uses `if_absent`, or if its strategy asks a person.
    ///
    /// A write waits for another one only while the other one makes progress. If the future of the other write is
    /// not polled, or its runtime is blocked, the next write goes ahead after about 40 ms. Each call keeps its own
    /// deadline. If the edit of a call was sent with others and its result is not known at that deadline, the call
    /// ends as [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown).
    ///
    /// Edits that are sent together run on a task of the runtime of one of their callers, each in the
    /// `tracing` span of its own caller. Task-locals are not carried over.
    pub fn max_queued_writes(mut self, writes: usize) -> Self {
        self.max_queued_writes = writes;
        self
    }

    /// Sets how many writes to one resource may queue.
    #[deprecated(since = "0.2.0", note = "renamed to `max_queued_writes`")]
    pub fn lane(self, writes: usize) -> Self {
        self.max_queued_writes(writes)
    }

    /// Limits the client to `requests` per `per`, with a burst of that size after an idle period (default no
    /// limit).
    ///
    /// After the burst, requests are evenly spaced. Clones share the rate, and requests are sent in the order of
    /// their arrival.
    ///
    /// The client also respects the server's quotas (`Retry-After`, `RateLimit`), with or without a rate. The
    /// delay of a call is in its report ([`waited`](crate::WriteReport::waited)) and counts towards its
    /// deadline. A call that would have to wait past its deadline ends at once, as `Exhausted`.
    pub fn rate_limit(mut self, requests: u32, per: Duration) -> Self {
        self.rate = Some(Rate::new(requests, per));
        self
    }

    /// Sets the observer of refusals and writes (default none). A panic in its `conflict` method ends the write.
    /// Other panics are logged.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").finish_non_exhaustive()
    }
}
