//! `save`: writes a value back over the version that it was read from.

use std::fmt;

use super::outbox::Queued;
use super::outbox::entries::{check_settings, queue_save, registered};
use super::write_call::Write;
use super::write_settings::{WriteSettings, queue_setting, unconditional_setting, write_settings};
use super::{Lazy, operation};
use crate::json::{Document, JsonError};
use crate::lens::Reading;
use crate::operations::{Handle, ResourceData};
use crate::store::StoredSnapshot;
use crate::value::{Error, Saved, Sides, SnapshotAddress, Versioned};
use crate::write::machine::events::Goal;

/// A value that can be saved: a [`Versioned`] or a [`Saved`], by reference or by value.
pub trait IntoSave<T> {
    #[doc(hidden)]
    fn into_save(self) -> SaveInput;
}

/// The input of a save.
pub struct SaveInput {
    base: StoredSnapshot,
    address: Result<SnapshotAddress, &'static str>,
    id: Option<String>,
    edited: Result<(Document, Document), JsonError>,
}

// Leaves out documents and addresses, which may hold secrets.
impl fmt::Debug for SaveInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SaveInput").finish_non_exhaustive()
    }
}

impl<T: ResourceData> IntoSave<T> for &Versioned<T> {
    fn into_save(self) -> SaveInput {
        let snapshot = self.snapshot();
        let value: &T = self;
        SaveInput {
            base: snapshot.stored().clone(),
            address: snapshot.address(),
            id: snapshot.id().map(str::to_owned),
            edited: snapshot
                .document()
                .encode_again(snapshot.base())
                .and_then(|before| {
                    let after = before.encode_again(value)?;
                    Ok((before, after))
                }),
        }
    }
}

impl<T: ResourceData> IntoSave<T> for Versioned<T> {
    fn into_save(self) -> SaveInput {
        (&self).into_save()
    }
}

impl<T: ResourceData> IntoSave<T> for &Saved<T> {
    fn into_save(self) -> SaveInput {
        self.versioned().into_save()
    }
}

impl<T: ResourceData> IntoSave<T> for Saved<T> {
    fn into_save(self) -> SaveInput {
        self.versioned().into_save()
    }
}

impl<T: ResourceData> IntoSave<T> for &mut Versioned<T> {
    fn into_save(self) -> SaveInput {
        (&*self).into_save()
    }
}

impl<T: ResourceData> IntoSave<T> for &mut Saved<T> {
    fn into_save(self) -> SaveInput {
        self.versioned().into_save()
    }
}

/// A pending save, returned by [`Collection::save`](crate::Collection::save).
///
/// It returns a [`Saved`], which holds the merged value under its new version. Make the next edit on
/// it, because the value that was passed in still has the old version. If the error is a conflict, take
/// both sides with [`Error::into_sides`], decide, and save the remote side.
#[must_use = "nothing is sent before it is awaited"]
pub struct Save<T> {
    pub(super) call: Lazy<SaveSettings<T>, Result<Saved<T>, Error>>,
}

pub(super) struct SaveSettings<T> {
    pub(super) write: WriteSettings<T>,
    handle: Handle<T>,
    input: SaveInput,
}

impl<T: ResourceData> Save<T> {
    pub(crate) fn new(handle: Handle<T>, input: SaveInput) -> Self {
        Self {
            call: Lazy::new(SaveSettings {
                write: WriteSettings::default(),
                handle,
                input,
            }),
        }
    }
}

write_settings!(Save);
queue_setting! {
    Save => Saved<T>, queue,
    /// The value is merged with what other clients, and earlier queued writes, have made of the resource by then. Its
    /// base is the version that it was read from. To change a resource that has queued writes, queue an
    /// [`update`](crate::Collection::update), which runs on their result.
}
unconditional_setting!(Save);
operation!(Save<T> => Result<Saved<T>, Error>, "save", |it| it.handle.shown(it.input.id.is_some()), run);

/// A save whose value has been put into its document.
pub(crate) struct PreparedSave<T> {
    pub(crate) handle: Handle<T>,
    pub(crate) base: StoredSnapshot,
    pub(crate) local: Document,
}

impl<T: ResourceData> PreparedSave<T> {
    pub(crate) fn of(handle: &Handle<T>, input: SaveInput) -> Result<Self, Error> {
        let (before, after) = input.edited.map_err(Error::unwritable)?;
        let target = Reading {
            raw: input.base.document.clone(),
            shown: before,
        };
        let put = handle.lens.put_reading(&target, &after, None);
        let local = put.as_ref().unwrap_or(&after).clone();
        let unsent = |error| unsent::<T>(error, &input.base, &local);
        put.map_err(|error| unsent(Error::unfaithful(error)))?;
        let address = input.address.map_err(|why| unsent(Error::config(why)))?;
        let handle = handle.at_snapshot(address, input.id).map_err(unsent)?;
        Ok(Self {
            handle,
            base: input.base,
            local,
        })
    }
}

/// Adds the sides to an error of a save that sent nothing.
fn unsent<T: ResourceData>(error: Error, base: &StoredSnapshot, local: &Document) -> Error {
    error.with_sides(Sides::<T> {
        base: base.document.decode().ok(),
        local: local.decode().ok(),
        remote: None,
        fields: Vec::new(),
    })
}

async fn run<T: ResourceData>(settings: SaveSettings<T>) -> Result<Saved<T>, Error> {
    let PreparedSave {
        handle,
        base,
        local,
    } = PreparedSave::of(&settings.handle, settings.input)?;
    let begun = Write::begin(handle, settings.write, Goal::Replace).await;
    let mut call = begun.map_err(|error| unsent::<T>(error, &base, &local))?;
    call.base = Some(base);
    call.local = Some(local);
    call.saved().await
}

async fn queue<T: ResourceData>(settings: SaveSettings<T>) -> Result<Queued<Saved<T>>, Error> {
    check_settings(&settings.write)?;
    // The handle at the address of the value may differ from the one that is named after a restart.
    let of = registered(&settings.handle)?;
    let prepared = PreparedSave::of(&settings.handle, settings.input)?;
    queue_save(prepared.handle, of, prepared.base, prepared.local).await
}
