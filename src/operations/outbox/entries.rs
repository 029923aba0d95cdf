//! `queue`: the operations that can be queued instead of awaited.

use std::time::Duration;

use http::HeaderMap;

use super::owner::{another_user, handle_digest};
use super::queued::{Queued, removed, saved};
use super::record::{NewWrite, Recording};
use super::view::View;
use super::writer;
use crate::journal::IntentGoal;
use crate::json::Document;
use crate::operations::typed_edit::{Edit, edit_once};
use crate::operations::write_settings::WriteSettings;
use crate::operations::{Handle, ResourceData, read};
use crate::store::{KeyDigest, StoredSnapshot};
use crate::value::{Error, ErrorKind, Saved, Versioned, WriteReport};

/// Checks that a call has no settings that a queued write cannot keep.
pub(in crate::operations) fn check_settings<T>(settings: &WriteSettings<T>) -> Result<(), Error> {
    let kept_elsewhere = if settings.strategy.is_some() {
        "`strategy` on the handle"
    } else if settings.max_rounds.is_some() {
        "`rounds` in the limits of the client"
    } else if settings.allows_unconditional {
        "a profile whose writes are unconditional"
    } else {
        return Ok(());
    };
    Err(Error::config(format!(
        "a queued write may be sent by another process, which does not have the settings of this call: set {kept_elsewhere} \
         instead"
    )))
}

/// Lets the handle send its queued writes, and returns its digest.
///
/// # Errors
///
/// Returns a `Config` error if the address of the handle is invalid, or the handle writes under a lease.
pub(in crate::operations) fn registered<T: ResourceData>(
    handle: &Handle<T>,
) -> Result<KeyDigest, Error> {
    if handle.lease.is_some() {
        let why = "a queued write may be sent when its lease is over: await the call instead";
        return Err(Error::config(why));
    }
    let of = handle_digest(handle)?;
    writer::register_first(handle, of);
    Ok(of)
}

/// Queues an edit, which runs on the state with all queued writes.
pub(in crate::operations) async fn queue_edit<T: ResourceData>(
    handle: Handle<T>,
    edit: Edit<T>,
    if_absent: Option<Document>,
    timeout: Option<Duration>,
) -> Result<Queued<Saved<T>>, Error> {
    let mut recording = Recording::of(handle).await?;
    if let Some(time) = timeout {
        recording.context.time = time;
    }
    loop {
        let mut view = recording.view().await?;
        if view.chain.is_empty() && view.document.is_none() {
            match read::read_in(&recording.context).await {
                Ok(found) => {
                    let user = found.origin.credentials;
                    if user.is_some_and(|user| user != recording.context.key.credentials()) {
                        return Err(another_user());
                    }
                    view.document = Some(found.document.clone());
                    view.base = Some(found);
                }
                Err(error)
                    if if_absent.is_some()
                        && matches!(error.kind(), ErrorKind::NotFound | ErrorKind::Gone) => {}
                Err(error) => return Err(error),
            }
        }
        let new = match (&view.document, &if_absent) {
            (Some(document), _) => {
                let edited = edit_once(&recording.handle.lens, document, &edit)?;
                if edited.same_text(document) {
                    return unchanged(&recording, &view, document);
                }
                NewWrite {
                    is_edit: true,
                    ..NewWrite::new(IntentGoal::Replace, base(&view, document), Some(edited))
                }
            }
            (None, Some(initial)) => NewWrite::new(IntentGoal::Create, None, Some(initial.clone())),
            (None, None) => {
                let path = recording.context.target.url.path();
                let why = format!(
                    "{path}: a queued write removes the resource, so there is nothing to edit"
                );
                return Err(Error::new(ErrorKind::NotFound, why));
            }
        };
        if let Some(queued) = recording.append_to(&view, new, saved::<T>).await? {
            return Ok(queued);
        }
    }
}

