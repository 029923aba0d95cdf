//! A handle: its settings, its address and its client, and what every operation asks of it.

use std::ops::{Deref, DerefMut};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::Instant;
use url::Url;

use super::handle_parts::HandleParts;
use super::outbox::schema::Schema;
use crate::address::{PathError, UrlTemplate};
use crate::json::Document;
use crate::lens::Lens;
use crate::protocol::{CONDITIONS, Format};
use crate::resolve::Strategy;
use crate::retry::later;
use crate::store::{HeadersDigest, SnapshotKey, StoredSnapshot};
use crate::support::panics;
use crate::value::{Error, Sides};
use crate::write::request::body::accept;
use crate::write::request::storage_behaviour::StorageBehaviour;
use crate::write::request::target::{Shared, Target, WriteMode};

/// A type of resources, implemented for every type that serde can serialize and deserialize.
pub trait ResourceData: Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<T: Serialize + DeserializeOwned + Send + Sync + 'static> ResourceData for T {}

/// The settings and the address of a handle, with its client.
pub(crate) struct Handle<T> {
    pub(crate) shared: Arc<Shared>,
    parts: HandleParts<T>,
}

impl<T> Clone for Handle<T> {
    fn clone(&self) -> Self {
        self.over(self.url.clone(), self.id.clone())
    }
}

impl<T> Deref for Handle<T> {
    type Target = HandleParts<T>;

    fn deref(&self) -> &HandleParts<T> {
        &self.parts
    }
}

impl<T> DerefMut for Handle<T> {
    fn deref_mut(&mut self) -> &mut HandleParts<T> {
        &mut self.parts
    }
}

impl<T> Handle<T> {
    /// Returns the same settings for another address.
    pub(crate) fn over(&self, url: Result<Url, Arc<str>>, id: Option<String>) -> Self {
        Self {
            shared: self.shared.clone(),
            parts: self.parts.over(url, id),
        }
    }

    /// Returns the handle without its client, which it does not keep alive.
    pub(crate) fn downgrade(&self) -> WeakHandle<T> {
        WeakHandle {
            shared: Arc::downgrade(&self.shared),
            parts: self.parts.over(self.url.clone(), self.id.clone()),
        }
    }
}

/// A handle that does not keep its client alive.
pub(crate) struct WeakHandle<T> {
    shared: Weak<Shared>,
    parts: HandleParts<T>,
}

impl<T> WeakHandle<T> {
    /// Returns the schema of its documents.
    pub(crate) fn schema(&self) -> u32 {
        self.parts.schema.number
    }

    /// Returns the handle, if its client is still there.
    pub(crate) fn upgrade(&self) -> Option<Handle<T>> {
        Some(Handle {
            shared: self.shared.upgrade()?,
            parts: self
                .parts
                .over(self.parts.url.clone(), self.parts.id.clone()),
        })
    }
}

impl<T: ResourceData> Handle<T> {
    pub(crate) fn new(
        shared: Arc<Shared>,
        url: Result<Url, PathError>,
        strategy: Strategy<T>,
    ) -> Self {
        let policy = Arc::new(strategy.policy().unwrap_or_default());
        Self {
            shared,
            parts: HandleParts {
                url: url.map_err(|error| error.to_string().into()),
                id: None,
                template: UrlTemplate::default(),
                headers: OwnHeaders::default(),
                query: Vec::new(),
                mode: WriteMode::default(),
                lens: Lens::new(policy.clone()),
                policy,
                stamp: None,
                require_proof: false,
                envelope: None,
                format: None,
                storage_behaviour: StorageBehaviour::default(),
                strategy,
                has_own_strategy: false,
                handler: None,
                schema: Schema::default(),
                lease: None,
                skips_queue: false,
            },
        }
    }

    /// Returns the same handle for plain documents, the remote state of which wins.
    pub(crate) fn as_documents(&self) -> Handle<serde_json::Value> {
        Handle {
            shared: self.shared.clone(),
            parts: self.parts.as_documents(),
        }
    }

    pub(crate) fn with_own_strategy(mut self) -> Self {
        self.has_own_strategy = true;
        self
    }

    /// Returns the headers of this handle alone.
    pub(crate) fn own_headers(&self) -> &HeaderMap {
        &self.headers.map
    }

    /// Sets the format of the bodies, and the merge rule that it brings.
    pub(crate) fn set_format(&mut self, format: Arc<dyn Format>) {
        let rule = panics::catch(panics::VALUE, || format.default_rule());
        if let Some(rule) = rule.ok().flatten().filter(|_| !self.has_own_strategy) {
            let named = format!("{} {rule:?}", accept(&*format));
            let policy = (*self.policy).clone().default_rule(rule);
            self.lens = self.lens.with_policy(&policy);
            self.strategy = self.shared.derived.by::<T>(named, &policy);
            self.policy = Arc::new(policy);
        }
        self.format = Some(format);
    }

