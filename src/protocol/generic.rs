//! The profile for APIs that have no profile of their own. It can also extend another profile.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use http::{HeaderMap, HeaderName};
use url::Url;

use super::{
    Batch, ConflictService, Envelope, Feed, FoundVersion, HiddenRefusal, JSON, MERGE_PATCH,
    Profile, RefusalKind, Translation, Versioning, WriteRoute, message_words,
};
use crate::json::Document;
use crate::protocol::{Problem, Validator};

/// The profile for every API that has none of its own.
///
/// It reads entity tags, Problem Details and the common shapes of error bodies in JSON.
///
/// # Default
///
/// Versions are strong entity tags. A 409 is a race only if the version has changed. Idempotency keys are
/// sent but not relied on. The table of meanings is empty, and a 2xx is a success.
///
/// # Example
///
/// ```
/// use ifmatch::{Generic, RefusalKind, Versioning};
///
/// let profile = Generic::new()
///     .map_code("https://api.example.com/problems/unpaid", RefusalKind::InvalidState)
///     .map_code("NAME_TAKEN", RefusalKind::AlreadyExists)
///     .versioning(Versioning::body_field("/version"));
/// # let _ = profile;
/// ```
#[derive(Clone, Default)]
pub struct Generic {
    versioning: Option<Versioning>,
    envelope: Option<Envelope>,
    route: Option<WriteRoute>,
    feed: Option<Feed>,
    current: Option<String>,
    meanings: HashMap<String, RefusalKind>,
    hidden: Vec<HiddenRefusal>,
    batch: Option<Batch>,
    conflict_service: Option<ConflictService>,
    honours_keys: bool,
    stores_as_sent: Option<bool>,
    returns_stored: bool,
    beneath: Option<Arc<dyn Profile>>,
}

impl Generic {
    /// Creates the profile with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a profile that extends another one, for example with your own meanings or versioning.
    ///
    /// Settings not made here come from the other profile. If you set another versioning or envelope, the
    /// other profile no longer reads the current state from refusals, because it expects its own.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Generic, RefusalKind, profiles::Kubernetes};
    ///
    /// let profile = Generic::over(Kubernetes).map_code("Forbidden", RefusalKind::InvalidState);
    /// # let _ = profile;
    /// ```
    pub fn over(profile: impl Profile) -> Self {
        Self {
            beneath: Some(Arc::new(profile)),
            ..Self::default()
        }
    }

    /// Sets where versions are found and how they are sent (default [`Versioning::default`]).
    pub fn versioning(mut self, versioning: Versioning) -> Self {
        self.versioning = Some(versioning);
        self
    }

    /// Sets where the document lies inside the body (default: it is the body).
    pub fn envelope(mut self, envelope: Envelope) -> Self {
        self.envelope = Some(envelope);
        self
    }

    /// Sets the method and the address for writing whole documents, and the address for reading them (default
    /// [`WriteRoute::put`]).
    pub fn write_route(mut self, route: WriteRoute) -> Self {
        self.route = Some(route);
        self
    }

    /// Sets the request by which the API applies several writes, all of them or none (default: none).
    ///
    /// Transactions whose writes fit into it are committed by it. Set it only if the endpoint is atomic and keeps the
    /// preconditions of its parts, which [`Client::probe_batch`](crate::Client::probe_batch) checks.
    pub fn batch(mut self, batch: Batch) -> Self {
        self.batch = Some(batch);
        self
    }

    /// Sets the JSON Pointer at which the refusal of a stale version contains the whole current state.
    ///
    /// The state is then merged without another read. Its version is found where a read has it.
    ///
    /// The state has the form of the body of a read, envelope included. `""` is the whole body of the
    /// refusal. Use this only if the API leaves no member out there, because the next write would remove a
    /// missing member.
    ///
    /// # Example
    ///
    /// ```
    /// // `{"error": "stale", "current": {"title": …, "version": 8}}`
    /// let profile = ifmatch::Generic::new()
    ///     .versioning(ifmatch::Versioning::body_field("/version"))
    ///     .current_at("/current");
    /// # let _ = profile;
    /// ```
    pub fn current_at(mut self, pointer: impl Into<String>) -> Self {
        self.current = Some(pointer.into());
        self
    }