/// Returns what a write on the view is built on: the stored state, or the result of the queued writes before it, which
/// has no version yet.
fn base(view: &View, document: &Document) -> Option<StoredSnapshot> {
    if view.chain.is_empty() {
        return view.base.clone();
    }
    let rest = view.base.as_ref().and_then(|base| base.rest.clone());
    let mut base = StoredSnapshot::new(document.clone(), None, HeaderMap::new());
    base.rest = rest;
    Some(base)
}

fn unchanged<T: ResourceData>(
    recording: &Recording<T>,
    view: &View,
    document: &Document,
) -> Result<Queued<Saved<T>>, Error> {
    let stored = base(view, document)
        .unwrap_or_else(|| StoredSnapshot::new(document.clone(), None, HeaderMap::new()));
    let target = &recording.context.target;
    let versioned = Versioned::new(stored, target.url.clone(), recording.handle.id.clone())
        .map_err(|error| Error::decode(target.url.path(), error))?;
    let report = WriteReport::unchanged();
    Ok(Queued::done(
        Saved::new(versioned, report),
        &recording.handle.shared,
    ))
}

/// Queues a document that was made on a version.
pub(in crate::operations) async fn queue_save<T: ResourceData>(
    handle: Handle<T>,
    of: KeyDigest,
    base: StoredSnapshot,
    local: Document,
) -> Result<Queued<Saved<T>>, Error> {
    let recording = Recording::begin(handle, of).await?;
    let new = NewWrite::new(IntentGoal::Replace, Some(base), Some(local));
    recording.append(new, saved::<T>).await
}

/// Queues a creation.
pub(in crate::operations) async fn queue_create<T: ResourceData>(
    handle: Handle<T>,
    local: Document,
) -> Result<Queued<Saved<T>>, Error> {
    let recording = Recording::of(handle).await?;
    loop {
        let view = recording.view().await?;
        let new = NewWrite::new(IntentGoal::Create, None, Some(local.clone()));
        if let Some(queued) = recording.append_to(&view, new, saved::<T>).await? {
            return Ok(queued);
        }
    }
}

/// Queues a removal: of the version that was seen, or of the state with all queued writes.
pub(in crate::operations) async fn queue_delete<T: ResourceData>(
    handle: Handle<T>,
    of: KeyDigest,
    seen: Option<StoredSnapshot>,
) -> Result<Queued<WriteReport>, Error> {
    let recording = Recording::begin(handle, of).await?;
    loop {
        let view = recording.view().await?;
        let of_seen = |seen: &StoredSnapshot| {
            let same = |base: &StoredSnapshot| base.validator == seen.validator;
            view.base.as_ref().is_some_and(same)
        };
        let new = match &seen {
            // It was made beside the queued writes.
            Some(seen) if !view.chain.is_empty() && !of_seen(seen) => {
                let new = NewWrite::new(IntentGoal::Delete, Some(seen.clone()), None);
                return recording.append(new, removed::<T>).await;
            }
            Some(seen) if view.chain.is_empty() => {
                NewWrite::new(IntentGoal::Delete, Some(seen.clone()), None)
            }
            _ => {
                let base = view.document.as_ref().and_then(|shown| base(&view, shown));
                NewWrite::new(IntentGoal::Delete, base, None)
            }
        };
        if let Some(queued) = recording.append_to(&view, new, removed::<T>).await? {
            return Ok(queued);
        }
    }
}

/// Queues a document for a collection.
pub(in crate::operations) async fn queue_post<T: ResourceData>(
    handle: Handle<T>,
    document: Document,
    idempotency_key: Option<String>,
    honours_key: bool,
) -> Result<Queued<Saved<T>>, Error> {
    let recording = Recording::of(handle).await?;
    let new = NewWrite {
        idempotency_key,
        honours_key,
        ..NewWrite::new(IntentGoal::Append, None, Some(document))
    };
    recording.append(new, super::queued::posted::<T>).await
}
