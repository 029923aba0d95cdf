//! `action`: an operation of a resource that is not a write of its document, such as shipping an order.

use std::fmt::{self, Display};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use super::action_hooks::{CarriedOut, Guard};
use super::guard_result::GuardResult;
use super::seen_version::SeenVersion;
use super::send_action::SendAction;
use super::write_settings::WriteSettings;
use crate::address::IntoPath;
use crate::json::Document;
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::Error;
use crate::write::request::action::ActionBody;

/// An action on a resource, such as shipping an order, returned by [`Resource::action`](crate::Resource::action).
///
/// An action is a request at or below the address of a resource. It changes the resource by rules of the server,
/// so the client never merges. What it does after a race or a lost response depends on the settings:
///
/// | setting | precondition | after a race | after a lost response |
/// |---|---|---|---|
/// | (no setting) | none, unless the server demands one (428) | not detected | [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) |
/// | [`pinned`](Self::pinned) | the version that was seen | [`Conflict`](crate::ErrorKind::Conflict), with the new state as the remote side | [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) |
/// | [`guard`](Self::guard) | the version that the guard accepted | the guard is asked about the new state, and the action is sent again if it agrees | [`OutcomeUnknown`](crate::ErrorKind::OutcomeUnknown) |
/// | [`done_when`](Self::done_when) | as above | as above | success if the new state shows the action; otherwise it is sent again under the same rules |
/// | [`idempotent`](Self::idempotent) | as above | as above | the same request is sent again, with the same key |
///
/// Each action carries an `Idempotency-Key`. The cached snapshot of the resource is dropped before the action is sent, so
/// the next write reads first, even if the future of the action is dropped. If the response is the resource, it is
/// cached. Actions take turns with other actions and writes, as
/// [`max_queued_writes`](crate::ClientBuilder::max_queued_writes) says.
///
/// # Default
///
/// `POST`, without a precondition.
///
/// # Example
///
/// ```no_run
/// # use ifmatch::{Client, Merge, Reply};
/// # use serde::{Deserialize, Serialize};
/// #[derive(Serialize, Deserialize, Merge)]
/// struct Order {
///     paid: bool,
///     shipment: Option<String>,
/// }
///
/// # #[derive(Deserialize)] struct Shipment { number: String }
/// # async fn f(client: Client) -> Result<(), ifmatch::Error> {
/// let orders = client.collection::<Order>("orders");
/// let order = orders.get(7).await?;
/// // POST /orders/7/ship, with the version of `order` in `If-Match`
/// let reply: Reply<Shipment> = orders
///     .item(7)
///     .action("ship")
///     .pinned(&order)
///     .guard(|order| order.paid)
///     .done_when(|order| order.shipment.is_some())
///     .send(&serde_json::json!({"carrier": "post"}))
///     .await?;
/// if let Some(shipment) = reply.value() {
///     println!("shipped as {}", shipment.number);
/// }
/// # Ok(())
/// # }
/// ```
#[must_use = "nothing is sent before `send`"]
pub struct Action<T> {
    settings: Box<ActionSettings<T>>,
}

#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub(super) struct ActionSettings<T> {
    pub(super) write: WriteSettings<T>,
    pub(super) handle: Handle<T>,
    pub(super) path: Vec<String>,
    /// The address of the action, if it is not below that of the resource.
    pub(super) elsewhere: Option<Url>,
    /// Whether the action is only for a resource that does not exist.
    pub(super) requires_absence: bool,
    pub(super) ends_in_slash: bool,
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    pub(super) query: Vec<(String, String)>,
    /// The snapshot to which the action is pinned, or the reason why it cannot be.
    pub(super) pinned: Option<Result<StoredSnapshot, String>>,
    pub(super) guard: Option<Guard<T>>,
    pub(super) carried_out: Option<CarriedOut<T>>,
    pub(super) key: Option<String>,
    pub(super) idempotent: bool,
    pub(super) returns_resource: bool,
}

