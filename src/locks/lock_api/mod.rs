//! A lock API, described as data.

mod dialects;
mod request;

use std::time::Duration;

use http::{HeaderName, Method, StatusCode};

pub(super) use request::rfc3339;
pub use request::{LockPlace, LockRequest, LockValue};

/// The time of a lock that has no end. A longer one does not fit into every clock.
const FOR_EVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The description of an API that locks resources, set with [`Leases::resource`](crate::Leases::resource).
///
/// It says how a lock is acquired, renewed and released, how a refusal is recognised, and how a write shows that it is made
/// under the lock. Two dialects are ready for use: [`wopi`](Self::wopi) and [`terraform`](Self::terraform).
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`renew`](Self::renew) | none: a lease lasts for its time and is not renewed |
/// | [`look`](Self::look) | none: [`Leases::look`](crate::Leases::look) is a `Config` error |
/// | [`held_on`](Self::held_on) | 409 and 423 mean that another one holds the lock |
/// | [`lost_on`](Self::lost_on) | 404, 409, 410, 412 and 423 mean that a lock is no longer ours |
/// | [`holder`](Self::holder) | where a problem usually names it |
/// | [`id`](Self::id) | unknown |
/// | [`granted_id`](Self::granted_id) | the server takes the id that is sent |
/// | [`lasts`](Self::lasts), [`granted_seconds`](Self::granted_seconds) | the lock lasts for as long as is asked |
/// | [`token`](Self::token) | the API has no fencing tokens, so [`Lease::token`](crate::Lease::token) is 0 |
/// | [`write_header`](Self::write_header), [`write_query`](Self::write_query) | writes show nothing |
/// | [`writes_elsewhere`](Self::writes_elsewhere) | off: a lease protects the address that is locked, and no other |
///
/// # Example
///
/// A lock is created by `PUT …/lock` with `{"id": …, "seconds": …}`, and each write has its id in a header.
///
/// ```
/// use ifmatch::{HeaderName, LockApi, LockPlace, LockRequest, LockValue, Method};
///
/// let lock = LockRequest::new(Method::PUT)
///     .beneath("lock")
///     .member("id", LockValue::Id)
///     .member("seconds", LockValue::Seconds);
/// let unlock = LockRequest::new(Method::DELETE).beneath("lock").query("id", LockValue::Id);
/// let api = LockApi::new(lock.clone(), unlock)
///     .renew(lock)
///     .id(LockPlace::member("/id"))
///     .write_header(HeaderName::from_static("x-lock-id"));
/// # let _ = api;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a description does nothing until leases are made of it"]
pub struct LockApi {
    pub(super) acquire: LockRequest,
    pub(super) renew: Option<LockRequest>,
    pub(super) release: LockRequest,
    pub(super) look: Option<LockRequest>,
    pub(super) held: Vec<StatusCode>,
    pub(super) lost: Vec<StatusCode>,
    pub(super) holder: Option<LockPlace>,
    pub(super) id: Option<LockPlace>,
    pub(super) granted_id: Option<LockPlace>,
    pub(super) granted_seconds: Option<LockPlace>,
    pub(super) token: Option<LockPlace>,
    pub(super) lasts: Option<Duration>,
    pub(super) write_header: Option<HeaderName>,
    pub(super) write_query: Option<String>,
    pub(super) writes_elsewhere: bool,
}

impl LockApi {
    /// Describes an API by the requests that acquire and release a lock.
    pub fn new(acquire: LockRequest, release: LockRequest) -> Self {
        Self {
            acquire,
            renew: None,
            release,
            look: None,
            held: vec![StatusCode::CONFLICT, StatusCode::LOCKED],
            lost: vec![
                StatusCode::NOT_FOUND,
                StatusCode::CONFLICT,
                StatusCode::GONE,
                StatusCode::PRECONDITION_FAILED,
                StatusCode::LOCKED,
            ],
            holder: None,
            id: None,
            granted_id: None,
            granted_seconds: None,
            token: None,
            lasts: None,
            write_header: None,
            write_query: None,
            writes_elsewhere: false,
        }
    }