    /// Returns the path of the resource for what is told about it, with `{id}` in place of an id.
    #[cfg(feature = "tracing")]
    pub(crate) fn shown(&self, is_item: bool) -> String {
        match &self.url {
            Ok(url) if is_item => self.template.of_item(url).of(url).to_owned(),
            Ok(url) => self.template.of(url).to_owned(),
            Err(_) => "an invalid address".to_owned(),
        }
    }

    /// Checks that the document of a new value reads back as the value.
    pub(crate) fn check_new(&self, written: &Document) -> Result<(), Error> {
        self.lens.check_new(written).map_err(|error| {
            Error::unfaithful(error).with_sides(Sides::<T> {
                base: None,
                local: written.decode().ok(),
                remote: None,
                fields: Vec::new(),
            })
        })
    }

    /// Returns the resource with the settings that the write loop needs.
    pub(crate) fn target(&self) -> Result<Target, Error> {
        let mut url = self.url.clone().map_err(|why| Error::config(&*why))?;
        let no_json = self.format.as_ref().filter(|format| !format.is_json());
        if let Some(format) = no_json.filter(|_| self.mode != WriteMode::Put) {
            return Err(Error::config(format!(
                "the write mode {:?} is for JSON documents, and this handle has the format {}",
                self.mode,
                format.media_type()
            )));
        }
        refuse_conditions(&self.headers.map)?;
        let profile = &*self.shared.profile;
        let route = profile.write_route();
        route.add_suffix(&mut url);
        if !self.query.is_empty() {
            url.query_pairs_mut().extend_pairs(&self.query);
        }
        if let Some(version) = &self.shared.version {
            version.put_on(&mut url);
        }
        let versioning = profile.versioning();
        let invalid = |error: crate::BoxError| Error::config(error.to_string());
        let read_url = route.lead_to_read(&url).map_err(invalid)?;
        Ok(Target {
            shared: self.shared.clone(),
            url,
            read_url,
            template: self.template.clone(),
            headers: self.headers.map.clone(),
            mode: self.mode,
            policy: self.policy.clone(),
            stamp: self.stamp.clone(),
            require_proof: self.require_proof,
            envelope: self.envelope.clone(),
            format: self.format.clone(),
            lease: self.lease.clone(),
            carrier: None,
            storage_behaviour: self.storage_behaviour.clone().over(profile, &versioning),
            versioning,
            route,
        })
    }

    /// Returns the context of a call that starts now.
    pub(crate) async fn call_context(&self, time: Option<Duration>) -> Result<CallContext, Error> {
        let (target, since) = (self.target()?, Instant::now());
        let exchange = &self.shared.exchange;
        let time = time.unwrap_or(exchange.limits.time);
        let asked = || {
            let mut headers = target.headers.clone();
            crate::write::request::reading::accept(&target, &mut headers);
            headers
        };
        let headers_digest = self
            .headers
            .headers_digest
            .get_or_init(|| exchange.headers_digest(asked()));
        let credentials = exchange.whose(asked, later(since, time)).await;
        let view = target.view();
        let key = SnapshotKey::new(
            &exchange.secret,
            &target.url,
            *headers_digest,
            view.as_deref(),
            credentials,
        );
        Ok(CallContext {
            target: Arc::new(target),
            key,
            since,
            time,
        })
    }
}

/// Returns an error if the headers of the application contain a precondition, because each call sets its own.
///
/// With such a precondition, a read would be answered 304 whatever is stored, and a write would be pinned to a
/// version that its value was not read from.
pub(crate) fn refuse_conditions(headers: &HeaderMap) -> Result<(), Error> {
    match CONDITIONS.iter().find(|name| headers.contains_key(*name)) {
        None => Ok(()),
        Some(name) => Err(Error::config(format!(
            "the header `{name}` cannot be set here, because each call sets its own precondition: save or delete a value \
             that was read, pin an action with `Action::pinned`, or `restore` a value with the version that you have"
        ))),
    }
}

/// The headers of a handle, and their digest for the keys of its snapshots.
#[derive(Clone, Default)]
pub(crate) struct OwnHeaders {
    map: HeaderMap,
    /// Computed once, by the first call, for all handles with these headers.
    headers_digest: Arc<OnceLock<HeadersDigest>>,
}

impl OwnHeaders {
    pub(crate) fn insert(&mut self, name: HeaderName, value: HeaderValue) {
        self.map.insert(name, value);
        self.headers_digest = Arc::default();
    }
}

/// The target and the time limit of a call that has started.
#[derive(Clone)]
pub(crate) struct CallContext {
    pub(crate) target: Arc<Target>,
    /// The key under which snapshots of the resource are cached.
    pub(crate) key: SnapshotKey,
    pub(crate) since: Instant,
    pub(crate) time: Duration,
}

impl CallContext {
    pub(crate) fn deadline(&self) -> Instant {
        later(self.since, self.time)
    }

    /// Returns the cached snapshot, if a precondition can use its version here.
    pub(crate) async fn cached(&self) -> Option<StoredSnapshot> {
        let store = &self.target.shared.store;
        let cached = store.get(&self.key, self.deadline()).await?;
        self.target.can_pin(&cached).then_some(cached)
    }
}
