//! Collections and single resources: the settings and the verbs that callers see.

use std::fmt::{self, Display};
use std::future::Future;
use std::sync::Arc;

use ::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::BoxError;
use crate::document::Versioned;
use crate::error::Error;
use crate::handle::{Handle, Resourceful};
use crate::handler::RefusalHandler;
use crate::refusal::Envelope;
use crate::restore::{IntoDocument, IntoValidator};
use crate::store::StoredSnapshot;
use crate::strategy::{Conflict, MergeStrategy, Resolution, ask_fn, merge_fn};
use crate::verbs::{
    Create, Delete, DeleteInput, Get, GetOpt, Head, IntoSave, IntoTarget, List, Post, Refresh,
    Save, Update,
};
use crate::write::target::WriteMode;

/// The settings that collections and single resources share.
macro_rules! settings {
    ($name:ident) => {
        impl<T: Resourceful> $name<T> {
            fn with(mut self, change: impl FnOnce(&mut Handle<T>)) -> Self {
                change(Arc::make_mut(&mut self.handle));
                self
            }

            /// Who decides conflicts, from here on.
            pub fn strategy(self, strategy: impl MergeStrategy<T>) -> Self {
                self.with(|handle| {
                    if let Some(policy) = strategy.policy() {
                        handle.lens = handle.lens.with_policy(&policy);
                        handle.policy = Arc::new(policy);
                    }
                    handle.strategy = Arc::new(strategy);
                })
            }

            /// Merges by a function of base, local and remote; see [`merge_fn`].
            pub fn merge_with<F>(self, merge: F) -> Self
            where
                F: Fn(Option<&T>, &T, &T) -> Result<T, BoxError> + Send + Sync + 'static,
            {
                self.strategy(merge_fn(merge))
            }

            /// Asks, after the present strategy, about what that leaves open; see [`ask_fn`].
            pub fn ask_with<F, R>(self, ask: F) -> Self
            where
                F: Fn(Conflict<T>) -> R + Send + Sync + 'static,
                R: Future<Output = Result<Resolution<T>, BoxError>> + Send + 'static,
            {
                let present = self.handle.strategy.clone();
                self.strategy(present.or_else(ask_fn(ask)))
            }

            /// Who answers refusals that are no race.
            pub fn on_refusal(self, handler: impl RefusalHandler<T>) -> Self {
                self.with(|handle| handle.handler = Some(Arc::new(handler)))
            }

            /// How changed documents are sent.
            pub fn write_mode(self, mode: WriteMode) -> Self {
                self.with(|handle| handle.mode = mode)
            }

            /// A header on every request of this handle. Conditions (RFC 9110 13.1) are left out: each
            /// call has its own.
            pub fn header(self, name: HeaderName, value: HeaderValue) -> Self {
                self.with(|handle| {
                    handle.headers.insert(name, value);
                })
            }

            /// A query parameter on every request of this handle.
            pub fn query(self, name: impl Into<String>, value: impl Display) -> Self {
                let pair = (name.into(), value.to_string());
                self.with(|handle| handle.query.push(pair))
            }

            /// Where the document lies inside the body, if otherwise than the profile says.
            pub fn envelope(self, envelope: Envelope) -> Self {
                self.with(|handle| handle.envelope = Some(envelope))
            }

            /// Keeps the ids of the latest 32 writes in the document, as an array of strings at this
            /// JSON Pointer, so that a write whose reply was lost is recognised exactly, whatever its
            /// rules and whoever wrote since. Every writer of the resource has to do the same, or at
            /// least leave the list alone.
            pub fn write_stamp(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.stamp = Some(pointer))
            }

            /// Takes a lost write of which nothing is visible for unknown, not for "not applied":
            /// somebody may have applied it and taken it back since. Without this, such a write is
            /// made once more.
            pub fn strict_settlement(self) -> Self {
                self.with(|handle| handle.strict = true)
            }

            /// Says whether the API stores documents exactly as they are sent.
            ///
            /// `false`: it computes, adds or drops members and tells a version all the same. After a write
            /// nothing is kept, and the next write reads first. `true`: what was sent is kept under the
            /// version that the reply tells, and never checked.
            ///
            /// Default: a version in the reply to a `PUT` is taken to say "stored as sent", as the standard
            /// demands (RFC 9110 9.3.4). The first [`get`](Self::get) or [`refresh`](Self::refresh) after a
            /// write asks for the whole document, which costs no request, and compares. Once that shows a
            /// difference, this client reads before each further write to the collection, and says so once,
            /// to `tracing` and to [`Observer::altered`](crate::Observer::altered).
            pub fn stores_as_sent(self, as_sent: bool) -> Self {
                self.with(|handle| handle.practice.stores_as_sent = Some(as_sent))
            }

            /// Says whether the body of a reply to a write shows the resource as it is stored, with the
            /// members that a read shows and no others. It is then kept under the version that the reply
            /// tells, whatever the server added, computed or dropped.
            ///
            /// Default: as the profile says; otherwise only where the reply itself says so, by
            /// `Content-Location` (RFC 9110 8.7) or `Preference-Applied: return=representation` (RFC 7240 3),
            /// or where it has what was sent and no member that is new. After any other reply the next write
            /// reads first, so that what only the reply shows (warnings) is not written back, and what it
            /// leaves out is not removed.
            pub fn returns_stored(self, returns: bool) -> Self {
                self.with(|handle| handle.practice.returns_stored = Some(returns))
            }

            /// Where bodies tell which object they are; see
            /// [`Versioning::identity_field`](crate::Versioning::identity_field). Default: as the profile
            /// says, and none without that.
            pub fn identity_field(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.practice.identity = Some(pointer))
            }

            /// Where bodies tell that their object is being removed; see
            /// [`Versioning::deletion_mark`](crate::Versioning::deletion_mark). Default: as the profile says,
            /// and none without that.
            pub fn deletion_mark(self, pointer: impl Into<String>) -> Self {
                let pointer = pointer.into();
                self.with(|handle| handle.practice.deletion_mark = Some(pointer))
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                Self {
                    handle: self.handle.clone(),
                }
            }
        }

        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let path = self.handle.url.as_ref().map(Url::path);
                f.debug_struct(stringify!($name))
                    .field("path", &path)
                    .finish_non_exhaustive()
            }
        }
    };
}

