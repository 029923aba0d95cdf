//! The notices of conflicts, as their consumer holds them.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use serde_json::Value;

use super::queued::QueuedConflicts;
use super::reported::ReportedConflict;
use super::service::Service;
use crate::operations::{OpenWrite, ResourceData};
use crate::protocol::ToldConflict;
use crate::value::{Error, ErrorKind};
use crate::watch::{Change, Watch};

/// How many open conflicts are remembered, to say of which resource a resolved one was.
const MOST_REMEMBERED: usize = 100_000;
/// The largest number of bytes of all ids that are remembered.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What a watch for conflicts tells.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConflictNotice<T> {
    /// A conflict that the API tells of. It waits for a person.
    Reported(ReportedConflict<T>),
    /// A queued write of this client's journal, which cannot be applied as it is.
    Queued(OpenWrite<T>),
    /// A reported conflict is resolved, by this client or by another one.
    Resolved {
        /// The id of the conflict.
        conflict: String,
        /// The id of the resource in its collection.
        resource: String,
    },
    /// Notices may have been missed. All open conflicts of the API follow, up to [`CaughtUp`](Self::CaughtUp).
    Reset,
    /// All conflicts of the API that are open now were told.
    CaughtUp,
}

/// Tells the conflicts that wait for a person, returned by [`Client::watch_conflicts`](crate::Client::watch_conflicts).
///
/// It tells all open conflicts first, and then what changes. A conflict may be told more than once, for example after a
/// reconnect or because the resource has changed again. Everything happens while [`next`](Self::next) is awaited, and dropping
/// it closes the connection. For reconnects and bounds, see [`Watch`](crate::Watch).
pub struct ConflictNotices<T> {
    service: Arc<Service<T>>,
    /// `None` if the API has no such service, or has ended it.
    watch: Option<Watch<Value>>,
    queued: Option<QueuedConflicts<T>>,
    /// A conflict whose resource is being read.
    pending: Option<(String, ToldConflict)>,
    resources: Remembered,
    has_answered: bool,
}

impl<T: ResourceData> ConflictNotices<T> {
    pub(super) fn new(service: Arc<Service<T>>, watch: Watch<Value>) -> Self {
        let handle = &service.handle;
        let journal = handle.shared.journal.as_ref();
        Self {
            queued: journal.map(|journal| QueuedConflicts::new(handle.clone(), journal)),
            watch: Some(watch),
            pending: None,
            resources: Remembered::default(),
            has_answered: false,
            service,
        }
    }

    /// Waits for the next notice. Returns `None` once nothing more can come.
    ///
    /// If the API has no such service (404, 405 or 501) and the client has a journal, only the open writes of the journal are
    /// told. The future may be dropped before it is ready. Nothing is lost then.
    ///
    /// # Errors
    ///
    /// - `NotFound` or `Status` if the API has no such service and the client has no journal.
    /// - `Decode` if the resource or a side does not fit the type, or the service cannot be read.
    /// - Otherwise the errors of a [`Watch`](crate::Watch::next) and of [`get`](crate::Collection::get), the latter about the
    ///   resource of one conflict. After `Transport` and `Exhausted`, the next call reads that resource again.
    /// - `Config` or `Journal` as [`Conflicts::next`](crate::Conflicts::next).
    pub async fn next(&mut self) -> Result<Option<ConflictNotice<T>>, Error> {
        loop {
            if let Some(queued) = &mut self.queued
                && let Some(open) = queued.next().await?
            {
                return Ok(Some(ConflictNotice::Queued(open)));
            }
            if let Some((id, told)) = &self.pending {
                let shown = ReportedConflict::show(&self.service, told.clone(), id.clone()).await;
                let is_temporary = |error: &Error| error.is_transport() || error.is_exhausted();
                if !shown.as_ref().is_err_and(is_temporary) {
                    self.pending = None;
                }
                return shown.map(ConflictNotice::Reported).map(Some);
            }
            let change = match (&mut self.watch, &mut self.queued) {
                (Some(watch), None) => watch.next().await,
                (Some(watch), Some(queued)) => tokio::select! {
                    biased;
                    change = watch.next() => change,
                    () = queued.changed() => continue,
                },
                (None, Some(queued)) => {
                    queued.changed().await;
                    continue;
                }
                (None, None) => return Ok(None),
            };
            match change {
                Ok(Some(change)) => {
                    self.has_answered = true;
                    if let Some(notice) = self.told(change) {
                        return Ok(Some(notice));
                    }
                }
                Ok(None) => self.watch = None,
                Err(error) if self.may_be_missing() && is_missing(&error) => {
                    self.watch = None;
                    if self.queued.is_none() {
                        let why = "the API has no conflict service there: set its paths with `ConflictService`";
                        return Err(error.and(why));
                    }
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether there may be no service. One that has answered, or to which it was subscribed, exists.
    fn may_be_missing(&self) -> bool {
        !self.has_answered && !self.service.rules.subscribes_by_post
    }

    fn told(&mut self, change: Change<Value>) -> Option<ConflictNotice<T>> {
        Some(match change {
            Change::Put(conflict) => {
                let told = self.service.rules.read(conflict.snapshot().document())?;
                let id = self.service.id_of(&told)?;
                self.resources.insert(&told.id, &id);
                self.pending = Some((id, told));
                return None;
            }
            Change::Gone(conflict) => {
                let resource = self.resources.remove(&conflict)?;
                ConflictNotice::Resolved { conflict, resource }
            }
            Change::Reset => ConflictNotice::Reset,
            Change::CaughtUp => ConflictNotice::CaughtUp,
        })
    }
}

/// The resources of the conflicts that were told, up to a limit.
#[derive(Default)]
struct Remembered {
    of: HashMap<String, String>,
    /// The bytes of all ids.
    bytes: usize,
}

impl Remembered {
    fn insert(&mut self, conflict: &str, resource: &str) {
        self.remove(conflict);
        let bytes = self.bytes + conflict.len() + resource.len();
        if self.of.len() < MOST_REMEMBERED && bytes <= MOST_BYTES {
            self.of.insert(conflict.to_owned(), resource.to_owned());
            self.bytes = bytes;
        }
    }

    fn remove(&mut self, conflict: &str) -> Option<String> {
        let resource = self.of.remove(conflict)?;
        self.bytes -= conflict.len() + resource.len();
        Some(resource)
    }
}

impl<T> ConflictNotices<T> {
    /// Whether the API tells of conflicts, as far as is known. It is `false` once the service is missing or has ended.
    pub fn has_service(&self) -> bool {
        self.watch.is_some()
    }
}

/// Whether an error says that there is nothing at the address of the service.
fn is_missing(error: &Error) -> bool {
    let status = error.status().map(|status| status.as_u16());
    error.kind() == ErrorKind::NotFound || matches!(status, Some(404 | 405 | 501))
}

impl<T> fmt::Debug for ConflictNotices<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConflictNotices").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_for_open_conflicts_is_bounded_in_bytes_and_freed_again() {
        let mut remembered = Remembered::default();
        let id = |number: usize| format!("{number:01024}");
        for number in 0..20_000 {
            remembered.insert(&id(number), "42");
        }
        assert!(remembered.bytes <= MOST_BYTES && remembered.of.len() > 8_000);
        let kept = remembered.of.len();
        remembered.insert(&id(0), "43");
        assert_eq!(remembered.of.len(), kept);
        assert_eq!(remembered.remove(&id(0)).as_deref(), Some("43"));
        for number in 1..20_000 {
            remembered.remove(&id(number));
        }
        assert_eq!((remembered.bytes, remembered.of.len()), (0, 0));
    }
}
