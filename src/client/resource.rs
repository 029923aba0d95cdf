//! Single resources: the operations without an id.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use super::handle_settings::settings;
use crate::BoxError;
use crate::address::{IntoPath, UrlTemplate};
use crate::lease::{Lease, LeaseBinding};
use crate::operations::{
    Action, Conflicts, Create, Delete, Get, GetOpt, Handle, Head, IntoSave, Local, Post, Refresh,
    ResourceData, Save, Update, local,
};
use crate::protocol::{Envelope, Format};
use crate::resolve::{Conflict, MergeStrategy, RefusalHandler, Resolution, ask_fn, merge_fn};
use crate::store::StoredSnapshot;
use crate::value::{Error, IntoBoxError, IntoDocument, IntoValidator, Versioned, box_error};
use crate::write::request::target::WriteMode;

/// A handle for a single resource, with the operations of a [`Collection`](super::Collection).
///
/// # Example
///
/// ```no_run
/// # async fn f(client: ifmatch::Client) -> Result<(), ifmatch::Error> {
/// let settings = client.resource::<serde_json::Value>(["users", "anna", "settings"]);
/// settings.update(|settings| settings["theme"] = "dark".into()).await?;
/// # Ok(())
/// # }
/// ```
pub struct Resource<T> {
    handle: Arc<Handle<T>>,
}

settings!(Resource);

impl<T: ResourceData> Resource<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self {
            handle: Arc::new(handle),
        }
    }

    pub(crate) fn handle(&self) -> Handle<T> {
        (*self.handle).clone()
    }

    /// Reads the resource; see [`Collection::get`](super::Collection::get).
    pub fn get(&self) -> Get<T> {
        Get::new(self.handle())
    }

    /// Reads the resource, or returns `None` if it does not exist; see
    /// [`Collection::get_opt`](super::Collection::get_opt).
    pub fn get_opt(&self) -> GetOpt<T> {
        GetOpt::new(self.handle())
    }

    /// Revalidates the resource with the origin server; see [`Collection::refresh`](super::Collection::refresh).
    pub fn refresh(&self) -> Refresh<T> {
        Refresh::new(self.handle())
    }

    /// Reads only the headers; see [`Collection::head`](super::Collection::head).
    pub fn head(&self) -> Head<T> {
        Head::new(self.handle())
    }

    /// Writes a value back over the version that it was read from; see [`Collection::save`](super::Collection::save).
    pub fn save(&self, value: impl IntoSave<T>) -> Save<T> {
        Save::new((*self.handle).clone(), value.into_save())
    }

    /// Edits the resource; see [`Collection::update`](super::Collection::update).
    pub fn update<F>(&self, edit: F) -> Update<T>
    where
        F: Fn(&mut T) + Send + 'static,
    {
        self.try_update(move |value| {
            edit(value);
            Ok(())
        })
    }

    /// Edits the resource by an edit that may fail; see [`Collection::try_update`](super::Collection::try_update).
    pub fn try_update<F>(&self, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), BoxError> + Send + 'static,
    {
        Update::new(self.handle(), Box::new(edit))
    }

    /// Edits the resource by an edit that fails with its own type of error; see
    /// [`Collection::try_update_typed`](super::Collection::try_update_typed).
    pub fn try_update_typed<F, E, Kind>(&self, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), E> + Send + 'static,
        E: IntoBoxError<Kind>,
    {
        self.try_update(move |value| edit(value).map_err(box_error))
    }

    /// Creates the resource; see [`Collection::create`](super::Collection::create).
    pub fn create(&self, value: &T) -> Create<T> {
        Create::new(self.handle(), value)
    }

    /// Creates a resource by `POST` to this URL; see [`Collection::post`](super::Collection::post).
    pub fn post(&self, draft: &(impl Serialize + ?Sized)) -> Post<T> {
        Post::new(self.handle(), draft)
    }

    /// Removes the current version of the resource, after a read, or with [`Delete::pinned`] the version that was
    /// seen; see [`Collection::delete`](super::Collection::delete).
    pub fn delete(&self) -> Delete<T> {
        Delete::new(Ok(self.handle()), None)
    }

    /// Prepares an action on the resource: a request at this path below its address, or at its own address if the path
    /// is empty.
    ///
    /// The path is `"ship"`, `"a/b"` or segments such as `["lines", line, "cancel"]`.
    pub fn action(&self, path: impl IntoPath) -> Action<T> {
        Action::new(self.handle(), path)
    }

    /// Returns the resource with the queued writes of this user on top; see
    /// [`Collection::local`](super::Collection::local).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Collection::local`](super::Collection::local).
    pub async fn local(&self) -> Result<Option<Local<T>>, Error> {
        local(self.handle()).await
    }

    /// Lists the queued writes of this resource, or of the collection that it is in, that wait for a person; see
    /// [`Collection::conflicts`](super::Collection::conflicts).
    pub fn conflicts(&self) -> Conflicts<T> {
        Conflicts::new(self.handle())
    }

    /// Restores a value from a document and its validator; see [`Collection::restore`](super::Collection::restore).
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Collection::restore`](super::Collection::restore).
    pub fn restore(
        &self,
        document: impl IntoDocument,
        validator: impl IntoValidator,
    ) -> Result<Versioned<T>, Error> {
        let target = self.handle.target()?;
        let document = document
            .into_document()
            .map_err(|error| Error::decode("the document cannot be restored", error))?;
        let validator = validator.into_validator()?;
        let versioning = &target.versioning;
        if let Some(validator) = validator.as_ref().filter(|it| !versioning.accepts(it)) {
            return Err(Error::config(format!(
                "the version {validator} cannot pin a write here: it is a weak tag, or of another kind than the versions of this API"
            )));
        }
        let stored = StoredSnapshot::new(document, validator, HeaderMap::new());
        Versioned::new(stored, target.url, self.handle.id.clone())
            .map_err(|error| Error::decode("the document cannot be restored", error))
    }
}