impl<T: ResourceData> Action<T> {
    pub(crate) fn new(handle: Handle<T>, path: impl IntoPath) -> Self {
        let ends_in_slash = path.ends_in_slash();
        let mut path = path.into_segments();
        if path.iter().all(String::is_empty) {
            // The action is at the address of the resource.
            path.clear();
        }
        Self {
            settings: Box::new(ActionSettings {
                write: WriteSettings::default(),
                handle,
                path,
                elsewhere: None,
                requires_absence: false,
                ends_in_slash,
                method: Method::POST,
                headers: HeaderMap::new(),
                query: Vec::new(),
                pinned: None,
                guard: None,
                carried_out: None,
                key: None,
                idempotent: false,
                returns_resource: false,
            }),
        }
    }

    /// An action on a resource at another address of the API, pinned to a state of the resource, or to its absence.
    pub(crate) fn elsewhere(handle: Handle<T>, url: Url, seen: Option<StoredSnapshot>) -> Self {
        Self::new(handle, "/").with(|settings| {
            settings.elsewhere = Some(url);
            settings.requires_absence = seen.is_none();
            settings.pinned = seen.map(Ok);
        })
    }

    fn with(mut self, change: impl FnOnce(&mut ActionSettings<T>)) -> Self {
        change(&mut self.settings);
        self
    }

    /// Sets the method (default `POST`).
    pub fn method(self, method: Method) -> Self {
        self.with(|settings| settings.method = method)
    }

    /// Carries out the action only if the resource still has the version of this value.
    ///
    /// If the resource has changed, the action ends as [`Conflict`](crate::ErrorKind::Conflict), unless a
    /// [`guard`](Self::guard) accepts the new state. A value of another resource, or one that was read with another query
    /// than this handle has, makes the call return a `Config` error.
    ///
    /// If the API takes the version in the body, the query or a header, and the action already has another value there,
    /// the call returns a `Config` error too.
    pub fn pinned(self, seen: &impl SeenVersion<T>) -> Self {
        let snapshot = seen.seen();
        let stored = snapshot.stored().clone();
        let address = snapshot.address();
        self.with(|settings| {
            let checked = address.map_err(str::to_owned);
            let checked = checked.and_then(|address| settings.handle.check_pinned(&address));
            settings.pinned = Some(checked.map(|()| stored));
        })
    }

    /// Asks a function whether the action may be carried out on a state of the resource.
    ///
    /// The resource is read first, unless the action is [pinned](Self::pinned). The guard is asked about each state
    /// before the action is sent for it, and the action is conditional on that state. So it is carried out only on
    /// a state that the guard has accepted. If the guard does not accept a state, the call ends as
    /// [`Edit`](crate::ErrorKind::Edit).
    ///
    /// The guard returns a `bool`, or a `Result<(), BoxError>` whose error says why not (`Err(Mine.into())`). The error comes
    /// back by [`Error::edit_error`].
    pub fn guard<F, A>(self, guard: F) -> Self
    where
        F: Fn(&T) -> A + Send + 'static,
        A: GuardResult,
    {
        let guard: Guard<T> = Box::new(move |value| guard(value).into_result());
        self.with(|settings| settings.guard = Some(guard))
    }

    /// Sets how the state of the resource shows that this action was carried out.
    ///
    /// It is asked only after a lost response, or about an accepted action (202) whose status is not reported. If it
    /// recognises the action, the call succeeds, as
    /// [settled](crate::WriteReport::settled). If not, the action is sent again under the same rules, unless
    /// [`require_proof`](crate::Collection::require_proof) is set. Write it so that it recognises only this action: if
    /// two clients may ship an order, compare the number of the shipment and not only whether there is one. If it also
    /// recognises the state to which the action was pinned, it proves nothing.
    ///
    /// Set it only if the action changes the version of the resource. The new version then fences a request that arrives
    /// late. Without it, that request and the one sent again would both be carried out.
    pub fn done_when(self, carried_out: impl Fn(&T) -> bool + Send + 'static) -> Self {
        self.with(|settings| settings.carried_out = Some(Box::new(carried_out)))
    }

