//! `create`: a new resource under an id that the caller or a refusal handler chooses.

use std::marker::PhantomData;

use tokio::time::Instant;

use super::outbox::Queued;
use super::outbox::entries::{check_settings, queue_create};
use super::write_call::{Ended, Write, conclude};
use super::write_settings::{WriteSettings, queue_setting, write_settings};
use super::{Lazy, operation};
use crate::json::{Document, JsonError};
use crate::operations::{Handle, ResourceData};
use crate::value::{Error, Saved, WriteReport};
use crate::write::machine::events::Goal;

/// A pending creation, returned by [`Collection::create`](crate::Collection::create).
///
/// It returns a [`Saved`], whose version the next [`save`](crate::Collection::save) of it uses. After a
/// refusal handler has chosen another id, [`Snapshot::id`](crate::Snapshot::id) is the new one.
#[must_use = "nothing is sent before it is awaited"]
pub struct Create<T> {
    call: Lazy<CreateSettings<T>, Result<Saved<T>, Error>>,
}

struct CreateSettings<T> {
    write: WriteSettings<T>,
    handle: Handle<T>,
    document: Result<Document, JsonError>,
}

impl<T: ResourceData> Create<T> {
    pub(crate) fn new(handle: Handle<T>, value: &T) -> Self {
        Self {
            call: Lazy::new(CreateSettings {
                write: WriteSettings::default(),
                handle,
                document: Document::encode(value),
            }),
        }
    }
}

write_settings!(Create);
queue_setting! {
    Create => Saved<T>, queue,
    /// If the resource exists by then and no refusal handler adopts it, the write waits for a person. A handler cannot
    /// choose another id for it.
}
operation!(Create<T> => Result<Saved<T>, Error>, "create", |it| it.handle.shown(false), run);

async fn run<T: ResourceData>(settings: CreateSettings<T>) -> Result<Saved<T>, Error> {
    let document = settings.document.map_err(Error::unwritable)?;
    settings.handle.check_new(&document)?;
    let (mut handle, asked, begun) = (settings.handle, settings.write, Instant::now());
    let limits = &handle.shared.exchange.limits;
    let time = asked.timeout.unwrap_or(limits.time);
    let rounds = asked.max_rounds.unwrap_or(limits.rounds);
    let (mut local, mut before) = (Some(document), WriteReport::default());
    loop {
        let write = WriteSettings {
            timeout: Some(time.saturating_sub(begun.elapsed())),
            max_rounds: Some(rounds - before.rounds),
            strategy: asked.strategy.clone(),
            ..WriteSettings::default()
        };
        let mut call = Write::begin(handle.clone(), write, Goal::Create).await?;
        (call.local, call.attempts) = (local, before.rounds);
        let target = call.context.target.clone();
        let (done, report) = call.carry_out().await?;
        let report = report.after(&before);
        let another = done
            .diagnosis
            .new_id
            .as_ref()
            .filter(|_| report.rounds < rounds);
        let Some(renamed) = another.map(|id| handle.renamed(id)) else {
            return conclude::<T>(target, handle.id.take(), done, report)?.saved();
        };
        match renamed {
            Ok(renamed) => (handle, local, before) = (renamed, done.state.local, report),
            Err(error) => {
                let (id, of) = (handle.id.take(), PhantomData);
                let ended = Ended::<T> {
                    target,
                    id,
                    done,
                    report,
                    of,
                };
                return Err(ended.but(error));
            }
        }
    }
}

async fn queue<T: ResourceData>(settings: CreateSettings<T>) -> Result<Queued<Saved<T>>, Error> {
    check_settings(&settings.write)?;
    let document = settings.document.map_err(Error::unwritable)?;
    settings.handle.check_new(&document)?;
    queue_create(settings.handle, document).await
}
