//! `update` and `try_update`: read if needed, edit and write. After a race, the edit runs again.

use super::outbox::Queued;
use super::outbox::entries::{check_settings, queue_edit};
use super::typed_edit::Edit;
use super::write_call::Write;
use super::write_settings::{WriteSettings, queue_setting, unconditional_setting, write_settings};
use super::{Lazy, operation};
use crate::json::{Document, JsonError};
use crate::operations::{Handle, ResourceData};
use crate::value::{Error, Saved};
use crate::write::machine::events::Goal;

/// A pending update, returned by [`Collection::update`](crate::Collection::update) and
/// [`Collection::try_update`](crate::Collection::try_update).
///
/// It returns a [`Saved`] with the state that is now stored. Its [report](Saved::report) shows the number of
/// requests and rounds, and whether there was nothing to write.
#[must_use = "nothing is sent before it is awaited"]
pub struct Update<T> {
    call: Lazy<UpdateSettings<T>, Result<Saved<T>, Error>>,
}

struct UpdateSettings<T> {
    write: WriteSettings<T>,
    handle: Handle<T>,
    edit: Edit<T>,
    if_absent: Option<Result<Document, JsonError>>,
}

impl<T: ResourceData> Update<T> {
    pub(crate) fn new(handle: Handle<T>, edit: Edit<T>) -> Self {
        Self {
            call: Lazy::new(UpdateSettings {
                write: WriteSettings::default(),
                handle,
                edit,
                if_absent: None,
            }),
        }
    }

    /// Creates the resource with this value if it does not exist.
    ///
    /// The edit does not run on this value. If another client creates the resource in the meantime, the edit runs
    /// on that client's state.
    #[expect(clippy::needless_pass_by_value, reason = "the value is given away")]
    pub fn if_absent(self, value: T) -> Self {
        let document = Document::encode(&value);
        Self {
            call: self
                .call
                .set(|settings| settings.if_absent = Some(document)),
        }
    }
}

write_settings!(Update);
queue_setting! {
    Update => Saved<T>, queue,
    /// The edit runs now, on the state with all queued writes of this user, because a closure does not survive the
    /// process. From then on it is a [`save`](crate::Collection::save) of the result: after a race, the change is merged by
    /// the rules of the type, and the edit does not run again. So a guard in the edit holds for the state that it ran on,
    /// not for the one that is replaced.
    ///
    /// If nothing is known of the resource, it is read first, and the errors of a read are returned. If a queued write
    /// removes it, the error is `NotFound`.
}
unconditional_setting!(Update);
operation!(Update<T> => Result<Saved<T>, Error>, "update", |it| it.handle.shown(false), run);

async fn run<T: ResourceData>(settings: UpdateSettings<T>) -> Result<Saved<T>, Error> {
    let if_absent = settings.if_absent.transpose().map_err(Error::unwritable)?;
    if let Some(document) = &if_absent {
        settings.handle.check_new(document)?;
    }
    let mut call = Write::begin(settings.handle, settings.write, Goal::Replace).await?;
    call.base_is_cached = true;
    call.edits = vec![settings.edit];
    call.if_absent = if_absent;
    // With a strategy for this call, a race is merged. Otherwise the edit runs again on the new state.
    call.edit_reruns = call.settings.strategy.is_none();
    call.saved().await
}

async fn queue<T: ResourceData>(settings: UpdateSettings<T>) -> Result<Queued<Saved<T>>, Error> {
    check_settings(&settings.write)?;
    let if_absent = settings.if_absent.transpose().map_err(Error::unwritable)?;
    if let Some(document) = &if_absent {
        settings.handle.check_new(document)?;
    }
    let timeout = settings.write.timeout;
    queue_edit(settings.handle, settings.edit, if_absent, timeout).await
}
