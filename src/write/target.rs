//! Where a write goes and how its bytes are made: what a handle was set to.

use std::any::Any;
use std::sync::Arc;

use ::http::header::ACCEPT;
use ::http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use super::abandoned::Abandoned;
use super::ending::Done;
use crate::api_version::ApiVersion;
use crate::exchange::Exchange;
use crate::http::{Problem, is_coded};
use crate::json::Document;
use crate::merge::Policy;
use crate::observe::Observer;
use crate::panics;
use crate::queue::{Permit, Queues, Work};
use crate::refusal::{
    Envelope, HiddenRefusal, Profile, RefusalKind, Told, Versioning, classify, judge,
};
use crate::retry::RetryPolicy;
use crate::store::{Filing, SnapshotKey, StoredSnapshot};
use crate::strategy::Derived;
use crate::transport::Response;

/// How a changed document is sent.
///
/// # Default
///
/// [`Put`](WriteMode::Put).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WriteMode {
    /// The whole document, by `PUT`.
    #[default]
    Put,
    /// The difference as a merge patch (RFC 7396), by `PATCH`. It cannot set a member to `null`:
    /// such an edit is a `Config` error.
    MergePatch,
    /// The difference as a JSON Patch (RFC 6902), by `PATCH`, with a `test` before each removal and
    /// replacement.
    JsonPatch,
}

fn media_type<'a>(profile: &'a dyn Profile, version: Option<&'a ApiVersion>) -> &'a str {
    let own = version.and_then(ApiVersion::as_media_type);
    own.unwrap_or_else(|| profile.media_type())
}

/// What requests ask for, unless their handle says otherwise: what the client was told to, or else the media
/// type of the API, and Problem Details where there is none.
pub(crate) fn accept(
    headers: &HeaderMap,
    profile: &dyn Profile,
    version: Option<&ApiVersion>,
) -> HeaderValue {
    let media_type = media_type(profile, version);
    let asked = format!("{media_type}, application/problem+json;q=0.9");
    let own = headers.get(ACCEPT).cloned();
    own.or_else(|| HeaderValue::from_str(&asked).ok())
        .unwrap_or(HeaderValue::from_static("application/json"))
}

/// Writes, as what permits are for.
pub(crate) struct Writes;

impl Work for Writes {
    type Key = SnapshotKey;
    type Job = Arc<dyn Any + Send + Sync>;
    type Answer = Answer;
}

/// How a write ended that went out for several callers.
pub(crate) struct Answer {
    pub(crate) done: Box<Done>,
    /// When it began.
    pub(crate) since: Instant,
    /// How many others it went out for.
    pub(crate) others: usize,
}

/// The right to write to a resource, next to none other of this client.
pub(crate) type WritePermit = Permit<Writes>;

/// What all calls of one client share.
pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) retry: RetryPolicy,
    pub(crate) profile: Box<dyn Profile>,
    /// By what 2xx replies tell refusals.
    pub(crate) hidden: Vec<HiddenRefusal>,
    pub(crate) version: Option<ApiVersion>,
    pub(crate) accept: HeaderValue,
    pub(crate) store: Filing,
    pub(crate) abandoned: Arc<Abandoned>,
    /// `None`: writes do not wait for each other.
    pub(crate) queues: Option<Arc<Queues<Writes>>>,
    /// One strategy for each type that derives it, so that edits through any handle can go together.
    pub(crate) derived: Derived,
    pub(crate) observer: Option<Box<dyn Observer>>,
}

impl Shared {
    /// What a refusal means. `pinned`: the request carried a condition.
    pub(crate) fn classify(&self, problem: &Problem, pinned: bool) -> RefusalKind {
        let version = self.version.as_ref();
        let by_media_type = version.is_some_and(|version| version.as_media_type().is_some());
        panics::named("the profile", || {
            classify(&*self.profile, by_media_type, problem, pinned)
        })
    }

    /// What a 2xx reply to a write says. `documents`: what the reply may be a copy of.
    pub(crate) fn told(&self, reply: &Response, documents: impl FnOnce() -> Vec<Document>) -> Told {
        if !self.hidden.is_empty() && !reply.body.is_empty() && is_coded(&reply.headers) {
            return Told::Doubtful;
        }
        let depth = self.exchange.limits.depth;
        judge(&self.hidden, &reply.body, depth, documents)
    }
}

/// One resource as a handle addresses it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) shared: Arc<Shared>,
    pub(crate) url: Url,
    pub(crate) headers: HeaderMap,
    pub(crate) mode: WriteMode,
    pub(crate) policy: Arc<Policy>,
    /// Where the list of write ids lies in the document.
    pub(crate) stamp: Option<String>,
    /// A lost write of which no change is visible is unknown instead of not landed.
    pub(crate) strict: bool,
    /// Where the document lies inside the body, if otherwise than the profile says.
    pub(crate) envelope: Option<Envelope>,
    /// Where versions travel.
    pub(crate) versioning: Versioning,
}

impl Target {
    pub(crate) fn envelope(&self) -> Envelope {
        let own = self.envelope.clone();
        own.unwrap_or_else(|| self.shared.profile.envelope())
    }

    /// The media type of documents.
    pub(crate) fn media_type(&self) -> &str {
        media_type(&*self.shared.profile, self.shared.version.as_ref())
    }

    /// Whether a write can be pinned to this snapshot: its version is one that a condition can use here,
    /// and all of it is at hand that has to go back.
    pub(crate) fn can_pin(&self, snapshot: &StoredSnapshot) -> bool {
        let version = snapshot.validator.as_ref();
        let whole = snapshot.frame.is_some() || !self.envelope().needs_rest();
        whole && version.is_some_and(|version| self.versioning.accepts(version))
    }
}
