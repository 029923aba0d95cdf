//! `action`: an operation of a resource that is not a write of its document, such as shipping an order.

use std::fmt::{self, Display};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::action_hooks::{ActionHooks, CarriedOut, Guard};
use super::post::check_key;
use super::reply::Reply;
use super::write_call::{Write, conclude};
use super::write_settings::WriteSettings;
use super::{Lazy, in_span, refuse_conditions};
use crate::BoxError;
use crate::address::{self, IntoPath};
use crate::exchange::Watch;
use crate::json::Document;
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::{
    Error, ErrorKind, Saved, Snapshot, Versioned, WriteReport, WriteSeen, observer,
};
use crate::write::machine::events::Goal;
use crate::write::request::action::{ActionBody, ActionRequest};
use crate::write::request::payload::IDEMPOTENCY_KEY;

/// An action on a resource, such as shipping an order, returned by [`Resource::action`](crate::Resource::action).
///
/// An action is a request at or below the address of a resource. It changes the resource by rules of the server,
/// so the client never merges. What it does after a race or a lost response depends on the settings:
///
/// | setting | precondition | after a race | after a lost response |
/// |---|---|---|---|
/// | none | none, unless the server demands one (428) | (there is none) | [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) |
/// | [`pinned`](Self::pinned) | the version that was seen | [`Conflict`](ErrorKind::Conflict), with the new state as the remote side | [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) |
/// | [`guard`](Self::guard) | the version that the guard accepted | the guard is asked about the new state, and the action is sent again if it agrees | [`OutcomeUnknown`](ErrorKind::OutcomeUnknown) |
/// | [`done_when`](Self::done_when) | as above | as above | success if the new state shows the action; otherwise it is sent again under the same rules |
/// | [`idempotent`](Self::idempotent) | as above | as above | the same request is sent again, with the same key |
///
/// Each action carries an `Idempotency-Key`. The cached snapshot of the resource is dropped afterwards, or replaced if
/// the response is the resource. Actions and writes of one client to one resource take turns.
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

struct ActionSettings<T> {
    write: WriteSettings<T>,
    handle: Handle<T>,
    path: Vec<String>,
    ends_in_slash: bool,
    method: Method,
    headers: HeaderMap,
    query: Vec<(String, String)>,
    /// The snapshot to which the action is pinned, or the reason why it cannot be.
    pinned: Option<Result<StoredSnapshot, String>>,
    guard: Option<Guard<T>>,
    carried_out: Option<CarriedOut<T>>,
    key: Option<String>,
    idempotent: bool,
    returns_resource: bool,
}

/// A value whose version was seen: a [`Versioned`], a [`Saved`] or a [`Snapshot`].
pub trait SeenVersion<T> {
    #[doc(hidden)]
    fn seen(&self) -> &Snapshot<T>;
}

impl<T> SeenVersion<T> for Versioned<T> {
    fn seen(&self) -> &Snapshot<T> {
        self.snapshot()
    }
}

impl<T> SeenVersion<T> for Saved<T> {
    fn seen(&self) -> &Snapshot<T> {
        self.snapshot()
    }
}

impl<T> SeenVersion<T> for Snapshot<T> {
    fn seen(&self) -> &Snapshot<T> {
        self
    }
}

/// The result of a [guard](Action::guard): a `bool`, or a `Result<(), BoxError>` whose error says why not.
pub trait GuardResult {
    #[doc(hidden)]
    fn into_result(self) -> Result<(), BoxError>;
}

impl GuardResult for bool {
    fn into_result(self) -> Result<(), BoxError> {
        if self {
            Ok(())
        } else {
            Err(NotAccepted.into())
        }
    }
}

impl GuardResult for Result<(), BoxError> {
    fn into_result(self) -> Result<(), BoxError> {
        self
    }
}

/// The error of a guard that returned `false`.
#[derive(Debug, thiserror::Error)]
#[error("the guard does not accept the current state of the resource")]
struct NotAccepted;

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
    /// If the resource has changed, the action ends as [`Conflict`](ErrorKind::Conflict), unless a
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
            settings.pinned = Some(match (&settings.handle.url, address) {
                (Ok(own), Ok(address)) if !is_same_resource(own, &address.url) => Err(format!(
                    "the action is on {}, but the value that it is pinned to was read from {}",
                    own.path(),
                    address.url.path()
                )),
                (Ok(_), Ok(address)) => match settings.handle.differing_parameter(&address) {
                    None => Ok(stored),
                    Some(name) => Err(format!(
                        "the value that the action is pinned to was read with another value of the query parameter \
                         {name:?} than this handle has: use the handle that read it, or read the value again"
                    )),
                },
                (_, Err(why)) => Err(why.to_owned()),
                // The call returns the error of the address itself.
                (Err(_), _) => Ok(stored),
            });
        })
    }

    /// Asks a function whether the action may be carried out on a state of the resource.
    ///
    /// The resource is read first, unless the action is [pinned](Self::pinned). The guard is asked about each state
    /// before the action is sent for it, and the action is conditional on that state. So it is carried out only on
    /// a state that the guard has accepted. If the guard does not accept a state, the call ends as
    /// [`Edit`](ErrorKind::Edit).
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
    /// Returns an error of one of these [kinds](ErrorKind). Its [`Sides`](crate::Sides) hold the state that was seen
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
        SendAction {
            call: Lazy::new((self.settings, body)),
        }
    }
}

