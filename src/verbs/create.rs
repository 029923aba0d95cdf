//! `create`: a new resource under a name that the caller chooses.

use super::write::{Write, WriteSettings, write_settings};
use super::{Lazy, verb};
use crate::document::Saved;
use crate::error::Error;
use crate::handle::{Handle, Resourceful};
use crate::json::{Document, JsonError};
use crate::write::plan::Goal;

/// A creation under way; made by [`Collection::create`](crate::Collection::create).
#[must_use = "nothing is sent before it is awaited"]
pub struct Create<T> {
    call: Lazy<Settings<T>, Result<Saved<T>, Error>>,
}

struct Settings<T> {
    write: WriteSettings<T>,
    handle: Handle<T>,
    document: Result<Document, JsonError>,
}

impl<T: Resourceful> Create<T> {
    pub(crate) fn new(handle: Handle<T>, value: &T) -> Self {
        Self {
            call: Lazy::new(Settings {
                write: WriteSettings::default(),
                handle,
                document: Document::encode(value),
            }),
        }
    }
}

write_settings!(Create);
verb!(Create<T> => Result<Saved<T>, Error>, run);

async fn run<T: Resourceful>(settings: Settings<T>) -> Result<Saved<T>, Error> {
    let document = settings.document.map_err(|error| {
        Error::config(format!("the value cannot be written as JSON: {error}")).with_source(error)
    })?;
    let mut call = Write::begin(settings.handle, settings.write, Goal::Create).await?;
    call.local = Some(document);
    call.saved().await
}