    /// Sets the meaning of a refusal by the `type` of its Problem Details, as an absolute URI, or by its machine code.
    ///
    /// The type is [`Problem::problem_type`], in which a relative reference is already resolved. The code is
    /// [`Problem::code`]. The type is looked up first. The meaning applies at every status, including 403, 429 and 500,
    /// and to reads as well as writes.
    ///
    /// A refusal whose kind allows the same request again ([`Transient`](RefusalKind::Transient),
    /// [`InFlight`](RefusalKind::InFlight)) is retried after a wait. A 5xx with a meaning counts as a
    /// refusal, which means that the server did not carry out the request. To give a meaning to a status that comes
    /// without type and code, implement [`Profile::classify`].
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Generic, RefusalKind};
    ///
    /// let profile = Generic::new()
    ///     .map_code("https://api.example.com/problems/room-closed", RefusalKind::InvalidState) // a type
    ///     .map_code("MAINTENANCE", RefusalKind::Transient); // a code: not applied, so it may be sent again
    /// # let _ = profile;
    /// ```
    pub fn map_code(mut self, type_or_code: impl Into<String>, kind: RefusalKind) -> Self {
        self.meanings.insert(type_or_code.into(), kind);
        self
    }

    /// Sets the meaning of a problem type or a machine code.
    #[deprecated(since = "0.2.0", note = "renamed to `map_code`")]
    pub fn meaning(self, type_or_code: impl Into<String>, kind: RefusalKind) -> Self {
        self.map_code(type_or_code, kind)
    }

    /// Adds a rule that detects a refusal in the body of a 2xx response.
    ///
    /// The first rule that matches sets the kind. The rules of a profile that this one [extends](Self::over)
    /// come last.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Generic, HiddenRefusal, RefusalKind};
    ///
    /// let stale = HiddenRefusal::when("/succeeded", false).meaning(RefusalKind::StaleVersion);
    /// let profile = Generic::new().hidden_refusal(stale);
    /// # let _ = profile;
    /// ```
    pub fn hidden_refusal(mut self, refusal: HiddenRefusal) -> Self {
        self.hidden.push(refusal);
        self
    }

    /// Sets how the API tells which resources have changed (default that of the profile beneath, or none).
    pub fn feed(mut self, feed: Feed) -> Self {
        self.feed = Some(feed);
        self
    }

    /// Sets where the API tells of conflicts and takes what a person has decided (default that of the profile beneath, or
    /// the paths and members of [`ConflictService`]).
    pub fn conflict_service(mut self, service: ConflictService) -> Self {
        self.conflict_service = Some(service);
        self
    }

    /// Declares that the server honours idempotency keys (default no).
    ///
    /// A `POST` may then be sent again after a lost response.
    pub fn honours_idempotency_keys(mut self) -> Self {
        self.honours_keys = true;
        self
    }

    /// Sets whether the server stores documents exactly as they are sent.
    ///
    /// By default, a version in the response to a `PUT` is taken to mean this, until a read shows otherwise.
    /// [`Collection::stores_as_sent`](crate::Collection::stores_as_sent) takes precedence over this setting.
    pub fn stores_as_sent(mut self, as_sent: bool) -> Self {
        self.stores_as_sent = Some(as_sent);
        self
    }

    /// Declares that responses to writes show the resource as it is stored.
    ///
    /// By default, this holds only if the response itself says so. See
    /// [`Collection::returns_stored`](crate::Collection::returns_stored).
    pub fn returns_stored(mut self) -> Self {
        self.returns_stored = true;
        self
    }

    fn kind_of(&self, problem: &Problem) -> Option<RefusalKind> {
        let of_type = self.meanings.get(problem.problem_type());
        let of_code = || self.meanings.get(problem.code()?);
        of_type.or_else(of_code).copied()
    }
}

impl Profile for Generic {
    fn versioning(&self) -> Versioning {
        match (&self.versioning, &self.beneath) {
            (Some(own), _) => own.clone(),
            (None, Some(beneath)) => beneath.versioning(),
            (None, None) => Versioning::default(),
        }
    }

    fn envelope(&self) -> Envelope {
        match (&self.envelope, &self.beneath) {
            (Some(own), _) => own.clone(),
            (None, Some(beneath)) => beneath.envelope(),
            (None, None) => Envelope::none(),
        }
    }

