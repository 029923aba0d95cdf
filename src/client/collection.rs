//! Collections, with the operations that take an id.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use serde::Serialize;
use url::Url;

use super::handle_settings::settings;
use super::resource::Resource;

use crate::BoxError;
use crate::address::UrlTemplate;
use crate::lease::{Lease, LeaseBinding};
use crate::operations::{
    Conflicts, Create, Delete, DeleteInput, Get, GetOpt, Handle, Head, IntoSave, IntoTarget, List,
    Local, PlainRequest, Post, Refresh, ResourceData, Save, Update,
};
use crate::protocol::{Envelope, Format};
use crate::resolve::{Conflict, MergeStrategy, RefusalHandler, Resolution, ask_fn, merge_fn};
use crate::value::{Error, IntoBoxError, IntoDocument, IntoValidator, Versioned};
use crate::write::request::target::WriteMode;

/// A handle for the resources of one type beneath one path.
///
/// It holds the settings of its calls and is cheap to clone. Every operation returns a builder that is also a
/// future. Nothing is sent before the future is awaited, and it can be spawned, joined and raced.
///
/// Each id is one path segment and is percent-encoded. An empty id, `.` and `..` are `Config` errors.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`strategy`](Self::strategy) | the merge that the type derives |
/// | [`write_mode`](Self::write_mode) | [`WriteMode::Put`] |
/// | [`on_refusal`](Self::on_refusal) | refusals are errors |
/// | [`write_stamp`](Self::write_stamp) | none |
/// | [`require_proof`](Self::require_proof) | off: a lost write without a trace may be sent again |
/// | [`envelope`](Self::envelope) | as the profile says |
/// | [`format`](Self::format) | JSON |
/// | [`stores_as_sent`](Self::stores_as_sent) | assumed until a read shows otherwise |
/// | [`returns_stored`](Self::returns_stored) | as the profile or the response itself says |
/// | [`identity_field`](Self::identity_field), [`deletion_mark`](Self::deletion_mark) | as the profile says |
///
/// # Example: an update and its requests
///
/// ```
/// use ifmatch::{Client, testing::ResourceServer};
/// use serde_json::Value;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let server = ResourceServer::start().await;
/// server.put("/things/a%2Fb", r#"{"n": 1}"#);
/// let things = Client::new(server.uri())?.collection::<Value>("things");
///
/// let saved = things.update("a/b", |thing| thing["n"] = 2.into()).await?;
/// assert_eq!(saved.report().requests, 2); // a read and a write
/// let saved = things.update("a/b", |thing| thing["n"] = 3.into()).await?;
/// assert_eq!(saved.report().requests, 1); // the snapshot was cached
/// # Ok(())
/// # }
/// ```
pub struct Collection<T> {
    handle: Arc<Handle<T>>,
}

settings!(Collection);

