//! Where a write goes and how its bytes are made: what a handle was set to.

use std::any::Any;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use crate::address::ApiVersion;
use crate::exchange::Exchange;
use crate::exchange::transport::Response;
use crate::json::Document;
use crate::merge::Policy;
use crate::protocol::{
    Envelope, HiddenRefusal, Meaning, Problem, Profile, RefusalKind, RequestFacts, SuccessVerdict,
    Versioning, WriteRoute, is_coded, judge_success, meaning,
};
use crate::queue::{Permit, Queues, Work};
use crate::resolve::Derived;
use crate::retry::RetryPolicy;
use crate::store::{BestEffortStore, SnapshotKey, StoredSnapshot};
use crate::support::panics;
use crate::value::{AlteredSeen, Observer, observer};
use crate::write::outcome::WriteOutcome;
use crate::write::recovery::unsettled::UnsettledWrites;
use crate::write::request::practice::{Altering, Practice};

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
    type Answer = BatchAnswer;
}

/// How a write ended that went out for several callers.
pub(crate) struct BatchAnswer {
    pub(crate) done: Box<WriteOutcome>,
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
    pub(crate) store: BestEffortStore,
    pub(crate) unsettled: Arc<UnsettledWrites>,
    /// Collections whose documents are other than what was sent.
    pub(crate) altering: Altering,
    /// `None`: writes do not wait for each other.
    pub(crate) queues: Option<Arc<Queues<Writes>>>,
    /// One strategy for each type that derives it, so that edits through any handle can go together.
    pub(crate) derived: Derived,
    pub(crate) observer: Option<Box<dyn Observer>>,
}

impl Shared {
    /// What a reply that is no success means.
    pub(crate) fn meaning(
        &self,
        problem: &Problem,
        headers: &HeaderMap,
        asked: RequestFacts,
    ) -> Meaning {
        let version = self.version.as_ref();
        let by_media_type = version.is_some_and(|version| version.as_media_type().is_some());
        panics::named("the profile", || {
            let now = SystemTime::now();
            meaning(&*self.profile, by_media_type, problem, headers, asked, now)
        })
    }

    /// What a refusal means. `pinned`: the request carried a condition.
    pub(crate) fn classify(&self, problem: &Problem, pinned: bool) -> RefusalKind {
        let asked = RequestFacts {
            pinned,
            ..RequestFacts::default()
        };
        self.meaning(problem, &HeaderMap::new(), asked).kind
    }

    /// What a 2xx reply to a write says. `documents`: what the reply may be a copy of.
    pub(crate) fn success_verdict(
        &self,
        reply: &Response,
        documents: impl FnOnce() -> Vec<Document>,
    ) -> SuccessVerdict {
        if !self.hidden.is_empty() && !reply.body.is_empty() && is_coded(&reply.headers) {
            return SuccessVerdict::Doubtful;
        }
        let depth = self.exchange.limits.depth;
        judge_success(&self.hidden, &reply.body, depth, documents)
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
    /// A lost write of which no change is visible is unknown instead of not applied.
    pub(crate) require_proof: bool,
    /// Where the document lies inside the body, if otherwise than the profile says.
    pub(crate) envelope: Option<Envelope>,
    /// Where versions travel.
    pub(crate) versioning: Versioning,
    /// Where whole documents are written.
    pub(crate) route: WriteRoute,
    /// How the API stores and removes.
    pub(crate) practice: Practice,
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
    /// and all of it is at hand that has to go back. What no read has shown is not known where the server
    /// stores something else than what is sent.
    pub(crate) fn can_pin(&self, snapshot: &StoredSnapshot) -> bool {
        if snapshot.unread && self.stores_as_sent() == Some(false) {
            return false;
        }
        let version = snapshot.validator.as_ref();
        let whole = snapshot.rest.is_some() || !self.envelope().needs_rest();
        whole && version.is_some_and(|version| self.versioning.accepts(version))
    }

    /// Whether documents are stored as they are sent; `None`: the server is taken at its word.
    pub(crate) fn stores_as_sent(&self) -> Option<bool> {
        let seen = || self.shared.altering.has(&self.url).then_some(false);
        self.practice.stores_as_sent.or_else(seen)
    }

    /// Compares what a read shows with what was cached for the same version without having been read: where
    /// they differ, the server stores something else than what is sent.
    pub(crate) fn check(&self, cached: &StoredSnapshot, read: &StoredSnapshot) {
        let same_version = cached.validator.is_some() && cached.validator == read.validator;
        if !cached.unread
            || !same_version
            || cached.says_the_same(read, self.envelope().needs_rest())
        {
            return;
        }
        if self.shared.altering.note(&self.url) {
            let seen = AlteredSeen::new(self.url.path());
            observer::altered(self.shared.observer.as_deref(), &seen);
        }
    }

    /// Whether the body shows another object than the snapshot, by the member that tells objects apart.
    pub(crate) fn is_another(&self, known: Option<&StoredSnapshot>, body: &Document) -> bool {
        let (Some(pointer), Some(known)) = (&self.practice.identity, known) else {
            return false;
        };
        let envelope = self.envelope();
        let known = envelope.wrap_original(&known.document, known.rest.as_ref());
        let known = known.and_then(|known| known.pointer(pointer));
        known.is_some_and(|known| body.pointer(pointer).is_some_and(|now| now != known))
    }

    /// Whether the body says that its object is being removed.
    pub(crate) fn is_marked(&self, body: &Document) -> bool {
        let mark = self.practice.deletion_mark.as_ref();
        let mark = mark.and_then(|pointer| body.pointer(pointer));
        mark.is_some_and(|mark| !matches!(mark.as_str().trim(), "null" | "false" | "\"\""))
    }
}
