//! `delete`: removes exactly the version that was read.

use std::fmt::{self, Display};
use std::sync::Arc;

use super::outbox::Queued;
use super::outbox::entries::{check_settings, queue_delete, registered};
use super::write_call::Write;
use super::write_settings::{WriteSettings, queue_setting, unconditional_setting, write_settings};
use super::{Lazy, operation};
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::{Error, Saved, SnapshotAddress, Versioned, WriteReport};
use crate::write::machine::events::Goal;

/// A value or id that can be removed.
///
/// A [`Versioned`] or a [`Saved`] is pinned to the version that it was read from. An id is read first.
pub trait IntoTarget<T> {
    #[doc(hidden)]
    fn into_target(self) -> DeleteInput;
}

/// The input of a removal.
pub enum DeleteInput {
    /// The id of a resource.
    Id(String),
    /// A version of a resource.
    Seen(
        Box<StoredSnapshot>,
        Result<SnapshotAddress, &'static str>,
        Option<String>,
    ),
}

// Leaves out documents and addresses, which may hold secrets.
impl fmt::Debug for DeleteInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Id(_) => "Id(..)",
            Self::Seen(..) => "Seen(..)",
        })
    }
}

impl<T, D: Display> IntoTarget<T> for D {
    fn into_target(self) -> DeleteInput {
        DeleteInput::Id(self.to_string())
    }
}

fn seen<T>(versioned: &Versioned<T>) -> DeleteInput {
    let snapshot = versioned.snapshot();
    let id = snapshot.id().map(str::to_owned);
    DeleteInput::Seen(Box::new(snapshot.stored().clone()), snapshot.address(), id)
}

impl<T> IntoTarget<T> for Versioned<T> {
    fn into_target(self) -> DeleteInput {
        seen(&self)
    }
}

impl<T> IntoTarget<T> for &Versioned<T> {
    fn into_target(self) -> DeleteInput {
        seen(self)
    }
}

impl<T> IntoTarget<T> for Saved<T> {
    fn into_target(self) -> DeleteInput {
        seen(self.versioned())
    }
}

impl<T> IntoTarget<T> for &Saved<T> {
    fn into_target(self) -> DeleteInput {
        seen(self.versioned())
    }
}

/// A pending removal, returned by [`Collection::delete`](crate::Collection::delete).
///
/// It returns a [`WriteReport`]. If [`removal_pending`](WriteReport::removal_pending) is set, the
/// resource still exists and is only marked as being removed.
#[must_use = "nothing is sent before it is awaited"]
pub struct Delete<T> {
    call: Lazy<DeleteSettings<T>, Result<WriteReport, Error>>,
}

struct DeleteSettings<T> {
    write: WriteSettings<T>,
    handle: Result<Handle<T>, Error>,
    base: Option<StoredSnapshot>,
    /// The handle that was called, if the value lies elsewhere.
    by: Option<Arc<Handle<T>>>,
}

impl<T: ResourceData> Delete<T> {
    pub(crate) fn new(handle: Result<Handle<T>, Error>, base: Option<StoredSnapshot>) -> Self {
        Self {
            call: Lazy::new(DeleteSettings {
                write: WriteSettings::default(),
                handle,
                base,
                by: None,
            }),
        }
    }

    /// Names the handle that was called.
    pub(crate) fn by(self, handle: &Arc<Handle<T>>) -> Self {
        let by = Some(handle.clone());
        Self {
            call: self.call.set(|settings| settings.by = by),
        }
    }

    /// Removes only the version that was seen, instead of the current one, which would be read first.
    ///
    /// It takes a [`Versioned`] or a [`Saved`]. A value of another resource, one that was read with another query than
    /// this handle has, or an id makes the call return a `Config` error.
    ///
    /// # Example
    ///
    /// ```
    /// use ifmatch::{Client, testing::ResourceServer};
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = ResourceServer::start().await;
    /// server.put("/settings", r#"{"theme": "dark"}"#);
    /// let settings = Client::new(server.uri())?.resource::<serde_json::Value>("settings");
    ///
    /// let seen = settings.get().await?;
    /// settings.delete().pinned(&seen).await?;
    /// assert_eq!(server.text("/settings"), None);
    /// # Ok(())
    /// # }
    /// ```
    pub fn pinned(self, seen: impl IntoTarget<T>) -> Self {
        let seen = seen.into_target();
        Self {
            call: self.call.set(move |settings| {
                let Ok(handle) = &settings.handle else { return };
                match seen {
                    DeleteInput::Seen(base, address, id) => {
                        settings.base = Some(*base);
                        settings.handle = address.map_err(Error::config).and_then(|address| {
                            handle.check_pinned(&address).map_err(Error::config)?;
                            handle.at_snapshot(address, id)
                        });
                    }
                    DeleteInput::Id(_) => {
                        let why = "an id pins no version: pass the value that was read";
                        settings.handle = Err(Error::config(why));
                    }
                }
            }),
        }
    }
}

write_settings!(Delete);
queue_setting! {
    Delete => WriteReport, queue,
    /// Given an id, it removes the state with all queued writes of this user. If other clients have changed the resource by
    /// then, the strategy of the handle decides, and otherwise a person.
}
unconditional_setting!(Delete);
operation!(Delete<T> => Result<WriteReport, Error>, "delete", DeleteSettings::shown, run);

#[cfg(feature = "tracing")]
impl<T: ResourceData> DeleteSettings<T> {
    fn shown(&self) -> String {
        match &self.handle {
            Ok(handle) => handle.shown(false),
            Err(_) => "an invalid address".to_owned(),
        }
    }
}

async fn run<T: ResourceData>(settings: DeleteSettings<T>) -> Result<WriteReport, Error> {
    let mut call = Write::begin(settings.handle?, settings.write, Goal::Delete).await?;
    call.base = settings.base;
    Ok(call.run().await?.report)
}

async fn queue<T: ResourceData>(settings: DeleteSettings<T>) -> Result<Queued<WriteReport>, Error> {
    check_settings(&settings.write)?;
    let handle = settings.handle?;
    // The handle at the address of the value may differ from the one that is named after a restart.
    let of = registered(settings.by.as_deref().unwrap_or(&handle))?;
    queue_delete(handle, of, settings.base).await
}