    /// Sets the request that renews a lock.
    ///
    /// It must not lock a resource that is no longer locked. Otherwise a holder would not learn of its loss.
    pub fn renew(mut self, request: LockRequest) -> Self {
        self.renew = Some(request);
        self
    }

    /// Sets the request that asks who holds a lock.
    ///
    /// A 404, or a response without an [id](Self::id), means that it is free.
    pub fn look(mut self, request: LockRequest) -> Self {
        self.look = Some(request);
        self
    }

    /// Sets the methods that acquire and release a lock.
    pub fn methods(mut self, acquire: Method, release: Method) -> Self {
        (self.acquire.method, self.release.method) = (acquire, release);
        self
    }

    /// Sends all lock requests to a segment below the resource, such as `lock`.
    pub fn beneath(mut self, segment: impl Into<String>) -> Self {
        let segment = segment.into();
        let others = [self.renew.as_mut(), self.look.as_mut()];
        let all = [&mut self.acquire, &mut self.release];
        for request in all.into_iter().chain(others.into_iter().flatten()) {
            request.segments.push(segment.clone());
        }
        self
    }

    /// Sets the statuses by which the request that acquires a lock says that another one holds it (default 409 and 423).
    pub fn held_on(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.held = statuses.into_iter().collect();
        self
    }

    /// Sets the statuses by which the requests that renew and release a lock say that it is not ours (default 404, 409, 410,
    /// 412 and 423). Any other status but a success is an error, after which a renewal is tried again.
    pub fn lost_on(mut self, statuses: impl IntoIterator<Item = StatusCode>) -> Self {
        self.lost = statuses.into_iter().collect();
        self
    }

    /// Sets where a refusal names the holder, for people (default: where a problem usually names it).
    pub fn holder(mut self, place: LockPlace) -> Self {
        self.holder = Some(place);
        self
    }

    /// Sets where a refusal, and the response to [`look`](Self::look), has the id of the lock that is held (default
    /// unknown).
    ///
    /// By it, a holder whose response was lost recognises its own lock.
    pub fn id(mut self, place: LockPlace) -> Self {
        self.id = Some(place);
        self
    }

    /// Sets where the response that grants a lock has its id, if the server chooses it.
    ///
    /// A lost response is then an `OutcomeUnknown`, because nothing shows the id.
    pub fn granted_id(mut self, place: LockPlace) -> Self {
        self.granted_id = Some(place);
        self
    }

    /// Sets where the response that grants or renews a lock has its time, in seconds. If it is missing there, the lock
    /// [lasts](Self::lasts) as set.
    pub fn granted_seconds(mut self, place: LockPlace) -> Self {
        self.granted_seconds = Some(place);
        self
    }

    /// Sets where the response that grants a lock has a number that rises with each holder (default: the API has none, and
    /// the fencing token is 0).
    pub fn token(mut self, place: LockPlace) -> Self {
        self.token = Some(place);
        self
    }

    /// Sets for how long a lock lasts, whatever is asked for.
    pub fn lasts(mut self, time: Duration) -> Self {
        self.lasts = Some(time.min(FOR_EVER));
        self
    }

    /// Declares that a lock lasts until it is released.
    ///
    /// A program that ends without releasing leaves the lock there, and a person has to remove it.
    pub fn lasts_for_ever(self) -> Self {
        self.lasts(FOR_EVER)
    }

    /// Sets the header that shows the id of the lock in each write. The server must refuse a write without it.
    pub fn write_header(mut self, name: HeaderName) -> Self {
        self.write_header = Some(name);
        self
    }

    /// Sets the query parameter that shows the id of the lock in each write. The server must refuse a write without it.
    pub fn write_query(mut self, name: impl Into<String>) -> Self {
        self.write_query = Some(name.into());
        self
    }

    /// Declares that the content that a lock protects has another address than the lock.
    ///
    /// Writes at any address can then be made under the lease.
    pub fn writes_elsewhere(mut self) -> Self {
        self.writes_elsewhere = true;
        self
    }

    /// Whether a lock has no end.
    pub(super) fn has_no_end(&self) -> bool {
        self.lasts == Some(FOR_EVER)
    }
}