/// A pending action, returned by [`Action::send`].
///
/// It returns a [`Reply`].
#[must_use = "nothing is sent before it is awaited"]
pub struct SendAction<T, R> {
    call: Lazy<Input<T>, Result<Reply<R>, Error>>,
}

type Input<T> = (Box<ActionSettings<T>>, Result<ActionBody, Error>);

impl<T: ResourceData, R: DeserializeOwned + Send + 'static> Future for SendAction<T, R> {
    type Output = Result<Reply<R>, Error>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.get_mut().call.poll_with(context, |input| {
            in_span!(
                "action",
                |it: &Input<T>| it.0.handle.shown(false),
                run,
                input
            )
        })
    }
}

impl<T, R> fmt::Debug for SendAction<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendAction").finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Action<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Action")
            .field("method", &self.settings.method)
            .finish_non_exhaustive()
    }
}

async fn run<T, R>((settings, body): Input<T>) -> Result<Reply<R>, Error>
where
    T: ResourceData,
    R: DeserializeOwned + Send + 'static,
{
    let ActionSettings {
        mut write,
        handle,
        path,
        ends_in_slash,
        method,
        headers,
        query,
        pinned,
        guard,
        carried_out,
        key,
        idempotent,
        returns_resource,
    } = *settings;
    refuse_conditions(&headers)?;
    if let Some(key) = &key {
        check_key(key)?;
        if headers.contains_key(IDEMPOTENCY_KEY) {
            let why = "the idempotency key is set twice: by `idempotency_key`, and as a header";
            return Err(Error::config(why));
        }
    }
    let target = handle.target()?;
    let mut url = address::below(&target.url, &path, ends_in_slash)?;
    if !query.is_empty() {
        url.query_pairs_mut().extend_pairs(query);
    }
    let mut base = pinned.transpose().map_err(Error::config)?;
    if base.as_ref().is_some_and(|base| !target.can_pin(base)) {
        if guard.is_none() && !write.allows_unconditional {
            let (path, kind) = (target.url.path(), ErrorKind::UnusableValidator);
            let report = WriteReport::default();
            let seen = WriteSeen::new(path, target.template(), Some(kind), &report);
            observer::finished(target.shared.observer.as_deref(), &seen);
            let why = "the value that the action is pinned to has no version";
            return Err(Error::new(kind, format!("{path}: {why}")));
        }
        // The guard decides on the state that is read.
        base = None;
    }
    write.allows_unconditional |= base.is_none() && guard.is_none();
    let request = ActionRequest {
        method,
        url,
        headers,
        body: body?,
        returns_resource,
    };
    let id = handle.id.clone();
    let mut handle = handle;
    if let Some(shown) = shown(&path) {
        handle.template = handle.template.below(&target.url, shown);
    }
    let mut call = Write::begin(handle, write, Goal::Act).await?;
    call.base = base;
    call.edit_reruns = guard.is_some();
    call.idempotency_key = key;
    call.honours_keys = idempotent;
    call.action = Some((request, ActionHooks { guard, carried_out }));
    let target = call.context.target.clone();
    let (done, report) = call.carry_out().await?;
    let mut ended = conclude::<T>(target, id, done, report)?;
    match ended.done.response.take() {
        None => Ok(Reply::settled(ended.report)),
        Some(response) => {
            let report = ended.report.clone();
            let read = Reply::read(&ended.target, response, report);
            read.map_err(|error| ended.but(error))
        }
    }
}

/// Returns how the path below the resource is named in spans and metrics. One segment is usually the name of the action.
/// Several may contain ids.
fn shown(path: &[String]) -> Option<&str> {
    match path {
        [] => None,
        [name] => Some(name),
        [..] => Some("{path}"),
    }
}

/// Whether two addresses have the same path. Their queries are compared separately.
fn is_same_resource(one: &url::Url, other: &url::Url) -> bool {
    let path = |url: &url::Url| url.path().trim_end_matches('/').to_owned();
    one.origin() == other.origin() && path(one) == path(other)
}