    fn write_route(&self) -> WriteRoute {
        match (&self.route, &self.beneath) {
            (Some(own), _) => own.clone(),
            (None, Some(beneath)) => beneath.write_route(),
            (None, None) => WriteRoute::default(),
        }
    }

    fn translation(&self, base: &Url) -> Option<Translation> {
        self.beneath.as_ref()?.translation(base)
    }

    fn feed(&self) -> Option<Feed> {
        let beneath = || self.beneath.as_ref()?.feed();
        self.feed.clone().or_else(beneath)
    }

    fn media_type(&self) -> &'static str {
        let beneath = self.beneath.as_ref();
        beneath.map_or(JSON, |beneath| beneath.media_type())
    }

    fn patch_media_type(&self) -> &'static str {
        let beneath = self.beneath.as_ref();
        beneath.map_or(MERGE_PATCH, |beneath| beneath.patch_media_type())
    }

    fn hidden_refusals(&self) -> Vec<HiddenRefusal> {
        let mut hidden = self.hidden.clone();
        if let Some(beneath) = &self.beneath {
            hidden.extend(beneath.hidden_refusals());
        }
        hidden
    }

    fn classify(&self, problem: &Problem) -> Option<RefusalKind> {
        self.kind_of(problem).or_else(|| match &self.beneath {
            Some(beneath) => beneath.classify(problem),
            None => message_words::of_conflict(problem),
        })
    }

    fn current(&self, problem: &Problem, headers: &HeaderMap) -> Option<(Document, Validator)> {
        if let Some(pointer) = &self.current {
            let body = Document::parse(problem.raw()).ok()?.pointer(pointer)?;
            let versioning = self.versioning();
            // There is no clock here, so a date counts only if the response has a `Date` field.
            return match versioning.of_read(headers, &body, UNIX_EPOCH) {
                FoundVersion::Version(version) if !problem.truncated() => Some((body, version)),
                _ => None,
            };
        }
        let beneath = self.beneath.as_ref()?;
        match (&self.versioning, &self.envelope) {
            (None, None) => beneath.current(problem, headers),
            _ => None,
        }
    }

    fn monitor_headers(&self) -> Vec<HeaderName> {
        let beneath = self.beneath.as_ref();
        beneath.map_or_else(super::usual_monitors, |beneath| beneath.monitor_headers())
    }

    fn stores_as_sent(&self) -> Option<bool> {
        let beneath = || self.beneath.as_ref()?.stores_as_sent();
        self.stores_as_sent.or_else(beneath)
    }

    fn returns_stored(&self) -> bool {
        let beneath = self.beneath.as_ref();
        self.returns_stored || beneath.is_some_and(|beneath| beneath.returns_stored())
    }

    fn versions_beneath(&self) -> Option<&'static str> {
        self.beneath.as_ref()?.versions_beneath()
    }

    fn batch(&self) -> Option<Batch> {
        let beneath = || self.beneath.as_ref()?.batch();
        self.batch.clone().or_else(beneath)
    }

    fn conflict_service(&self) -> ConflictService {
        let beneath = || Some(self.beneath.as_ref()?.conflict_service());
        let own = self.conflict_service.clone();
        own.or_else(beneath).unwrap_or_default()
    }

    fn honours_idempotency_keys(&self) -> bool {
        let beneath = || {
            let beneath = self.beneath.as_ref();
            beneath.is_some_and(|beneath| beneath.honours_idempotency_keys())
        };
        self.honours_keys || beneath()
    }
}

impl fmt::Debug for Generic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generic")
            .field("versioning", &self.versioning)
            .field("envelope", &self.envelope)
            .field("route", &self.route)
            .field("feed", &self.feed)
            .field("current", &self.current)
            .field("meanings", &self.meanings)
            .field("hidden", &self.hidden)
            .field("batch", &self.batch)
            .field("conflict_service", &self.conflict_service)
            .field("honours_keys", &self.honours_keys)
            .field("stores_as_sent", &self.stores_as_sent)
            .field("returns_stored", &self.returns_stored)
            .field("over", &self.beneath.is_some())
            .finish()
    }
}