/// The resources of one type beneath one path.
///
/// It is cheap to clone. Every verb answers with a builder that is a future: nothing is sent before
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

/// One resource; the verbs of a [`Collection`] without an id.
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

settings!(Collection);
settings!(Resource);

impl<T: Resourceful> Collection<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self {
            handle: Arc::new(handle),
        }
    }

    /// One resource of the collection.
    pub fn item(&self, id: impl Display) -> Resource<T> {
        Resource::new(self.handle.item(&id.to_string()))
    }

    /// Reads a resource; by way of the snapshot on file if the server says that it is still good.
    ///
    /// # Errors
    ///
    /// `NotFound` and `Gone` for 404 and 410, `Status`, `Transport`, `Decode`, `TooLarge`.
    pub fn get(&self, id: impl Display) -> Get<T> {
        self.item(id).get()
    }

    /// Reads a resource; `None` if there is none.
    pub fn get_opt(&self, id: impl Display) -> GetOpt<T> {
        self.item(id).get_opt()
    }

    /// Asks the server itself for news, past caches, and tells whether there were any.
    pub fn refresh(&self, id: impl Display) -> Refresh<T> {
        self.item(id).refresh()
    }

    /// Reads the headers alone.
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
    /// Another writer's changes are merged in. `Conflict` if a field was changed on both sides and no
    /// strategy settles it; `Gone` if somebody removed the resource and no strategy creates it again;
    /// `OutcomeUnknown` if a reply was lost and nothing tells whether the write was applied;
    /// `UnusableValidator` if the server gives no version to pin the write to; `Exhausted` if rounds,
    /// time or retries are spent; `Refused`, `AlreadyExists` and `Locked` for refusals that are no race.
    /// Each of them gives base, local and remote back.
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

    /// Creates a resource under an id of one's own, by `PUT` with `If-None-Match: *`.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if something is there, with that as the remote side, unless a handler adopts it.
    /// A creation whose reply was lost is recognised by what is there.
    pub fn create(&self, id: impl Display, value: &T) -> Create<T> {
        self.item(id).create(value)
    }

    /// Hands a draft to the collection, which names it, by `POST` with an `Idempotency-Key`.
    ///
    /// # Errors
    ///
    /// `OutcomeUnknown` if the reply was lost, unless the profile says that the server honours
    /// idempotency keys.
    pub fn post(&self, draft: &(impl Serialize + ?Sized)) -> Post<T> {
        Post::new((*self.handle).clone(), draft)
    }

    /// Removes a resource: the version that was seen, or the present one of an id.
    ///
    /// # Errors
    ///
    /// `Conflict` if somebody changed it since it was seen and no strategy decides; `NotFound` if an id
    /// names nothing.
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
    /// `Config` for an id that names nothing or a validator that is none; `Decode` if the document is
    /// not JSON or does not fit the type.
    pub fn restore(
        &self,
        id: impl Display,
        document: impl IntoDocument,
        validator: impl IntoValidator,
    ) -> Result<Versioned<T>, Error> {
        self.item(id).restore(document, validator)
    }
}

