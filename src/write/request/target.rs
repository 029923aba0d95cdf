//! The target of a request ([`Target`]), and the state that all calls of a client share ([`Shared`]).

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::header::ACCEPT;
use http::{HeaderMap, HeaderValue};
use tokio::time::Instant;
use url::Url;

use crate::address::{ApiVersion, UrlTemplate};
use crate::exchange::transport::Response;
use crate::exchange::{AttemptSeen, Exchange, RequestPurpose, Watch, Watched};
use crate::journal::Journal;
use crate::json::Document;
use crate::lease::LeaseBinding;
use crate::merge::Policy;
use crate::protocol::{
    Envelope, Format, HiddenRefusal, Meaning, Problem, Profile, RefusalKind, RequestFacts,
    SuccessVerdict, Versioning, WriteRoute, is_coded, judge_success, meaning,
};
use crate::queue::{Permit, Queues, Work};
use crate::resolve::Derived;
use crate::retry::{RetryPolicy, WaitReason};
use crate::store::{BestEffortStore, SnapshotKey, StoredSnapshot};
use crate::support::hints::Hints;
use crate::support::panics;
use crate::value::{AlteredSeen, Observer, WaitSeen, observer};
use crate::write::machine::events::Goal;
use crate::write::outcome::WriteOutcome;
use crate::write::queued::OutboxState;
use crate::write::recovery::unsettled::UnsettledWrites;
use crate::write::request::carrier::Carrier;
use crate::write::request::storage_behaviour::{AlteringCollections, StorageBehaviour};

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
    /// The difference as a merge patch (RFC 7396), by `PATCH`. It cannot set a member to `null`, so such an edit is a
    /// `Config` error.
    MergePatch,
    /// The difference as a JSON Patch (RFC 6902), by `PATCH`, with a `test` before each removal and
    /// replacement.
    JsonPatch,
    /// The difference as a `PatchOp` of SCIM (RFC 7644 3.5.2), by `PATCH`.
    ///
    /// A path leads to an attribute or a sub-attribute. A list of values, such as the members of a group, is sent as a
    /// whole. A `null` removes the attribute. An edit of a member that is not an attribute is a `Config` error.
    ScimPatch,
}

fn media_type<'a>(profile: &'a dyn Profile, version: Option<&'a ApiVersion>) -> &'a str {
    let own = version.and_then(ApiVersion::as_media_type);
    own.unwrap_or_else(|| profile.media_type())
}

/// Returns the `Accept` header of requests whose handle sets none. It is the client's own header, or else the media
/// type of the API together with Problem Details.
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

/// The kind of work in the write queues: keys are resources, and jobs are edits that may be batched.
pub(crate) struct Writes;

impl Work for Writes {
    type Key = SnapshotKey;
    type Job = Arc<dyn Any + Send + Sync>;
    type Answer = BatchAnswer;
}

/// The outcome of a write that was sent for several callers.
pub(crate) struct BatchAnswer {
    pub(crate) done: Box<WriteOutcome>,
    /// When the write began.
    pub(crate) since: Instant,
    /// How many other callers it was sent for.
    pub(crate) others: usize,
}

/// The right to write to a resource. A client grants it to one write at a time.
pub(crate) type WritePermit = Permit<Writes>;

/// The state shared by all calls of one client.
pub(crate) struct Shared {
    pub(crate) exchange: Exchange,
    pub(crate) retry: RetryPolicy,
    pub(crate) profile: Box<dyn Profile>,
    /// Rules that detect refusals in 2xx responses.
    pub(crate) hidden: Vec<HiddenRefusal>,
    pub(crate) version: Option<ApiVersion>,
    pub(crate) accept: HeaderValue,
    pub(crate) store: BestEffortStore,
    pub(crate) unsettled: Arc<UnsettledWrites>,
    /// Keeps marks of writes before their requests leave.
    pub(crate) journal: Option<Journal>,
    pub(crate) outbox: OutboxState,
    /// Whether the requests of awaited calls are recorded too.
    pub(crate) journals_awaited: bool,
    /// Collections that store something other than what is sent.
    pub(crate) altering: AlteringCollections,
    /// The write queues. If `None`, writes do not wait for each other.
    pub(crate) queues: Option<Arc<Queues<Writes>>>,
    /// One strategy for each type that derives it, so that edits through any handle can be batched.
    pub(crate) derived: Derived,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    /// What the application has heard of changes, for watches.
    pub(crate) hints: Hints,
}

impl Shared {
    /// Whether the requests of awaited calls with this goal are recorded. A later call cannot recognise a new document in
    /// a collection, nor an action.
    pub(crate) fn records_awaited(&self, goal: Goal) -> bool {
        self.journals_awaited && !matches!(goal, Goal::Append | Goal::Act)
    }

    /// Returns the media type of documents.
    pub(crate) fn media_type(&self) -> &str {
        media_type(&*self.profile, self.version.as_ref())
    }

    /// Tells the observer about a request that was sent.
    pub(crate) fn tell_attempt(&self, attempt: &AttemptSeen<'_>) {
        if attempt.status.is_some() {
            self.outbox.answered();
        }
        observer::attempt(self.observer.as_deref(), attempt);
    }

    /// Tells the observer about a wait.
    pub(crate) fn tell_wait(&self, template: &str, url: &Url, reason: WaitReason, time: Duration) {
        let seen = WaitSeen::new(template, reason, time);
        observer::waited(self.observer.as_deref(), &seen);
        #[cfg(feature = "metrics")]
        if reason == WaitReason::Backoff {
            let server = url.host_str().unwrap_or_default();
            crate::value::metrics::budget_left(server, self.exchange.server.budget_left());
        }
        #[cfg(not(feature = "metrics"))]
        let _ = url;
    }