impl<T: ResourceData> Collection<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self {
            handle: Arc::new(handle),
        }
    }

    /// Returns the same collection, whose writes wait for no other write of this client to the same resource.
    pub(crate) fn without_queue(self) -> Self {
        let mut handle = (*self.handle).clone();
        handle.skips_queue = true;
        Self::new(handle)
    }

    /// Returns the same collection as plain documents, the remote state of which wins.
    pub(crate) fn as_documents(&self) -> Collection<serde_json::Value> {
        Collection::new(self.handle.as_documents())
    }

    /// Returns the handle of a resource.
    pub(crate) fn handle_of(&self, id: impl Display) -> Handle<T> {
        self.handle.item(&id.to_string())
    }

    /// Returns the handle of the collection.
    pub(crate) fn handle(&self) -> &Handle<T> {
        &self.handle
    }

    /// Returns the address of a resource.
    pub(crate) fn url_of(&self, id: impl Display) -> Option<Url> {
        self.handle.item(&id.to_string()).url.clone().ok()
    }

    /// Prepares a plain request to an address below this collection, with the headers and the query of this handle.
    pub(crate) fn plain(&self, method: Method, url: &Url) -> PlainRequest {
        PlainRequest::of(&self.handle.over(Ok(url.clone()), None), method)
    }

    /// Prepares a plain request to a resource, with the headers and the query of this handle.
    pub(crate) fn request(&self, method: Method, id: impl Display) -> PlainRequest {
        PlainRequest::of(&self.handle.item(&id.to_string()), method)
    }

    /// Returns a handle for one resource of the collection, with the same settings.
    pub fn item(&self, id: impl Display) -> Resource<T> {
        Resource::new(self.handle.item(&id.to_string()))
    }

    /// Reads a resource. A cached snapshot is revalidated, so an unchanged body is not transferred again.
    ///
    /// # Errors
    ///
    /// Returns an error of one of these [kinds](crate::ErrorKind):
    ///
    /// - `NotFound` or `Gone` for 404 or 410.
    /// - `Status` for any other unsuccessful status that a retry would get again.
    /// - `UnsupportedApiVersion` if the server does not support the version that the client asks for.
    /// - `Exhausted` if the server responded, and the retry limit or the deadline was reached before a try
    ///   succeeded.
    /// - `Transport` if the server could not be reached.
    /// - `Decode` or `TooLarge` if the body cannot be read.
    /// - `Config` if the id, the address or the credentials are invalid.
    pub fn get(&self, id: impl Display) -> Get<T> {
        self.item(id).get()
    }

    /// Reads a resource. Returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`get`](Self::get), except `NotFound` and `Gone`.
    pub fn get_opt(&self, id: impl Display) -> GetOpt<T> {
        self.item(id).get_opt()
    }

    /// Revalidates the resource with the origin server, bypassing caches, and reports whether it changed.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`get`](Self::get).
    pub fn refresh(&self, id: impl Display) -> Refresh<T> {
        self.item(id).refresh()
    }

    /// Reads only the headers of a resource, using `HEAD`.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`get`](Self::get), except `Decode` and `TooLarge`.
    pub fn head(&self, id: impl Display) -> Head<T> {
        self.item(id).head()
    }

    /// Reads the collection, page by page.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`get`](Self::get). `Decode` is also returned if the array or an id is not in its
    /// place, and `Status` if the next page is on another origin.
    pub fn list(&self) -> List<T> {
        List::new((*self.handle).clone())
    }

    /// Writes a value back over the version that it was read from.
    ///
    /// Changes that another client made in the meantime are merged in.
    ///
    /// # Errors
    ///
    /// Returns an error of one of these [kinds](crate::ErrorKind). Its [`Sides`](crate::Sides) hold base, local
    /// and remote.
    ///
    /// - `Conflict` if a field was changed on both sides and no strategy resolves it.
    /// - `Gone` if the resource was removed and no strategy creates it again.
    /// - `OutcomeUnknown` if a response was lost and there is no evidence whether the write was applied.
    /// - `Accepted` if the server accepted the write (202) and did not complete it before the deadline.
    /// - `UnusableValidator` if the server provides no version to pin the write to.
    /// - `Unfaithful` if the document would not read back as the value. Nothing was sent.
    /// - `Exhausted` if the round, time or retry limit was reached.
    /// - `Refused`, `AlreadyExists` or `Locked` for refusals that are not version conflicts.
    /// - `Status`, `Transport`, `Decode`, `TooLarge` or `Config`, as for [`get`](Self::get).
    pub fn save(&self, value: impl IntoSave<T>) -> Save<T> {
        Save::new((*self.handle).clone(), value.into_save())
    }

    /// Runs an edit on a resource and writes the result.
    ///
    /// The resource is read first if no snapshot is cached. Nothing is written if the edit changes nothing.
    ///
    /// If another client writes first (a race), the edit runs again on the new state. Its last run was therefore
    /// on exactly the state that the write replaces. The strategy of the handle is not used. To merge instead,
    /// set [`Update::strategy`].
    ///
    /// The edit may run several times and should have no side effects. After a lost response it runs a few more
    /// times, to find out whether repeating it is harmless. Repeating an edit that sets a value is harmless.
    /// Repeating one that adds to a counter is not. Edits that are queued for the same resource are sent
    /// together in one request. They then run on a task of the runtime of one of their callers. Each edit runs
    /// in the `tracing` span of its caller, but without its task-locals.
    ///
    /// # Errors
    ///
    /// - `NotFound` if the resource does not exist and [`Update::if_absent`] is not set.
    /// - `Gone` if the resource was removed in the meantime and no strategy of the call creates it again.
    /// - `OutcomeUnknown` if a response was lost and running the edit does not show whether it was applied.
    /// - `Edit` if the edit panics or its result cannot be written.
    /// - Otherwise the errors of [`save`](Self::save). `Conflict` needs a strategy of the call.
    pub fn update<F>(&self, id: impl Display, edit: F) -> Update<T>
    where
        F: Fn(&mut T) + Send + 'static,
    {
        self.item(id).update(edit)
    }

    /// Runs an edit that may fail, and so can act as a guard.
    ///
    /// If the edit fails on the state that would be replaced, nothing is written. Otherwise the call is like
    /// [`update`](Self::update).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`update`](Self::update), or `Edit` with the edit's own error as its source, which
    /// [`Error::edit_error`] returns by its type. A failed edit is never retried.
    ///
    /// # Example
    ///
    /// ```no_run
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct Goods { stock: u32 }
    /// # async fn f(goods: ifmatch::Collection<Goods>) -> Result<(), ifmatch::Error> {
    /// goods.try_update(7, |goods| {
    ///     goods.stock = goods.stock.checked_sub(1).ok_or("none left")?;
    ///     Ok(())
    /// })
    /// .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_update<F>(&self, id: impl Display, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), BoxError> + Send + 'static,
    {
        self.item(id).try_update(edit)
    }

    /// Runs an edit that fails with its own type of error, such as `anyhow::Error` or an enum.
    ///
    /// It is like [`try_update`](Self::try_update), whose edits convert every error with `?`. Here the type of the
    /// error has to be known from the edit.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`try_update`](Self::try_update).
    ///
    /// # Example
    ///
    /// ```
    /// use anyhow::bail;
    /// use ifmatch::{Client, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/orders/7", r#"{"paid": false}"#);
    /// let orders = Client::new(server.uri())?.collection::<Value>("orders");
    /// let shipped = orders.try_update_typed(7, |order| {
    ///     if order["paid"] != true {
    ///         bail!("the order is not paid");
    ///     }
    ///     order["shipped"] = true.into();
    ///     Ok(())
    /// });
    /// assert!(shipped.await.is_err_and(|error| error.is_edit()));
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_update_typed<F, E, Kind>(&self, id: impl Display, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), E> + Send + 'static,
        E: IntoBoxError<Kind>,
    {
        self.item(id).try_update_typed(edit)
    }

    /// Creates a resource under a client-assigned id, using `PUT` with `If-None-Match: *`.
    ///
    /// # Errors
    ///
    /// Returns `AlreadyExists` if the resource exists, with its state as the remote side, unless a [refusal
    /// handler](Self::on_refusal) adopts it. Otherwise the errors are those of [`save`](Self::save). A creation
    /// whose response was lost is recognised by the stored state.
    pub fn create(&self, id: impl Display, value: &T) -> Create<T> {
        self.item(id).create(value)
    }

    /// Creates a resource with a server-assigned id, using `POST` with an `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// Returns `OutcomeUnknown` if the response was lost, unless the profile says that the server honours
    /// idempotency keys or [`Post::idempotent`] declares it. Returns `Decode` if the resource was created but
    /// the response neither contains it nor names a readable address. Otherwise the errors are those of
    /// [`save`](Self::save), except `Conflict`.
    pub fn post(&self, draft: &(impl Serialize + ?Sized)) -> Post<T> {
        Post::new((*self.handle).clone(), draft)
    }

    /// Removes a resource: the version that was read, or, given an id, the current version.
    ///
    /// # Errors
    ///
    /// Returns `Conflict` if the resource has changed since it was read and no strategy decides, or `NotFound`
    /// if there is no resource with this id. Otherwise the errors are those of [`save`](Self::save).
    pub fn delete(&self, what: impl IntoTarget<T>) -> Delete<T> {
        match what.into_target() {
            DeleteInput::Id(id) => self.item(id).delete(),
            DeleteInput::Seen(base, address, id) => {
                let at = address
                    .map_err(Error::config)
                    .and_then(|address| self.handle.at_snapshot(address, id));
                Delete::new(at, Some(*base)).by(&self.handle)
            }
        }
    }

    /// Returns a resource with the queued writes of this user on top, without a request.
    ///
    /// Returns `None` if nothing is cached or queued for it, or if a queued write removes it.
    ///
    /// # Errors
    ///
    /// Returns `Config` if the client has no journal, its authenticator does not name the user, the id is invalid or a
    /// queued write cannot be migrated, `Journal` if the journal cannot be read, and `Decode` if the state does not fit the
    /// type.
    pub async fn local(&self, id: impl Display) -> Result<Option<Local<T>>, Error> {
        self.item(id).local().await
    }

    /// Lists the queued writes of this collection that wait for a person.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, Journal, Resolution, testing::ResourceServer};
    /// use serde_json::Value;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/notes/1", r#"{"text": "milk"}"#);
    /// let client = Client::builder(server.uri()).journal(Journal::in_memory()).build()?;
    /// let notes = client.collection::<Value>("notes");
    /// notes.get("1").await?;
    /// notes.update("1", |note| note["text"] = "oat milk".into()).queue().await?;
    ///
    /// server.put("/notes/1", r#"{"text": "soy milk"}"#); // another client
    /// let drained = client.outbox().drain().await?;
    /// assert_eq!((drained.sent, drained.open), (0, 1));
    ///
    /// let mut open = notes.conflicts();
    /// while let Some(found) = open.next().await? {
    ///     println!("{}", found.conflict().diff());
    ///     found.resolve(Resolution::KeepLocal).await?;
    /// }
    /// client.outbox().drain().await?;
    /// assert_eq!(server.text("/notes/1").as_deref(), Some(r#"{"text": "oat milk"}"#));
    /// # Ok(())
    /// # }
    /// ```
    pub fn conflicts(&self) -> Conflicts<T> {
        Conflicts::new((*self.handle).clone())
    }

    /// Restores a value from a document and its validator, without a request.
    ///
    /// Use it to resume an edit whose document and validator were kept in a web form, a file or a queue.
    ///
    /// # Errors
    ///
    /// Returns `Config` for an invalid id or validator, or `Decode` if the document is not JSON or does not
    /// match the type.
    pub fn restore(
        &self,
        id: impl Display,
        document: impl IntoDocument,
        validator: impl IntoValidator,
    ) -> Result<Versioned<T>, Error> {
        self.item(id).restore(document, validator)
    }
}
