//! What a person has decided about a conflict that was shown. It holds only for the remote state that was shown.

use std::sync::Arc;

use super::outbox::pinned::Pinned;
use super::typed_edit::conflict;
use super::write_call::Write;
use super::write_settings::WriteSettings;
use crate::json::Document;
use crate::lens::Lens;
use crate::merge::{Policy, ThreeWay};
use crate::operations::{Handle, ResourceData};
use crate::resolve::{Conflict, Resolution};
use crate::store::StoredSnapshot;
use crate::value::{Error, WriteReport};
use crate::write::edit_hooks::ConflictDocuments;
use crate::write::machine::events::Goal;

/// A decision, as documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Store this document.
    Write(Document),
    Remove,
    KeepRemote,
}

impl Decision {
    /// Puts a resolution into the documents of the conflict.
    pub(crate) fn of<T: ResourceData>(
        resolution: Resolution<T>,
        conflict: &Conflict<T>,
        lens: &Lens<T>,
    ) -> Result<Self, Error> {
        let documents = || {
            conflict
                .documents()
                .map_err(|error| Error::decode("the sides cannot be read", error))
        };
        let written = |error: crate::BoxError| {
            Error::config("the decision cannot be written").with_failed_part(error)
        };
        Ok(match resolution {
            Resolution::Merged(value) => {
                Self::Write(documents()?.put(lens, &value).map_err(written)?)
            }
            Resolution::KeepLocal => match documents()?.keep_local(lens).map_err(written)? {
                Some(document) => Self::Write(document),
                None => Self::Remove,
            },
            Resolution::Delete => Self::Remove,
            Resolution::KeepRemote => Self::KeepRemote,
            Resolution::Unresolved { .. } => {
                let why = "the decision leaves the conflict open: leave the write as it is instead";
                return Err(Error::config(why));
            }
        })
    }

    /// Carries out the decision by an ordinary conditional write. If the resource has changed since it was shown, the call
    /// ends as `Conflict`.
    pub(crate) async fn write<T: ResourceData>(
        self,
        mut handle: Handle<T>,
        shown: Option<StoredSnapshot>,
    ) -> Result<WriteReport, Error> {
        handle.strategy = Arc::new(Pinned(handle.strategy.clone()));
        handle.handler = None;
        let (goal, local) = match (self, &shown) {
            (Self::Write(document), Some(_)) => (Goal::Replace, Some(document)),
            (Self::Write(document), None) => (Goal::Create, Some(document)),
            (Self::Remove, Some(_)) => (Goal::Delete, None),
            (Self::KeepRemote, _) | (Self::Remove, None) => return Ok(WriteReport::unchanged()),
        };
        let mut write = Write::begin(handle, WriteSettings::default(), goal).await?;
        (write.base, write.local) = (shown, local);
        Ok(write.run().await?.report)
    }
}

/// Returns the conflict that is shown to a person. If the two sides can be merged, `merged` is the result of the policy, and
/// the fields are what it leaves open.
pub(crate) fn shown_conflict<T: ResourceData>(
    documents: &ConflictDocuments,
    merges_by: Option<&Policy>,
) -> Result<Conflict<T>, crate::json::JsonError> {
    let shown = conflict(documents)?;
    let (Some(policy), Some(local), Some(remote)) =
        (merges_by, &documents.local, &documents.remote)
    else {
        return Ok(shown);
    };
    let merge = ThreeWay::new(policy.clone());
    let merged = merge.merge_documents(documents.base.as_ref(), local, remote);
    shown.after(Some(merged.document), merged.conflicts)
}