    /// Classifies a response that is not a success.
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

    /// Classifies a refusal. `pinned` states whether the request carried a condition.
    pub(crate) fn classify(&self, problem: &Problem, pinned: bool) -> RefusalKind {
        let asked = RequestFacts {
            has_condition: pinned,
            ..RequestFacts::default()
        };
        self.meaning(problem, &HeaderMap::new(), asked).kind
    }

    /// Judges a 2xx response to a write. `documents` returns the documents that the response may be a copy of.
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

/// One resource, as a handle addresses it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) shared: Arc<Shared>,
    pub(crate) url: Url,
    /// Where the resource is read, if the route places it elsewhere.
    pub(crate) read_url: Option<Url>,
    pub(crate) template: UrlTemplate,
    pub(crate) headers: HeaderMap,
    pub(crate) mode: WriteMode,
    pub(crate) policy: Arc<Policy>,
    /// JSON Pointer to the list of write ids in the document.
    pub(crate) stamp: Option<String>,
    /// Whether a lost write without a visible change counts as unknown instead of not applied.
    pub(crate) require_proof: bool,
    /// The location of the document inside the body, if it differs from the profile's.
    pub(crate) envelope: Option<Envelope>,
    /// The format of bodies, if they are not JSON of the profile's media type.
    pub(crate) format: Option<Arc<dyn Format>>,
    /// Where versions are sent and received.
    pub(crate) versioning: Versioning,
    /// Method and address for writes of whole documents.
    pub(crate) route: WriteRoute,
    /// How the API stores and removes.
    pub(crate) storage_behaviour: StorageBehaviour,
    /// The lease under which is written.
    pub(crate) lease: Option<LeaseBinding>,
    /// Takes the writes to the server, if they are not requests of their own.
    pub(crate) carrier: Option<Arc<dyn Carrier>>,
}

impl Watch for Target {
    fn template(&self) -> &str {
        self.template.of(&self.url)
    }

    fn attempt(&self, attempt: &AttemptSeen<'_>) {
        self.shared.tell_attempt(attempt);
    }

    fn waited(&self, reason: WaitReason, time: Duration) {
        self.shared
            .tell_wait(self.template(), &self.url, reason, time);
    }
}

impl Target {
    /// Returns who is told about a request to this target.
    pub(crate) fn watched(&self, purpose: RequestPurpose, resends: u32) -> Watched<'_> {
        Watched {
            watch: self,
            purpose,
            resends,
        }
    }

    pub(crate) fn envelope(&self) -> Envelope {
        let own = self.envelope.clone();
        own.unwrap_or_else(|| self.shared.profile.envelope())
    }

    /// Returns the media type of documents.
    pub(crate) fn media_type(&self) -> &str {
        let own = self.format.as_ref().map(|format| format.media_type());
        own.unwrap_or_else(|| self.shared.media_type())
    }

    /// Whether a write can be pinned to this snapshot. A condition must be able to use its version, and the parts
    /// of the body outside the document must be known. If the server stores something other than what is sent, a
    /// state that was never read cannot be used.
    pub(crate) fn can_pin(&self, snapshot: &StoredSnapshot) -> bool {
        if snapshot.is_unread && self.stores_as_sent() == Some(false) {
            return false;
        }
        let version = snapshot.validator.as_ref();
        let whole = snapshot.rest.is_some() || !self.envelope().needs_rest();
        whole && version.is_some_and(|version| self.versioning.accepts(version))
    }

    /// Whether documents are stored as they are sent. If `None`, the response of the server is trusted.
    pub(crate) fn stores_as_sent(&self) -> Option<bool> {
        let seen = || self.shared.altering.has(&self.url).then_some(false);
        self.storage_behaviour.stores_as_sent.or_else(seen)
    }

    /// Compares a read with a snapshot of the same version that was cached without being read. If they differ, the
    /// server stores something other than what is sent.
    pub(crate) fn check(&self, cached: &StoredSnapshot, read: &StoredSnapshot) {
        let same_version = cached.validator.is_some() && cached.validator == read.validator;
        if !cached.is_unread
            || !same_version
            || cached.says_the_same(read, self.envelope().needs_rest())
        {
            return;
        }
        if self.shared.altering.note(&self.url) {
            let seen = AlteredSeen::new(self.url.path(), self.template());
            observer::altered(self.shared.observer.as_deref(), &seen);
        }
    }

    /// Whether the body shows an object other than the snapshot's, judged by the member that identifies objects.
    pub(crate) fn is_another(&self, known: Option<&StoredSnapshot>, body: &Document) -> bool {
        let (Some(pointer), Some(known)) = (&self.storage_behaviour.identity, known) else {
            return false;
        };
        let envelope = self.envelope();
        let known = envelope.wrap_original(&known.document, known.rest.as_ref());
        let known = known.and_then(|known| known.pointer(pointer));
        known.is_some_and(|known| body.pointer(pointer).is_some_and(|now| now != known))
    }

    /// Whether the body marks its object as being removed.
    pub(crate) fn is_marked(&self, body: &Document) -> bool {
        let mark = self.storage_behaviour.deletion_mark.as_ref();
        let mark = mark.and_then(|pointer| body.pointer(pointer));
        mark.is_some_and(|mark| !matches!(mark.as_str().trim(), "null" | "false" | "\"\""))
    }
}
