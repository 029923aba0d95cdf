//! A conflict that the API tells of, as a person is shown it.

use std::fmt;
use std::sync::Arc;

use http::{HeaderMap, StatusCode};

use super::service::Service;
use crate::operations::decision::shown_conflict;
use crate::operations::{GetOpt, ResourceData};
use crate::protocol::{Problem, ToldConflict, ToldSide};
use crate::resolve::Conflict;
use crate::store::StoredSnapshot;
use crate::value::Error;
use crate::write::edit_hooks::ConflictDocuments;

/// A conflict that the API tells of, and that waits for a person.
///
/// [`ConflictNotices`](crate::ConflictNotices) return it, and [`resolve`](Self::resolve) settles it.
pub struct ReportedConflict<T>(pub(super) Box<Shown<T>>);

pub(super) struct Shown<T> {
    pub(super) service: Arc<Service<T>>,
    pub(super) told: ToldConflict,
    pub(super) resource: String,
    /// The state of the resource that was read, if it exists.
    pub(super) remote: Option<StoredSnapshot>,
    conflict: Conflict<T>,
}

impl<T> Shown<T> {
    /// Whether both show the same state of the resource.
    pub(super) fn shows_the_same(&self, other: &Self) -> bool {
        let document = |shown: &Self| shown.remote.as_ref().map(|remote| remote.document.clone());
        document(self) == document(other)
    }
}

impl<T: ResourceData> ReportedConflict<T> {
    /// Reads the resource of a conflict.
    pub(super) async fn show(
        service: &Arc<Service<T>>,
        told: ToldConflict,
        resource: String,
    ) -> Result<Self, Error> {
        let handle = service.handle.item(&resource);
        let url = handle.target()?.url;
        let remote = GetOpt::new(handle.clone()).await?;
        let remote = remote.map(|remote| remote.snapshot().stored().clone());
        // The service tells of a conflict in the words in which the write was refused.
        let body = told.body.to_bytes();
        let problem = Problem::read(StatusCode::CONFLICT, &HeaderMap::new(), &body, &url);
        let documents = ConflictDocuments {
            base: told.base.clone(),
            local: told.local.document().cloned(),
            remote: remote.as_ref().map(|remote| remote.document.clone()),
            problem: Some(problem),
            round: 1,
            may_have_been_applied: false,
            doubtful: Vec::new(),
        };
        let conflict = shown_conflict(&documents, Some(&handle.policy)).map_err(|error| {
            let what = format!("{}: the sides of the conflict {:?}", url.path(), told.id);
            Error::decode(&what, error)
        })?;
        Ok(Self(Box::new(Shown {
            service: service.clone(),
            told,
            resource,
            remote,
            conflict,
        })))
    }
}

impl<T> ReportedConflict<T> {
    /// Returns the id of the conflict.
    pub fn id(&self) -> &str {
        &self.0.told.id
    }

    /// Returns the id of the resource in its collection.
    pub fn resource_id(&self) -> &str {
        &self.0.resource
    }

    /// Returns the type of the conflict, as the service spells it.
    pub fn type_name(&self) -> Option<&str> {
        self.0.told.kind.as_deref()
    }

    /// Returns the time of the conflict, as the service spells it. It is for people.
    pub fn time(&self) -> Option<&str> {
        self.0.told.time.as_deref()
    }

    /// Returns the sides: `base` and `local` as the service tells them, and `remote` as it was read from the resource.
    ///
    /// If the service tells the refused write, `merged` is what the rules of the type make of the sides, and
    /// [`fields`](Conflict::fields) are the places that the rules leave open. `local` is `None` if the refused write was a
    /// removal, or if the service does not [tell it](Self::tells_local).
    pub fn conflict(&self) -> &Conflict<T> {
        &self.0.conflict
    }

    /// Whether the service tells the refused write. Otherwise its side cannot be kept.
    pub fn tells_local(&self) -> bool {
        self.0.told.local != ToldSide::Unknown
    }
}

// Leaves out documents, which may hold secrets.
impl<T> fmt::Debug for ReportedConflict<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReportedConflict")
            .field("id", &self.0.told.id)
            .field("resource", &self.0.resource)
            .finish_non_exhaustive()
    }
}