    /// Sets the key by which the server recognises this request, instead of a random UUID.
    ///
    /// It stays the same for the whole call, also if the action is sent for a newer state of the resource.
    ///
    /// The key is printable ASCII without `"` and `\`. Any other key makes the call return a `Config` error.
    pub fn idempotency_key(self, key: impl Into<String>) -> Self {
        self.with(|settings| settings.key = Some(key.into()))
    }

    /// Declares that the server carries out requests with the same idempotency key only once.
    ///
    /// A request whose response was lost is then sent again, with the same key.
    pub fn idempotent(self) -> Self {
        self.with(|settings| settings.idempotent = true)
    }

    /// Declares that the body of a successful response is the resource as stored.
    ///
    /// It is then cached under its version. By default, this holds only if `Content-Location` says so (RFC 9110 8.7).
    pub fn returns_resource(self) -> Self {
        self.with(|settings| settings.returns_resource = true)
    }

    /// Allows the action without a precondition if the server provides no version to pin it to.
    ///
    /// A [`guard`](Self::guard) then no longer protects against a change between its check and the action.
    pub fn unconditional(self) -> Self {
        self.with(|settings| settings.write.allows_unconditional = true)
    }

    /// Adds a header to the request.
    ///
    /// If it is a precondition (RFC 9110 13.1), the call returns a `Config` error. Use [`pinned`](Self::pinned).
    pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
        self.with(|settings| {
            settings.headers.insert(name, value);
        })
    }

    /// Adds a query parameter to the request.
    pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
        self.with(|settings| settings.query.push((name.into(), value.to_string())))
    }

    /// Sets the deadline of this call, waits included, instead of [`Limits::time`](crate::Limits::time).
    pub fn timeout(self, time: Duration) -> Self {
        self.with(|settings| settings.write.timeout = Some(time))
    }

    /// Sets the maximum number of rounds of this call (at least 1), instead of
    /// [`Limits::rounds`](crate::Limits::rounds).
    pub fn max_rounds(self, rounds: u32) -> Self {
        self.with(|settings| settings.write.max_rounds = Some(rounds.max(1)))
    }

    /// Sends the action with a JSON body.
    ///
    /// `R` is the type of the response. If the response does not matter, write `send::<()>(&body)`.
    ///
    /// # Errors
    ///
    /// Returns an error of one of these [kinds](crate::ErrorKind). Its [`Sides`](crate::Sides) hold the state that was seen
    /// as the base, and the state that was read last as the remote side.
    ///
    /// - `Conflict` if the resource has changed and there is no guard.
    /// - `Edit` if the guard does not accept the current state.
    /// - `NotFound` or `Gone` if the resource does not exist.
    /// - `Refused` or `Locked` if the server refuses the action for another reason.
    /// - `OutcomeUnknown` if a response was lost and nothing shows whether the action was carried out.
    /// - `Decode` if the action was carried out, but the response is not an `R`, or `TooLarge` if it is too long.
    /// - Otherwise the errors of [`Collection::save`](crate::Collection::save).
    pub fn send<R: Send + 'static>(self, body: &(impl Serialize + ?Sized)) -> SendAction<T, R> {
        let body = Document::encode(body).map_err(Error::unwritable);
        self.send_as(body.map(ActionBody::Json))
    }

    /// Sends the action without a body, such as `send_empty::<()>()`; otherwise like [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send`](Self::send).
    pub fn send_empty<R: Send + 'static>(self) -> SendAction<T, R> {
        self.send_as(Ok(ActionBody::Empty))
    }

    /// Sends the action with a body that is not JSON; otherwise like [`send`](Self::send).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`send`](Self::send).
    pub fn send_bytes<R: Send + 'static>(
        self,
        media_type: HeaderValue,
        body: impl Into<bytes::Bytes>,
    ) -> SendAction<T, R> {
        self.send_as(Ok(ActionBody::Other(body.into(), media_type)))
    }

    fn send_as<R: Send + 'static>(self, body: Result<ActionBody, Error>) -> SendAction<T, R> {
        SendAction::new(self.settings, body)
    }
}

impl<T> fmt::Debug for Action<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("method", &self.settings.method)
            .finish_non_exhaustive()
    }
}
