//! The settings and the address of a handle, without its client.

use std::sync::Arc;

use url::Url;

use super::handle::OwnHeaders;
use super::outbox::schema::Schema;
use crate::address::UrlTemplate;
use crate::lease::LeaseBinding;
use crate::lens::Lens;
use crate::merge::Policy;
use crate::protocol::{Envelope, Format};
use crate::resolve::{RefusalHandler, RemoteWins, Strategy};
use crate::write::request::storage_behaviour::StorageBehaviour;
use crate::write::request::target::WriteMode;

/// The settings and the address of a handle.
pub(crate) struct HandleParts<T> {
    /// The address, or the error that the first call on the handle returns.
    pub(crate) url: Result<Url, Arc<str>>,
    pub(crate) id: Option<String>,
    /// Stands for the address in what is told.
    pub(crate) template: UrlTemplate,
    pub(crate) headers: OwnHeaders,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) mode: WriteMode,
    /// The policy for comparing documents.
    pub(crate) policy: Arc<Policy>,
    /// Puts values into documents.
    pub(crate) lens: Lens<T>,
    pub(crate) stamp: Option<String>,
    pub(crate) require_proof: bool,
    pub(crate) envelope: Option<Envelope>,
    pub(crate) format: Option<Arc<dyn Format>>,
    pub(crate) storage_behaviour: StorageBehaviour,
    pub(crate) strategy: Strategy<T>,
    /// Whether the application has set the strategy.
    pub(crate) has_own_strategy: bool,
    pub(crate) handler: Option<Arc<dyn RefusalHandler<T>>>,
    /// The schema of queued writes.
    pub(crate) schema: Schema,
    /// The lease under which the handle writes.
    pub(crate) lease: Option<LeaseBinding>,
    /// Whether its writes wait for no other write of this client to the same resource.
    pub(crate) skips_queue: bool,
}

impl<T> HandleParts<T> {
    /// Returns the same settings for plain documents, the remote state of which wins.
    pub(super) fn as_documents(&self) -> HandleParts<serde_json::Value> {
        let policy = Arc::new(Policy::default());
        HandleParts {
            url: self.url.clone(),
            id: self.id.clone(),
            template: self.template.clone(),
            headers: self.headers.clone(),
            query: self.query.clone(),
            mode: self.mode,
            lens: Lens::new(policy.clone()),
            policy,
            stamp: None,
            require_proof: false,
            envelope: self.envelope.clone(),
            format: self.format.clone(),
            storage_behaviour: self.storage_behaviour.clone(),
            strategy: Arc::new(RemoteWins),
            has_own_strategy: true,
            handler: None,
            schema: Schema::default(),
            lease: None,
            skips_queue: self.skips_queue,
        }
    }

    /// Returns the same settings for another address.
    pub(super) fn over(&self, url: Result<Url, Arc<str>>, id: Option<String>) -> Self {
        Self {
            url,
            template: match (&id, &self.url) {
                (Some(_), Ok(own)) => self.template.of_item(own),
                _ => self.template.clone(),
            },
            id,
            headers: self.headers.clone(),
            query: self.query.clone(),
            mode: self.mode,
            policy: self.policy.clone(),
            lens: self.lens.clone(),
            stamp: self.stamp.clone(),
            require_proof: self.require_proof,
            envelope: self.envelope.clone(),
            format: self.format.clone(),
            storage_behaviour: self.storage_behaviour.clone(),
            strategy: self.strategy.clone(),
            has_own_strategy: self.has_own_strategy,
            handler: self.handler.clone(),
            schema: self.schema.clone(),
            lease: self.lease.clone(),
            skips_queue: self.skips_queue,
        }
    }
}
