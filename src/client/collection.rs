//! Collections and single resources: the settings and the operations that callers see.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use super::handle_settings::settings;
use super::resource::Resource;

use crate::BoxError;
use crate::operations::{
    Create, Delete, DeleteInput, Get, GetOpt, Handle, Head, IntoSave, IntoTarget, List, Post,
    Refresh, ResourceData, Save, Update,
};
use crate::protocol::Envelope;
use crate::resolve::{Conflict, MergeStrategy, RefusalHandler, Resolution, ask_fn, merge_fn};
use crate::value::{Error, IntoDocument, IntoValidator, Versioned};
use crate::write::request::target::WriteMode;

/// The resources of one type beneath one path.
///
/// It is cheap to clone. Every operation answers with a builder that is a future: nothing is sent before
/// it is awaited, and it can be spawned, joined and raced.
///
/// Ids are one path segment each, encoded; an empty one, `.` and `..` are `Config` errors.
///
/// # Default
///
/// | setting | default |
/// |---|---|
/// | [`strategy`](Self::strategy) | the merge that the type derives |
/// | [`write_mode`](Self::write_mode) | [`WriteMode::Put`] |
/// | [`on_refusal`](Self::on_refusal) | refusals are errors |
/// | [`write_stamp`](Self::write_stamp) | none |
/// | [`stores_as_sent`](Self::stores_as_sent) | the server is taken at its word until a read shows otherwise |
/// | [`returns_stored`](Self::returns_stored) | as the profile or the reply itself says |
/// | [`identity_field`](Self::identity_field), [`deletion_mark`](Self::deletion_mark) | as the profile says |
///
/// # Example: an update, and what it took
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
/// assert_eq!(saved.report().requests, 1); // the snapshot was at hand
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

    /// Returns the handle of one resource of the collection.
    pub fn item(&self, id: impl Display) -> Resource<T> {
        Resource::new(self.handle.item(&id.to_string()))
    }

    /// Reads a resource. A cached snapshot is revalidated, so an unchanged body is not transferred again.
    ///
    /// # Errors
    ///
    /// Returns `NotFound` or `Gone` for 404 or 410, or `Status`, `Transport`, `Decode` or `TooLarge`.
    pub fn get(&self, id: impl Display) -> Get<T> {
        self.item(id).get()
    }

    /// Reads a resource. Returns `None` if it does not exist.
    pub fn get_opt(&self, id: impl Display) -> GetOpt<T> {
        self.item(id).get_opt()
    }

    /// Revalidates the resource with the origin server, bypassing caches, and reports whether it changed.
    pub fn refresh(&self, id: impl Display) -> Refresh<T> {
        self.item(id).refresh()
    }

    /// Reads only the headers of a resource, by `HEAD`.
    pub fn head(&self, id: impl Display) -> Head<T> {
        self.item(id).head()
    }

    /// Reads the collection, page by page.
    pub fn list(&self) -> List<T> {
        List::new((*self.handle).clone())
    }

    /// Writes a value back over the version that it was read under.
    ///
    /// # Errors
    ///
    /// Another writer's changes are merged in. Returns `Conflict` if a field was changed on both sides and
    /// no strategy settles it; `Gone` if the resource was removed and no strategy creates it again;
    /// `OutcomeUnknown` if a response was lost and nothing tells whether the write was applied;
    /// `UnusableValidator` if the server gives no version to pin the write to; `Exhausted` if rounds,
    /// time or retries are spent; `Refused`, `AlreadyExists` or `Locked` for rejections that are not version
    /// conflicts. Each error returns base, local and remote.
    pub fn save(&self, value: impl IntoSave<T>) -> Save<T> {
        Save::new((*self.handle).clone(), value.into_save())
    }

    /// Edits a resource: reads it if no snapshot is at hand, runs the edit, and writes if it changed
    /// anything.
    ///
    /// After a race the edit runs again on the new state, so it was run, last, on exactly what it is written
    /// over. The strategy of the handle is not asked; [`Update::strategy`] makes this call merge instead.
    ///
    /// The edit may run several times, and should have no effects besides its change. Where the response
    /// was lost, it is run a few times more to find out whether making it again is harmless: an edit that
    /// sets something is, and one that adds one is not. Edits that wait for the same resource go out together,
    /// in one request, and then run on a task of the runtime of one of their callers: the tracing span of each is
    /// entered for its edit, but task-locals are not there.
    ///
    /// # Errors
    ///
    /// `NotFound` if nothing is there; `Gone` if the resource was removed meanwhile and no strategy of the
    /// call creates it again; `OutcomeUnknown` if a response was lost and running the edit does not tell whether
    /// it was applied; otherwise as [`save`](Self::save), without its `Conflict`.
    pub fn update<F>(&self, id: impl Display, edit: F) -> Update<T>
    where
        F: Fn(&mut T) + Send + 'static,
    {
        self.item(id).update(edit)
    }

    /// Edits a resource by an edit that may fail, which makes it a guard: if it fails on the state that would
    /// be written over, nothing is written.
    ///
    /// # Errors
    ///
    /// As [`update`](Self::update), and `Edit` with the edit's own error as its source; that is never
    /// tried again.
    pub fn try_update<F>(&self, id: impl Display, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), BoxError> + Send + 'static,
    {
        self.item(id).try_update(edit)
    }

    /// Creates a resource under a client-assigned id, using `PUT` with `If-None-Match: *`.
    ///
    /// # Errors
    ///
    /// Returns `AlreadyExists` if the resource exists, with its state as the remote side, unless a handler
    /// adopts it. A creation whose response was lost is recognised by what is there.
    pub fn create(&self, id: impl Display, value: &T) -> Create<T> {
        self.item(id).create(value)
    }

    /// Creates a resource with a server-assigned id, using `POST` with an `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// Returns `OutcomeUnknown` if the response was lost, unless the profile says that the server honours
    /// idempotency keys.
    pub fn post(&self, draft: &(impl Serialize + ?Sized)) -> Post<T> {
        Post::new((*self.handle).clone(), draft)
    }

    /// Removes a resource: the version that was seen, or, given an id, the present one.
    ///
    /// # Errors
    ///
    /// Returns `Conflict` if the resource has changed since it was seen and no strategy decides, or
    /// `NotFound` if there is no resource of this id.
    pub fn delete(&self, what: impl IntoTarget<T>) -> Delete<T> {
        match what.into_target() {
            DeleteInput::Id(id) => self.item(id).delete(),
            DeleteInput::Seen(base, url, id) => {
                let at = url
                    .map_err(Error::config)
                    .and_then(|url| self.handle.at(url, id));
                Delete::new(at, Some(*base))
            }
        }
    }

    /// Takes up an edit that began elsewhere: a document and the validator it had, kept in a web form,
    /// a file or a queue. Nothing is sent.
    ///
    /// # Errors
    ///
    /// Returns `Config` for an invalid id or validator, or `Decode` if the document is not JSON or does not
    /// fit the type.
    pub fn restore(
        &self,
        id: impl Display,
        document: impl IntoDocument,
        validator: impl IntoValidator,
    ) -> Result<Versioned<T>, Error> {
        self.item(id).restore(document, validator)
    }
}