impl<T: Resourceful> Resource<T> {
    pub(crate) fn new(handle: Handle<T>) -> Self {
        Self {
            handle: Arc::new(handle),
        }
    }

    fn handle(&self) -> Handle<T> {
        (*self.handle).clone()
    }

    /// As [`Collection::get`].
    pub fn get(&self) -> Get<T> {
        Get::new(self.handle())
    }

    /// As [`Collection::get_opt`].
    pub fn get_opt(&self) -> GetOpt<T> {
        GetOpt::new(self.handle())
    }

    /// As [`Collection::refresh`].
    pub fn refresh(&self) -> Refresh<T> {
        Refresh::new(self.handle())
    }

    /// As [`Collection::head`].
    pub fn head(&self) -> Head<T> {
        Head::new(self.handle())
    }

    /// As [`Collection::save`].
    pub fn save(&self, value: impl IntoSave<T>) -> Save<T> {
        Save::new((*self.handle).clone(), value.into_save())
    }

    /// As [`Collection::update`].
    pub fn update<F>(&self, edit: F) -> Update<T>
    where
        F: Fn(&mut T) + Send + 'static,
    {
        self.try_update(move |value| {
            edit(value);
            Ok(())
        })
    }

    /// As [`Collection::try_update`].
    pub fn try_update<F>(&self, edit: F) -> Update<T>
    where
        F: Fn(&mut T) -> Result<(), BoxError> + Send + 'static,
    {
        Update::new(self.handle(), Box::new(edit))
    }

    /// As [`Collection::create`].
    pub fn create(&self, value: &T) -> Create<T> {
        Create::new(self.handle(), value)
    }

    /// As [`Collection::post`], to this address.
    pub fn post(&self, draft: &(impl Serialize + ?Sized)) -> Post<T> {
        Post::new(self.handle(), draft)
    }

    /// Removes the resource; the version on the server is read first.
    pub fn delete(&self) -> Delete<T> {
        Delete::new(Ok(self.handle()), None)
    }

    /// As [`Collection::restore`].
    ///
    /// # Errors
    ///
    /// As [`Collection::restore`].
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
                "no write can carry the version {validator} here: it is of another kind than this API's, or a weak tag"
            )));
        }
        let stored = StoredSnapshot::new(document, validator, HeaderMap::new());
        Versioned::new(stored, target.url, self.handle.id.clone())
            .map_err(|error| Error::decode("the document does not fit the type", error))
    }
}
